"""What an optimizer accepts as a number, and what it refuses."""

import numbers
from typing import Any

from keras.optimizers.schedules import LearningRateSchedule

from kerasched.errors import message
from kerasched.schedules import PerUpdate
from kerasched.schedules import Schedule


def number(value: Any) -> Any:
    """Return a real number as a float, all else as it is."""
    is_number = isinstance(value, numbers.Real) and not isinstance(value, bool)
    return float(value) if is_number else value


def is_schedule(value: Any) -> bool:
    """Return whether a value changes with the step."""
    return isinstance(value, LearningRateSchedule)


def refuse_per_update(argument: str, value: Any) -> None:
    """Raise ValueError where a schedule holds a PerUpdate, at any depth."""
    if isinstance(value, PerUpdate):
        what = "without PerUpdate where gradients are accumulated"
        fix = "kerasched.SGD counts updates by itself: drop PerUpdate"
        raise ValueError(message("SGD", argument, what, value, fix))
    if isinstance(value, Schedule):
        for child in value.children:
            refuse_per_update(argument, child)
