"""Annotations of the ports' arguments, with the types and ranges of the originals.

The arguments of a port are checked by them before it runs, so that errors have the
original's names.
"""

import math
from collections.abc import Callable
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated
from typing import Any
from typing import Literal

from keras.optimizers.schedules import LearningRateSchedule

from kerasched.errors import SMALLEST
from kerasched.errors import Integer
from kerasched.errors import Items
from kerasched.errors import Number
from kerasched.errors import message
from kerasched.errors import scalar
from kerasched.schedules.arguments import ScheduleArgument
from kerasched.schedules.from_function import RegisteredFunction

# Relative: 0.07 * 100 stands for 7 steps, although the float is slightly larger.
ROUNDING = 1e-9


@dataclass(eq=False, repr=False)
class WholeNumber(Integer):
    """An integer that may be given as a float, such as 0.1 * 1000 steps."""

    def __call__(self, owner: str, argument: str, value: Any) -> int:
        number = scalar(value)
        if isinstance(number, float) and math.isfinite(number):
            whole = round(number)
            if abs(number - whole) > ROUNDING * max(1.0, abs(number)):
                fix = "Round it, as with int()"
                raise ValueError(message(owner, argument, self.requirement, value, fix))
            number = whole
        return super().__call__(owner, argument, number)


@dataclass(eq=False, repr=False)
class Float(Number):
    """A float. The originals reject an integer here, as it may be a percentage."""

    def __call__(self, owner: str, argument: str, value: Any) -> float:
        if isinstance(scalar(value), int):
            raise TypeError(message(owner, argument, self.requirement, value))
        return super().__call__(owner, argument, value)


@dataclass(eq=False, repr=False)
class ZeroOrNormal(Number):
    """A non-negative number that does not underflow to 0 in float32."""

    def __call__(self, owner: str, argument: str, value: Any) -> float:
        number = super().__call__(owner, argument, value)
        if 0.0 < number < SMALLEST:
            what = f"0, or a finite number of at least {SMALLEST}"
            raise ValueError(message(owner, argument, what, value))
        return number


@dataclass(eq=False, repr=False)
class RateOrSchedule:
    """A rate, or a learning-rate schedule."""

    requirement: str = "a non-negative finite number or a learning-rate schedule"

    def __call__(self, owner: str, argument: str, value: Any) -> Any:
        if isinstance(value, LearningRateSchedule):
            return ScheduleArgument()(owner, argument, value)
        return Number(self.requirement, minimum=0.0)(owner, argument, value)


@dataclass(eq=False, repr=False)
class AtLeastOne(Items):
    """A list or tuple that is not empty."""

    def __call__(self, owner: str, argument: str, value: Any) -> tuple[Any, ...]:
        items = super().__call__(owner, argument, value)
        if not items:
            raise ValueError(message(owner, argument, "not empty", value))
        return items


@dataclass(eq=False, repr=False)
class InOrder(Items):
    """A list or tuple of numbers, none below the one before it."""

    strictly: bool = False

    def __call__(self, owner: str, argument: str, value: Any) -> tuple[Any, ...]:
        items = super().__call__(owner, argument, value)
        ordered = sorted(set(items)) if self.strictly else sorted(items)
        if list(items) != ordered:
            what = "strictly increasing" if self.strictly else "in increasing order"
            raise ValueError(message(owner, argument, what, value))
        return items


@dataclass(eq=False, repr=False)
class Arguments:
    """Arguments by their names."""

    requirement: str = "a dict of arguments by name"

    def __call__(self, owner: str, argument: str, value: Any) -> dict[str, Any]:
        named = isinstance(value, Mapping) and all(isinstance(k, str) for k in value)
        if not named:
            raise TypeError(message(owner, argument, self.requirement, value))
        return dict(value)


@dataclass(eq=False, repr=False)
class Table:
    """A mapping from one kind of number to another."""

    keys: Any
    values: Any
    requirement: str = "a dict"

    def __call__(self, owner: str, argument: str, value: Any) -> dict[Any, Any]:
        if not isinstance(value, Mapping):
            raise TypeError(message(owner, argument, self.requirement, value))
        return {
            self.keys(owner, f"{argument} (a key)", key): self.values(
                owner, f"{argument}[{key!r}]", item
            )
            for key, item in value.items()
        }


_STEPS = WholeNumber("a positive whole number", minimum=1)
_COUNT = WholeNumber("a non-negative whole number", minimum=0)
_RATE = Number("a non-negative finite number", minimum=0.0)

WholeSteps = Annotated[int, _STEPS]
WholeCount = Annotated[int, _COUNT]
AnyWhole = Annotated[int, WholeNumber("a whole number")]
Factor = Annotated[
    float,
    Number(
        "a number above 0 and at most 1",
        minimum=0.0,
        exclusive=True,
        below=math.nextafter(1.0, 2.0),
    ),
]
FloatShare = Annotated[
    float,
    Float("a float from 0 to 1", minimum=0.0, below=math.nextafter(1.0, 2.0)),
]
DecayRate = Annotated[float, ZeroOrNormal("a non-negative finite number", minimum=0.0)]
BelowOne = Annotated[
    float, Number("a number from 0 to below 1", minimum=0.0, below=1.0)
]
PositiveFloat = Annotated[
    float, Float("a positive finite float", minimum=0.0, exclusive=True)
]
AnyRate = Annotated[float | LearningRateSchedule, RateOrSchedule()]
Anneal = Literal["cos", "linear"]
Mode = Literal["triangular", "triangular2", "exp_range"]
ScaleMode = Literal["cycle", "iterations"]
Function = Annotated[Callable[..., Any], RegisteredFunction()]
Schedules = Annotated[Sequence[LearningRateSchedule], AtLeastOne(ScheduleArgument())]
Milestones = Annotated[Sequence[int], Items(_COUNT)]
RisingMilestones = Annotated[Sequence[int], InOrder(_COUNT)]
Boundaries = Annotated[Sequence[int], InOrder(_COUNT, strictly=True)]
Rates = Annotated[Sequence[float], Items(_RATE)]
Scales = Annotated[Mapping[int, float], Table(_COUNT, _RATE)]
Keywords = Annotated[Mapping[str, Any], Arguments()]
CosineCycles = Annotated[Sequence[Mapping[str, Any]], AtLeastOne(Arguments())]
Times = Annotated[Sequence[float], Items(Number("a finite number"))]
