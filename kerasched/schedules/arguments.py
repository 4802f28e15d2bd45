"""The annotations of schedules' arguments, and the checks that they define.

An annotation alone defines an argument's type and range. The constructor checks values
against it, and the property tests draw values from it.
"""

import functools
import math
import numbers
import types
import typing
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated
from typing import Any
from typing import Literal

import keras
from keras.optimizers.schedules import LearningRateSchedule

from kerasched.errors import Check
from kerasched.errors import Choice
from kerasched.errors import Flag
from kerasched.errors import Integer
from kerasched.errors import Items
from kerasched.errors import Number
from kerasched.errors import Optional
from kerasched.errors import Text
from kerasched.errors import message
from kerasched.errors import scalar

Rate = Annotated[float, Number("a non-negative finite number", minimum=0.0)]
Positive = Annotated[
    float, Number("a positive finite number", minimum=0.0, exclusive=True)
]
Share = Annotated[
    float,
    Number("a number from 0 to 1", minimum=0.0, below=math.nextafter(1.0, 2.0)),
]
# How many times longer each cycle is than the one before. Only the host uses it.
Multiplier = Annotated[
    float,
    Number("a positive finite number", 0.0, exclusive=True, largest=math.inf),
]
Part = Annotated[
    float,
    Number("a number above 0 and below 1", minimum=0.0, exclusive=True, below=1.0),
]
Steps = Annotated[int, Integer("a positive integer", minimum=1)]
Length = Annotated[
    float, Number("a positive finite number", minimum=0.0, exclusive=True)
]
Offset = Annotated[float, Number("a non-negative finite number", minimum=0.0)]
Boundary = Annotated[int, Integer("a non-negative integer", minimum=0)]


@dataclass(eq=False, repr=False)
class Counted(Integer):
    """A count of things other than optimizer steps."""


Count = Annotated[int, Counted("a positive integer", minimum=1)]
Seed = Annotated[int, Counted("a non-negative integer", minimum=0)]


@dataclass(eq=False, repr=False)
class Size(Number):
    """A number that stays an integer if it is given as one."""

    def __call__(self, owner: str, argument: str, value: Any) -> float:
        number, given = super().__call__(owner, argument, value), scalar(value)
        return int(given) if isinstance(given, numbers.Integral) else number


Width = Annotated[float, Size("a positive finite number", minimum=0.0, exclusive=True)]


@dataclass(eq=False, repr=False)
class ScheduleArgument:
    """A learning-rate schedule that can be saved: ours, Keras's or a registered one."""

    requirement: str = "a learning-rate schedule"

    def __call__(self, owner: str, argument: str, value: Any) -> LearningRateSchedule:
        if not isinstance(value, LearningRateSchedule):
            fix = "Wrap a number in Constant"
            raise TypeError(message(owner, argument, self.requirement, value, fix))
        if not _can_be_saved(type(value)):
            fix = "Decorate its class with keras.saving.register_keras_serializable()"
            what = "a schedule whose class is registered with Keras"
            raise ValueError(message(owner, argument, what, value, fix))
        return value


@functools.cache
def checks_of(cls: type) -> dict[str, Check]:
    """Return the check of every annotated argument of a schedule class."""
    hints = typing.get_type_hints(cls, include_extras=True)
    return {name: check_of(hint) for name, hint in hints.items()}


def check_of(hint: Any) -> Check:
    """Return the check that an annotation defines.

    Raises:
        TypeError: a schedule's argument cannot have this annotation.
    """
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is Annotated:
        return arguments[1]
    if origin is Literal:
        return Choice(arguments)
    if origin is Sequence or (origin is tuple and arguments[1:] == (...,)):
        return Items(check_of(arguments[0]))
    if origin in (typing.Union, types.UnionType) and len(arguments) == 2:
        return Optional(check_of(arguments[0]))
    if isinstance(hint, type) and issubclass(hint, LearningRateSchedule):
        return ScheduleArgument()
    plain: dict[Any, Check] = {
        float: Number(),
        int: Integer(),
        bool: Flag(),
        str: Text(),
    }
    if hint not in plain:
        raise TypeError(f"A schedule's argument cannot be annotated with {hint!r}.")
    return plain[hint]


def _can_be_saved(cls: type) -> bool:
    if getattr(keras.optimizers.schedules, cls.__name__, None) is cls:
        return True
    name = keras.saving.get_registered_name(cls)
    return keras.saving.get_registered_object(name) is cls
