"""The base class of every schedule, which carries the hard parts once.

Exact integer time, one formula with two evaluators, checks of arguments, config,
equality, hash and repr from the fields, and immutability.
"""

import dataclasses
import inspect
import json
import math
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Sequence
from typing import Any
from typing import Self
from typing import dataclass_transform

import keras
import numpy as np
from keras.optimizers.schedules import LearningRateSchedule

from kerasched.errors import LARGEST
from kerasched.errors import message
from kerasched.schedules.arguments import checks_of
from kerasched.schedules.arithmetic import Arithmetic
from kerasched.schedules.bounds import UNKNOWN
from kerasched.schedules.bounds import Bounds
from kerasched.schedules.evaluators import HostMath
from kerasched.schedules.evaluators import StepMath

_EITHER = inspect.Parameter.POSITIONAL_OR_KEYWORD
_KEYWORD = inspect.Parameter.KEYWORD_ONLY
_NONE = inspect.Parameter.empty

# Schedules one inside another, through which saving, printing and tracing recurse: a
# step of TensorFlow takes some 15 frames a level, of the 1000 that Python allows.
MOST_LEVELS = 32
# Lists and dicts one inside another in the config of so many schedules: three for each.
MOST_CONFIG_LEVELS = 3 * MOST_LEVELS + 2
TOO_DEEP = f"nested so that at most {MOST_LEVELS} schedules lie one inside another"
FLATTER = "Give all parts to one Sum, Product or Chain instead of one inside another"

# Steps that are evaluated at once: so few that the results between stay in the cache,
# which made a million of them two to three times faster.
BLOCK = 16_384


@dataclass_transform(frozen_default=True, field_specifiers=(dataclasses.field,))
class Schedule(Arithmetic, LearningRateSchedule):
    """A learning rate as a function of the optimizer's step.

    A subclass is a frozen dataclass: its annotated fields are its constructor's
    arguments, checked as they are annotated, and `value(step, xp)` is its formula.
    Nothing else is needed: saving, comparing and printing follow from the fields.

    Args:
        name: text of your choice that is kept in the config; it does not count when
            two schedules are compared.
    """

    name: str | None = dataclasses.field(default=None, kw_only=True, compare=False)

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        _freeze(cls)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        cls = type(self)
        try:
            given = cls.__signature__.bind(*args, **kwargs)
        except TypeError as error:
            names = ", ".join(cls.__signature__.parameters)
            text = f"{cls.__name__}: {error}. Its arguments are: {names}"
            raise TypeError(text) from None
        given.apply_defaults()
        checks = checks_of(cls)
        for name, value in given.arguments.items():
            object.__setattr__(self, name, checks[name](cls.__name__, name, value))
        object.__setattr__(self, "_depth", depth_of(cls.__name__, self._arguments()))
        self.check()
        object.__setattr__(self, "_bounds", self.bounds)

    def check(self) -> None:
        """Raise ValueError where arguments, each right alone, do not fit together."""

    def value(self, step: Any, xp: Any) -> Any:
        """Return the formula's value: what a subclass must write.

        Args:
            step: integer array or tensor of any shape, never negative, in optimizer
                steps. Only compare, take minimum, maximum, floor_divide and mod, and
                subtract a smaller number; `xp.real` makes a real number of it.
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
        time = StepMath.time(step)
        return StepMath.fill(value_of(self, time, StepMath), time)

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
        time = HostMath.time(steps)
        flat = time.reshape(-1)  # One number is rounded otherwise than one of an array.
        with np.errstate(all="ignore"):
            if flat.size <= BLOCK:
                result = HostMath.fill(value_of(self, flat, HostMath), flat)
                return result.reshape(time.shape)[()]
            result = np.empty(flat.shape)
            for start in range(0, flat.size, BLOCK):
                block = slice(start, start + BLOCK)
                result[block] = value_of(self, flat[block], HostMath)
            return result.reshape(time.shape)

    @property
    def constant_after(self) -> int | None:
        """The step from which the value no longer changes, None if it never stops."""
        return None

    @property
    def bounds(self) -> Bounds:
        """The smallest interval known to hold the rate of every step: (low, high).

        Good for the limits of a plot or a check of a recipe. It follows from the
        arguments alone and is reached where that is easy to know; of a composition it
        follows from its parts. `evaluate` may leave it by a rounding of float64, a call
        by one of float32. (-inf, inf) where nothing is known, as of a function of
        yours or of another library's schedule.
        """
        return UNKNOWN

    @property
    def exact(self) -> bool:
        """Whether the whole tree is ours: no other library's schedule is inside."""
        return all(getattr(child, "exact", False) for child in self.children)

    @property
    def children(self) -> tuple[LearningRateSchedule, ...]:
        """The schedules among the arguments, in the arguments' order."""
        items: list[Any] = []
        for _, value in self._arguments():
            items.extend(value if isinstance(value, tuple) else [value])
        return tuple(x for x in items if isinstance(x, LearningRateSchedule))

    def get_config(self) -> dict[str, Any]:
        """Return the arguments as JSON-native values, nested schedules serialised."""
        config = {name: _to_config(value) for name, value in self._arguments()}
        return {**config, "name": self.name}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "Schedule":
        """Return the schedule that `get_config` described.

        Raises:
            TypeError: the config is no dict, or an argument is of the wrong kind.
            ValueError: an argument has a wrong value, or is nested too deeply.
        """
        owner = cls.__name__
        if not (isinstance(config, dict) and all(isinstance(k, str) for k in config)):
            what = "a dict of the arguments by name, as get_config returns it"
            raise TypeError(message(f"{owner}.from_config", "config", what, config))
        for name, value in config.items():
            if _is_deeper(value, MOST_CONFIG_LEVELS):
                raise ValueError(message(owner, name, TOO_DEEP, "...", FLATTER))
        return cls(**{k: _from_config(owner, k, v) for k, v in config.items()})

    @classmethod
    def from_epochs(cls, *args: Any, steps_per_epoch: Any, **kwargs: Any) -> Self:
        """Return a schedule whose lengths are given in epochs instead of steps.

        Args:
            args: the arguments in the order of the class, epochs where it has steps.
            steps_per_epoch: steps in one epoch: a number, or the dataset that has them
                as batches (a tf.data.Dataset, keras.utils.PyDataset, torch DataLoader).
            kwargs: the arguments by name, `epochs` where the class says `steps`, as in
                `decay_epochs`. Epochs may be fractions; they are rounded to the nearest
                whole step. What is left out keeps its default, which is in steps, and
                nested schedules are left as they are.

        Raises:
            TypeError: an argument is missing or unknown, or none is in steps.
            ValueError: an argument has a value that the class refuses.
        """
        from kerasched.schedules.lengths import in_steps  # Loaded where it is used.

        return cls(**in_steps(cls, args, kwargs, steps_per_epoch))

    def extend(self, new_total: int, step: int = 0) -> "Schedule":
        """Return this schedule with another end, for a run that is under way.

        What lies before `step` stays, the rate at `step` is met without a jump where
        the curves allow it, and what is still to come is stretched or cut. A ramp of a
        Warmup keeps its length, as does the decay of a WarmupStableDecay not yet begun.

        Args:
            new_total: the step at which the end is reached, above `step`.
            step: where the run is now, in optimizer steps, before the present end.

        Raises:
            ValueError: this schedule never ends or never changes, its kind has no end
                that can be moved, or the new end is too near.
        """
        from kerasched.schedules import extend  # It is built upon this module.

        return extend.extend(self, new_total, step)

    def __eq__(self, other: object) -> Any:
        if type(other) is not type(self):
            return NotImplemented
        return self._identity() == other._identity()

    def __hash__(self) -> int:
        return hash((type(self), self._identity()))

    def __repr__(self) -> str:
        fields = dataclasses.fields(self)
        given = [
            f"{field.name}={_show(getattr(self, field.name))}"
            for field in (*fields[1:], fields[0])  # The base's name comes last.
            if getattr(self, field.name) != field.default
        ]
        return f"{type(self).__name__}({', '.join(given)})"

    def _arguments(self) -> Iterator[tuple[str, Any]]:
        for field in dataclasses.fields(self):
            if field.name != "name":
                yield field.name, getattr(self, field.name)

    def _identity(self) -> tuple[Any, ...]:
        return tuple(_identity_of(value) for _, value in self._arguments())


def depth_of(owner: str, arguments: Iterable[tuple[str, Any]]) -> int:
    """Return how many schedules lie one inside another, the owner of these included.

    Raises:
        ValueError: they are too many.
    """
    depth = 1
    for name, value in arguments:
        for item in value if isinstance(value, tuple) else (value,):
            if isinstance(item, LearningRateSchedule):
                depth = max(depth, 1 + getattr(item, "_depth", 1))
        if depth > MOST_LEVELS:
            raise ValueError(message(owner, name, TOO_DEEP, value, FLATTER))
    return depth


def value_of(schedule: LearningRateSchedule, step: Any, xp: Any) -> Any:
    """Return the value of a nested schedule, ours or another library's."""
    if not isinstance(schedule, Schedule):
        return xp.foreign(schedule, step)
    value = schedule.value(step, xp)
    low, high = bounds_of(schedule)
    # What grows without end, or is combined of large rates, stays finite in float32.
    if high <= 0.5 * LARGEST or low == -math.inf:
        return value
    largest = xp.largest()
    if isinstance(value, float):
        return min(value, largest)
    return xp.minimum(value, largest)


def constant_after_of(schedule: LearningRateSchedule) -> int | None:
    """Return `constant_after` of a nested schedule, None for one that is not ours."""
    return getattr(schedule, "constant_after", None)


def bounds_of(schedule: LearningRateSchedule) -> Bounds:
    """Return `bounds` of a nested schedule, unknown for one that is not ours."""
    return getattr(schedule, "_bounds", UNKNOWN)


def _refuse(self: Schedule, name: str, *value: Any) -> None:
    """Stand for __setattr__ and __delattr__: a compiled step would not see a change."""
    raise dataclasses.FrozenInstanceError(
        f"Argument `{name}` of {type(self).__name__} cannot be changed: a schedule is "
        "immutable. Make another one with dataclasses.replace(schedule, "
        f"{name}=...)."
    )


def _freeze(cls: type) -> None:
    """Make a class a dataclass of which all methods are those of the base class.

    Those that dataclass would write are the same for every schedule, and compiling
    them for each made most of the time that importing the package takes.
    """
    dataclasses.dataclass(init=False, eq=False, repr=False)(cls)
    cls.__setattr__ = cls.__delattr__ = _refuse
    cls.__signature__ = _OfTheClass(_parameters(dataclasses.fields(cls)))


class _OfTheClass:
    """The constructor's signature, which an instance, itself callable, has not."""

    def __init__(self, parameters: Sequence[inspect.Parameter]) -> None:
        self._signature = inspect.Signature(parameters)

    def __get__(self, instance: Any, owner: type) -> inspect.Signature:
        if instance is None:
            return self._signature
        raise AttributeError("__signature__")


def _parameters(fields: Sequence[dataclasses.Field]) -> list[inspect.Parameter]:
    """Return the constructor's parameters, in the order in which Python takes them."""
    parameters = [
        inspect.Parameter(
            field.name,
            kind=_KEYWORD if field.kw_only else _EITHER,
            default=_NONE if field.default is dataclasses.MISSING else field.default,
            annotation=field.type,
        )
        for field in fields
    ]
    return sorted(parameters, key=lambda parameter: parameter.kind)


def _to_config(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_to_config(item) for item in value]
    if isinstance(value, LearningRateSchedule):
        return keras.saving.serialize_keras_object(value)
    return value


def _is_deeper(value: Any, most: int) -> bool:
    """Return whether lists and dicts lie deeper in one another than `most` levels."""
    level = [value]
    for _ in range(most):
        nested = [x for x in level if isinstance(x, (dict, list, tuple))]
        level = [y for x in nested for y in (x.values() if isinstance(x, dict) else x)]
    return bool(level)


def _from_config(owner: str, argument: str, value: Any) -> Any:
    if isinstance(value, (list, tuple)):
        return tuple(
            _from_config(owner, f"{argument}[{index}]", item)
            for index, item in enumerate(value)
        )
    if not isinstance(value, dict):
        return value
    try:
        return keras.saving.deserialize_keras_object(value)
    except (TypeError, ValueError) as error:
        error.add_note(f"In argument `{argument}` of {owner}.")
        raise
    except Exception as error:  # Keras fails in many ways on what it did not write.
        what = "an object as Keras serialises it"
        raise ValueError(message(owner, argument, what, value)) from error


def _identity_of(value: Any) -> Any:
    if isinstance(value, tuple):
        return tuple(_identity_of(item) for item in value)
    if isinstance(value, LearningRateSchedule) and not isinstance(value, Schedule):
        config = keras.saving.serialize_keras_object(value)
        return json.dumps(config, sort_keys=True)
    return value


def _show(value: Any) -> str:
    if isinstance(value, tuple):
        return f"({', '.join(map(_show, value))}{',' if len(value) == 1 else ''})"
    if isinstance(value, LearningRateSchedule) and not isinstance(value, Schedule):
        config = value.get_config()
        given = (f"{k}={v!r}" for k, v in config.items() if v is not None)
        return f"{type(value).__name__}({', '.join(given)})"
    return repr(value)


_freeze(Schedule)
