"""The hyperparameters of optimizers, computed for the batches of an epoch."""

from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
from keras.optimizers.schedules import LearningRateSchedule

from kerasched.schedules.base import Schedule
from kerasched.training.leaves import leaves_of
from kerasched.training.leaves import schedule_of
from kerasched.training.leaves import variable_of
from kerasched.training.model_contents import training_optimizers

RATE = "learning_rate"
# What else an optimizer may have a schedule for.
OTHERS = ("momentum", "weight_decay", "beta_1", "beta_2")


class Scheduled:
    """A hyperparameter of one optimizer, such as its rate.

    Args:
        attribute: the optimizer's attribute.
        ending: what follows the attribute in the name in the logs.
        optimizer: the plain optimizer.
        schedule: its schedule, None for a number, or a rate that is a function.
    """

    def __init__(
        self,
        attribute: str,
        ending: str,
        optimizer: Any,
        schedule: LearningRateSchedule | None,
    ) -> None:
        self.name, self.attribute = attribute + ending, attribute
        self.optimizer, self.schedule = optimizer, schedule
        self.on_host = schedule is None or getattr(schedule, "exact", False)
        self._every = optimizer.gradient_accumulation_steps or 1
        # Some optimizers call their schedules with updates instead of batches.
        self._updates = getattr(optimizer, "schedule_counts_updates", False)
        self._count, self._number = 0, 0.0

    def start(self) -> None:
        """Read the step count, or the number, for all batches that follow."""
        if self.schedule is None:
            self._number = _read(getattr(self.optimizer, self.attribute))
        else:
            self._count = int(_read(variable_of(self.optimizer, "iteration")))

    def last(self) -> float:
        """Return the value of the last update; this reads the step count."""
        self.start()
        return self.values(np.array([-1]))[0]

    def values(self, batches: Any) -> list[float]:
        """Return the value of the last update at each of some batches.

        Args:
            batches: an array of their indices, 0 for the first one after `start`.
        """
        if self.schedule is None:
            return [self._number] * len(batches)
        updates = np.maximum((self._count + batches + 1) // self._every, 1)
        steps = updates - 1 if self._updates else updates * self._every - 1
        if isinstance(self.schedule, Schedule):
            return self.schedule.evaluate(steps).tolist()
        return [_read(self.schedule(int(step))) for step in steps]


def scheduled_in(model: keras.Model, constants: bool = False) -> list[Scheduled]:
    """Return the rates of a model's optimizers, and their other scheduled values.

    Args:
        model: a compiled model.
        constants: whether to include the other values that are numbers.
    """
    found = []
    for ending, optimizer in _named_leaves(model):
        found.append(Scheduled(RATE, ending, optimizer, schedule_of(optimizer)))
        for other in OTHERS:
            value = getattr(optimizer, other, None)
            if isinstance(value, LearningRateSchedule):
                found.append(Scheduled(other, ending, optimizer, value))
            elif constants and isinstance(value, (int, float)):
                found.append(Scheduled(other, ending, optimizer, None))
    return found


def _named_leaves(model: keras.Model) -> Iterator[tuple[str, Any]]:
    """Yield the plain optimizers that train a model, each with a name's suffix."""
    every = training_optimizers(model)
    for path, whole in every.items():
        beginning = f"_{path.replace('/', '_')}" if len(every) > 1 else ""
        inside = leaves_of(model, whole)
        names = [optimizer.name for optimizer in inside]
        for index, optimizer in enumerate(inside):
            name = names[index]
            ending = f"_{name}" if len(names) > 1 else ""
            ending += f"_{index}" if names.count(name) > 1 else ""
            yield beginning + ending, optimizer


def _read(value: Any) -> float:
    return float(keras.ops.convert_to_numpy(value))
