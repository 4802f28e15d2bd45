"""A sweep over rates: the rate of each step, the smoothed losses, and its end."""

import math
from collections.abc import Callable
from collections.abc import Sequence
from typing import Any

import numpy as np

from kerasched.schedules.piecewise import PiecewiseConstant
from kerasched.training.leaves import step_count
from kerasched.training.leaves import variable_of
from kerasched.training.progress import Progress


class RateAssigner:
    """Sets the learning rate of each step in the plain optimizers that train a model.

    A rate that is a number is assigned. A schedule is replaced by one that returns the
    rates by step count, and the count is assigned. So one compiled step is used for all
    rates. The caller restores the optimizers.

    Args:
        optimizers: the optimizers, which are built.
        rates: the rate of each step.

    Attributes:
        batches: the batches of a step, in which each optimizer updates at least once.
    """

    def __init__(self, optimizers: Sequence[Any], rates: Sequence[float]) -> None:
        self._rates = rates
        self.batches = math.lcm(
            *(_accumulation_steps(optimizer) for optimizer in optimizers)
        )
        self._numbers: list[Any] = []
        self._counts: list[tuple[Any, int]] = []
        for optimizer in optimizers:
            variable = variable_of(optimizer, "learning_rate")
            if variable is None:
                self._replace_schedule(optimizer)
            else:
                self._numbers.append(variable)

    def set(self, step: int) -> None:
        """Set the rate of a step, before its first batch."""
        for variable in self._numbers:
            variable.assign(self._rates[step])
        for variable, first in self._counts:
            # It has this value already, unless LossScaleOptimizer skipped updates.
            variable.assign(first + step * self.batches)

    def _replace_schedule(self, optimizer: Any) -> None:
        count = variable_of(optimizer, "iteration")
        first = step_count(optimizer)
        starts = [first + step * self.batches for step in range(1, len(self._rates))]
        if getattr(optimizer, "schedule_counts_updates", False):
            starts = [start // _accumulation_steps(optimizer) for start in starts]
        optimizer.learning_rate = PiecewiseConstant(starts, self._rates)
        self._counts.append((count, first))


def _accumulation_steps(optimizer: Any) -> int:
    return optimizer.gradient_accumulation_steps or 1


def rates_between(min_lr: float, max_lr: float, steps: int, mode: str) -> list[float]:
    """Return the rate of each step, from the first to the last."""
    space = np.geomspace if mode == "exponential" else np.linspace
    return space(min_lr, max_lr, steps).tolist()


class Smoothing:
    """A moving average of losses, corrected for its start, and its divergence.

    average = factor * average + (1 - factor) * loss
    smoothed = average / (1 - factor**count)

    Args:
        factor: the weight of the past, 0 to below 1.
        divergence: the multiple of the least smoothed loss that counts as divergence,
            None for none.
    """

    def __init__(self, factor: float, divergence: float | None) -> None:
        self._factor, self._divergence = factor, divergence
        self._average, self._count, self._least = 0.0, 0, math.inf

    def add(self, loss: float) -> float:
        """Add a loss and return the smoothed loss."""
        self._count += 1
        self._average = self._factor * self._average + (1.0 - self._factor) * loss
        self.value = self._average / (1.0 - self._factor**self._count)
        self._least = min(self._least, self.value)
        return self.value

    @property
    def diverged(self) -> bool:
        """Whether the smoothed loss is too far above its least value, or NaN."""
        if self._divergence is None:
            return False
        # `divergence` times the least value; above it for a negative loss too.
        limit = self._least + (self._divergence - 1.0) * abs(self._least)
        return not math.isfinite(self.value) or self.value > limit


def sweep(
    train: Callable[[int], float], steps: int, smoothing: Smoothing, verbose: int
) -> tuple[list[float], list[float]]:
    """Return the losses of the steps and the smoothed losses, up to divergence.

    Args:
        train: runs a step and returns its loss.
        steps: the number of steps.
        smoothing: a Smoothing to which no loss was added.
        verbose: as in Progress.
    """
    losses, smoothed = [], []
    progress = Progress(steps, verbose)
    for step in range(steps):
        losses.append(train(step))
        smoothed.append(smoothing.add(losses[-1]))
        ended = smoothing.diverged or step + 1 == steps
        progress.update(step + 1, [("loss", smoothed[-1])], ended)
        if ended:
            break
    return losses, smoothed
