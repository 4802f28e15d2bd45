"""The base class of every schedule.

From the fields and the formula of a subclass it derives checked arguments,
immutability, config, equality, hash and repr, evaluation on the host and in a compiled
step, operators, lengths in epochs, and a new end for a run under way.
"""

import dataclasses
import json
import math
import os
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Sequence
from typing import Any
from typing import Self
from typing import overload

import keras
import numpy as np
from numpy.typing import NDArray

from kerasched.errors import LARGEST
from kerasched.errors import bind
from kerasched.errors import message
from kerasched.schedules.arguments import checks_of
from kerasched.schedules.bounds import UNKNOWN
from kerasched.schedules.bounds import Bounds
from kerasched.schedules.bounds import bounds_of
from kerasched.schedules.config import arguments_from_config
from kerasched.schedules.config import depth_of
from kerasched.schedules.config import to_config
from kerasched.schedules.epochs import in_steps
from kerasched.schedules.extend import extend
from kerasched.schedules.extend import refuse_to_extend
from kerasched.schedules.fields import WithFields
from kerasched.schedules.fields import freeze
from kerasched.schedules.host_math import HostMath
from kerasched.schedules.html import html_of
from kerasched.schedules.operators import Operators
from kerasched.schedules.step_math import StepMath
from kerasched.schedules.step_math import to_rates

# Keras has no type stubs, so to mypy its class is `Any`, and a subclass of it would be
# accepted as a float. mypy does not evaluate this condition and uses the first
# definition. Pyright, which reads Keras's source, evaluates it and uses the second.
if os.name == "mypy":

    class LearningRateSchedule:
        """Keras's class, all of whose methods Schedule defines."""

else:  # mypy sees two definitions of one name.
    from keras.optimizers.schedules import LearningRateSchedule  # type: ignore[no-redef]

# Steps evaluated at once on the host: intermediate results stay in the cache, which
# makes a million steps two to three times faster.
BLOCK = 16_384


class Schedule(WithFields, Operators, LearningRateSchedule):
    """A learning rate as a function of the optimizer's step.

    A subclass is a frozen dataclass: its annotated fields are its constructor's
    arguments, checked as they are annotated, and `value(step, xp)` is its formula.
    Saving, comparing and printing follow from the fields.

    Args:
        name: any text. It is kept in the config and ignored in comparisons.
    """

    name: str | None = dataclasses.field(default=None, kw_only=True, compare=False)

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        freeze(cls)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        cls: type = type(self)
        given = bind(cls.__name__, type(self).__signature__, args, kwargs)
        given.apply_defaults()
        checks = checks_of(cls)
        for name, value in given.arguments.items():
            object.__setattr__(self, name, checks[name](cls.__name__, name, value))
        object.__setattr__(self, "_depth", depth_of(cls.__name__, self._arguments()))
        self.check()
        object.__setattr__(self, "_bounds", self.bounds)

    def check(self) -> None:
        """Raise ValueError if arguments that are valid alone do not fit together."""

    def _invalid(self, argument: str, requirement: str, fix: str = "") -> ValueError:
        """Return the error of an argument whose value does not meet a requirement."""
        owner, value = type(self).__name__, getattr(self, argument)
        return ValueError(message(owner, argument, requirement, value, fix))

    def value(self, step: Any, xp: Any) -> Any:
        """Return the formula's value. A subclass must define this.

        Args:
            step: integer array or tensor of any shape, never negative, in optimizer
                steps. Compare it, apply minimum, maximum, floor_divide and mod, or
                subtract a smaller number; `xp.real` converts it to a real number.
            xp: HostMath or StepMath, two namespaces with the same names.
        """
        raise NotImplementedError(f"{type(self).__name__} must define value(step, xp)")

    def __call__(self, step: Any) -> Any:
        """Return the learning rate at `step`, inside or outside of a compiled step.

        Args:
            step: integer or float tensor, array or number of any shape, in optimizer
                steps from 0. A float is rounded down, a negative step counts as 0.

        Returns:
            A float32 tensor of the backend in the shape of `step` (float64 where
            `keras.config.floatx()` is float64).

        Raises:
            ValueError: a Python or NumPy step is 2**31 or more.
        """
        steps = StepMath.to_steps(step)
        return to_rates(value_of(self, steps, StepMath), steps)

    @overload
    def evaluate(self, steps: float) -> np.float64: ...

    @overload
    def evaluate(self, steps: Sequence[float] | np.ndarray) -> NDArray[np.float64]: ...

    @overload
    def evaluate(self, steps: Any) -> Any: ...

    def evaluate(self, steps: Any) -> Any:
        """Return the learning rate at `steps` in float64, computed on the host.

        Args:
            steps: integer or float number or array of any shape, in optimizer steps
                from 0. A float is rounded down, a negative step counts as 0.

        Returns:
            A NumPy float64 array in the shape of `steps`; a scalar for a scalar.

        Raises:
            ValueError: a step is 2**31 or more, or not a number.
        """
        steps = HostMath.to_steps(steps)
        flat = steps.reshape(-1)  # NumPy may round a scalar differently from an array.
        rates = np.empty(flat.shape)
        with np.errstate(all="ignore"):
            for start in range(0, flat.size, BLOCK):
                block = slice(start, start + BLOCK)
                rates[block] = value_of(self, flat[block], HostMath)
        return rates.reshape(steps.shape)[()]

    @property
    def constant_after(self) -> int | None:
        """The step from which the value no longer changes, None if it never stops."""
        return None

    @property
    def bounds(self) -> Bounds:
        """The smallest known interval that contains every rate: (low, high).

        Use it for the limits of a plot or to check a recipe. It follows from the
        arguments, and for a composition from the bounds of its parts. Rates may exceed
        it by rounding: of float64 in `evaluate`, of float32 in a call. It is
        (-inf, inf) if nothing is known, as for a function of yours or another
        library's schedule.
        """
        return UNKNOWN

    @property
    def exact(self) -> bool:
        """Whether no function and no other library's schedule is nested inside."""
        return all(getattr(child, "exact", False) for child in self.children)

    @property
    def children(self) -> tuple[LearningRateSchedule, ...]:
        """The schedules among the arguments, in the order of the arguments."""
        items: list[Any] = []
        for _, value in self._arguments():
            items.extend(value if isinstance(value, tuple) else [value])
        return tuple(x for x in items if isinstance(x, LearningRateSchedule))

    def get_config(self) -> dict[str, Any]:
        """Return the arguments as JSON-native values, nested schedules serialised."""
        config = {name: to_config(value) for name, value in self._arguments()}
        return {**config, "name": self.name}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "Schedule":
        """Return the schedule that `get_config` described.

        Raises:
            TypeError: the config is not a dict, or an argument has the wrong type.
            ValueError: an argument has an invalid value, or is nested too deeply.
        """
        return cls(**arguments_from_config(cls.__name__, config))

    @classmethod
    def from_epochs(cls, *args: Any, steps_per_epoch: Any, **kwargs: Any) -> Self:
        """Return a schedule whose lengths are given in epochs instead of steps.

        Args:
            args: the arguments in the order of the class, with epochs for steps.
            steps_per_epoch: steps in one epoch: a number, or a dataset with as many
                batches (a tf.data.Dataset, keras.utils.PyDataset, torch DataLoader).
            kwargs: the arguments by name, with `epochs` for `steps`, as in
                `decay_epochs`. Epochs may be fractions; they are rounded to the nearest
                whole step. Defaults remain in steps, and nested schedules do not
                change.

        Raises:
            TypeError: an argument is missing or unknown, or none is in steps.
            ValueError: the class does not accept the value of an argument.
        """
        return cls(**in_steps(cls, args, kwargs, steps_per_epoch))

    def extend(self, new_total: int, step: int = 0) -> "Schedule":
        """Return this schedule with its end moved, for a run that is under way.

        Rates before `step` stay the same, and the rest is stretched or shortened. The
        rate at `step` does not jump where the curve allows it. The ramp of a Warmup
        keeps its length, and so does the decay of a WarmupStableDecay that has not
        begun.

        Args:
            new_total: the step at which the schedule shall end, above `step`.
            step: the current step of the run, before the present end.

        Raises:
            ValueError: this schedule never ends or never changes, its kind has no rule
                for moving its end, or the new end is too near.
        """
        return extend(self, new_total, step)

    def _extended(self, total: int, step: int) -> "Schedule":
        """Return this schedule with the same rates up to `step` and its end at `total`.

        A schedule whose end can be moved overrides this. It ends after `step`, and
        `total` lies above `step`.
        """
        refuse_to_extend(self)

    def __eq__(self, other: object) -> Any:
        if type(other) is not type(self):
            return NotImplemented
        return self._identity() == other._identity()

    def __hash__(self) -> int:
        return hash((type(self), self._identity()))

    def __repr__(self) -> str:
        fields = dataclasses.fields(self)
        given = [
            f"{field.name}={_repr_of(getattr(self, field.name))}"
            for field in (*fields[1:], fields[0])  # `name` of this class comes last.
            if getattr(self, field.name) != field.default
        ]
        return f"{type(self).__name__}({', '.join(given)})"

    def _repr_html_(self) -> str:
        """Return what a notebook shows: the curve as a small picture, and the repr."""
        return html_of(self)

    def _arguments(self) -> Iterator[tuple[str, Any]]:
        for field in dataclasses.fields(self):
            if field.name != "name":
                yield field.name, getattr(self, field.name)

    def _identity(self) -> tuple[Any, ...]:
        return tuple(_identity_of(value) for _, value in self._arguments())


def value_of(schedule: LearningRateSchedule, step: Any, xp: Any) -> Any:
    """Return the value of a nested schedule, ours or another library's."""
    if not isinstance(schedule, Schedule):
        return xp.call_external(schedule, step)
    value = schedule.value(step, xp)
    low, high = bounds_of(schedule)
    # Rates that grow without end, or combine large rates, stay finite in float32.
    if high <= 0.5 * LARGEST or low == -math.inf:
        return value
    return xp.minimum(value, xp.largest())


def constant_after_of(schedule: LearningRateSchedule) -> int | None:
    """Return `constant_after` of a nested schedule, None for another library's."""
    return getattr(schedule, "constant_after", None)


def all_constant_after(schedules: Iterable[LearningRateSchedule]) -> int | None:
    """Return the step from which none of the schedules changes, None for never."""
    ends = [constant_after_of(schedule) for schedule in schedules]
    known = [end for end in ends if end is not None]
    return max(known) if len(known) == len(ends) else None


def _is_external(value: Any) -> bool:
    """Return whether a value is another library's schedule, such as Keras's own."""
    return isinstance(value, LearningRateSchedule) and not isinstance(value, Schedule)


def _identity_of(value: Any) -> Any:
    """Return what is compared and hashed for an argument's value."""
    if isinstance(value, tuple):
        return tuple(_identity_of(item) for item in value)
    if _is_external(value):
        config = keras.saving.serialize_keras_object(value)
        return json.dumps(config, sort_keys=True)
    return value


def _repr_of(value: Any) -> str:
    if isinstance(value, tuple):
        return f"({', '.join(map(_repr_of, value))}{',' if len(value) == 1 else ''})"
    if _is_external(value):
        config = value.get_config()
        given = (f"{k}={v!r}" for k, v in config.items() if v is not None)
        return f"{type(value).__name__}({', '.join(given)})"
    return repr(value)


freeze(Schedule)
