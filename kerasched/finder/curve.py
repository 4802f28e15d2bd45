"""A curve through the losses of a sweep, for its picture."""

from collections.abc import Sequence

import numpy as np

WINDOWS = 15  # The median's window is about this part of the sweep.


def curve_through(losses: Sequence[float], steps: int) -> list[float]:
    """Return a curve that follows the losses without lagging behind them.

    curve[i] = mean over k of median(losses[k - w : k + w + 1]), i - v <= k <= i + v

    Both windows are centred. The median (w: a 30th of the steps) ignores single
    batches that are far off, the mean (v: half of w) removes the median's corners.
    Towards the ends the windows shrink, so that they stay centred. The curve is
    infinite where the losses in a window are mostly NaN or infinite.

    Args:
        losses: the loss of each step.
        steps: the requested number of steps; the sweep may have stopped before.
    """
    half = steps // (2 * WINDOWS)
    known = np.where(np.isnan(losses), np.inf, losses)
    medians = [np.median(part) for part in _windows(known, half)]
    with np.errstate(invalid="ignore"):  # Infinities of both signs have no mean.
        means = [np.mean(part) for part in _windows(np.array(medians), half // 2)]
    return [float(value) for value in means]


def _windows(values: np.ndarray, half: int) -> list[np.ndarray]:
    """Return a centred window for each value, of 2 * half + 1 values or fewer."""
    last = len(values) - 1
    widths = [min(half, i, last - i) for i in range(len(values))]
    return [values[i - w : i + w + 1] for i, w in enumerate(widths)]
