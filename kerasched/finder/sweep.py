"""The numbers of a sweep: the rates, the smoothed losses, and where it ends."""

import math
import time
from collections.abc import Callable

import keras
import numpy as np

# A sweep that is over before shows nothing.
SECONDS_BEFORE_PROGRESS = 2.0


def rates_between(min_lr: float, max_lr: float, steps: int, mode: str) -> list[float]:
    """Return the rate of each step, from the first to the last."""
    space = np.geomspace if mode == "exponential" else np.linspace
    return space(min_lr, max_lr, steps).tolist()


class Smoothing:
    """A moving average of losses, corrected for its start, and its divergence.

    average = factor * average + (1 - factor) * loss
    smoothed = average / (1 - factor**count)

    Args:
        factor: the part of the average that is kept, 0 to below 1.
        divergence: how many times the least smoothed loss ends the sweep, None for
            none.
    """

    def __init__(self, factor: float, divergence: float | None) -> None:
        self._factor, self._divergence = factor, divergence
        self._average, self._count, self._least = 0.0, 0, math.inf

    def add(self, loss: float) -> float:
        """Return the smoothed loss, with the next loss in it."""
        self._count += 1
        self._average = self._factor * self._average + (1.0 - self._factor) * loss
        self.value = self._average / (1.0 - self._factor**self._count)
        self._least = min(self._least, self.value)
        return self.value

    @property
    def diverged(self) -> bool:
        """Whether the smoothed loss is too far from its least value, or no number."""
        if self._divergence is None:
            return False
        # `divergence` times the least, and above it for a loss below 0 too.
        limit = self._least + (self._divergence - 1.0) * abs(self._least)
        return not math.isfinite(self.value) or self.value > limit


def sweep(
    train: Callable[[int], float], steps: int, smoothing: Smoothing, verbose: int
) -> tuple[list[float], list[float]]:
    """Return the losses of the steps, and the smoothed ones, up to the divergence.

    Args:
        train: does a step and returns its loss.
        steps: how many steps there are.
        smoothing: a new one.
        verbose: 0 to show nothing; 1 for a bar where it takes a while.
    """
    losses, smoothed = [], []
    bar = keras.utils.Progbar(steps, verbose=verbose, stateful_metrics=["loss"])
    start = time.monotonic()
    for step in range(steps):
        losses.append(train(step))
        smoothed.append(smoothing.add(losses[-1]))
        ended = smoothing.diverged or step + 1 == steps
        if time.monotonic() - start > SECONDS_BEFORE_PROGRESS:
            bar.update(step + 1, [("loss", smoothed[-1])], finalize=ended)
        if ended:
            break
    return losses, smoothed
