"""The rate of each step of a sweep, whatever the optimizer has as its rate."""

import math
from collections.abc import Sequence
from typing import Any

import keras

from kerasched.schedules.piecewise import PiecewiseConstant
from kerasched.training.held import training_leaves
from kerasched.training.leaves import variable_of

OWNER = "find_learning_rate"


class SweptRate:
    """Gives the optimizer that trains a model the rate of a step, and all inside it.

    A rate that is a number is assigned. A schedule has no number to assign to: another
    one, that has the rates by the step count, stands in its place, and the count is
    assigned. So one compiled step does for all rates. Who uses this puts back what the
    optimizers had.

    Args:
        model: a compiled model whose optimizer is built.
        rates: the rate of each step.

    Attributes:
        batches: batches in a step, in which each optimizer updates at least once.
    """

    def __init__(self, model: keras.Model, rates: Sequence[float]) -> None:
        self._rates = rates
        optimizers = training_leaves(model, OWNER)
        self.batches = math.lcm(*(_every(optimizer) for optimizer in optimizers))
        self._numbers, self._counts = [], []
        for optimizer in optimizers:
            variable = variable_of(optimizer, "learning_rate")
            if variable is None:
                self._replace_schedule(optimizer)
            else:
                self._numbers.append(variable)

    def set(self, step: int) -> None:
        """Give the optimizers the rate of a step, before its first batch."""
        for variable in self._numbers:
            variable.assign(self._rates[step])
        for variable, first in self._counts:
            # It is there already, but for updates that LossScaleOptimizer left out.
            variable.assign(first + step * self.batches)

    def _replace_schedule(self, optimizer: Any) -> None:
        count = variable_of(optimizer, "iteration")
        first = int(keras.ops.convert_to_numpy(count.value))
        starts = [first + step * self.batches for step in range(1, len(self._rates))]
        if getattr(optimizer, "schedule_counts_updates", False):
            starts = [start // _every(optimizer) for start in starts]
        optimizer.learning_rate = PiecewiseConstant(starts, self._rates)
        self._counts.append((count, first))


def _every(optimizer: Any) -> int:
    return optimizer.gradient_accumulation_steps or 1
