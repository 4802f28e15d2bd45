"""Collects, converts and checks the arguments of optimizers."""

import numbers
from typing import Any

from keras.optimizers.schedules import LearningRateSchedule

from kerasched.errors import message
from kerasched.schedules import PerUpdate
from kerasched.schedules import Schedule


def passed_on(variables: dict[str, Any]) -> dict[str, Any]:
    """Return the arguments of a constructor, for that of its base class.

    Args:
        variables: the constructor's `locals()` at its start, `kwargs` among them.
    """
    left_out = ("self", "__class__", "kwargs")
    given = {name: value for name, value in variables.items() if name not in left_out}
    return {**given, **variables["kwargs"]}


def as_float(value: Any) -> Any:
    """Return a real number as a float, any other value unchanged."""
    is_number = isinstance(value, numbers.Real) and not isinstance(value, bool)
    return float(value) if is_number else value


def is_schedule(value: Any) -> bool:
    """Return whether a value is a schedule, of Keras or of this package."""
    return isinstance(value, LearningRateSchedule)


def reject_per_update(name: str, argument: str, value: Any) -> None:
    """Raise ValueError if a schedule contains a PerUpdate, at any depth."""
    if isinstance(value, PerUpdate):
        what = "without PerUpdate where gradients are accumulated"
        fix = f"kerasched.{name} counts updates by itself: drop PerUpdate"
        raise ValueError(message(name, argument, what, value, fix))
    if isinstance(value, Schedule):
        for child in value.children:
            reject_per_update(name, argument, child)
