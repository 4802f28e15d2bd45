"""The adjustable part of a rate: the number itself, or a factor of a schedule."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import keras
from keras.optimizers.schedules import LearningRateSchedule

from kerasched.schedules.wrappers import Scale
from kerasched.training.leaves import schedule_of
from kerasched.training.leaves import variable_of
from kerasched.training.model_contents import training_leaves
from kerasched.training.set_schedule import set_schedule


@dataclass(frozen=True)
class Level:
    """The part of one optimizer's rate that can be changed.

    Args:
        name: the optimizer's name.
        value: the rate if it is a number, else the factor of the schedule.
        schedule: the schedule without the factor, None for a number.
        unit: the current rate for a value of 1.
    """

    name: str
    value: float
    schedule: LearningRateSchedule | None
    unit: float

    def rate_at(self, value: float) -> Any:
        """Return the rate to assign for another value."""
        if self.schedule is None:
            return value
        return self.schedule if value == 1.0 else Scale(self.schedule, value)


def levels_of(model: keras.Model, owner: str) -> list[Level]:
    """Return the level of each rate of a model's optimizer; this reads the rates.

    A MultiOptimizer that has not created its optimizers has none.

    Raises:
        TypeError: a rate is neither a number nor a schedule.
        ValueError: a schedule is of a class that is not registered with Keras; or, in
            the name of `owner`, it is not known which of several optimizers is meant.
    """
    return [_level_of(leaf) for leaf in training_leaves(model, owner)]


def set_levels(
    model: keras.Model, levels: list[Level], values: Sequence[float]
) -> None:
    """Change the levels that `levels_of` returned to values, if one differs."""
    pairs = list(zip(levels, values, strict=True))
    if any(level.value != value for level, value in pairs):
        set_schedule(model, [level.rate_at(value) for level, value in pairs])


def _level_of(optimizer: Any) -> Level:
    schedule = schedule_of(optimizer)
    if schedule is None:
        if variable_of(optimizer, "learning_rate") is None:
            raise TypeError(
                f"The learning rate of {optimizer.name} must be a number or a "
                "learning-rate schedule to be changed by a callback. Make one of a "
                "function with FromFunction."
            )
        return Level(optimizer.name, _current_rate(optimizer), None, 1.0)
    scaled = schedule if type(schedule) is Scale else Scale(schedule, 1.0)
    unit = _current_rate(optimizer) / scaled.factor if scaled.factor else 0.0
    return Level(optimizer.name, scaled.factor, scaled.schedule, unit)


def _current_rate(optimizer: Any) -> float:
    return float(keras.ops.convert_to_numpy(optimizer.learning_rate))
