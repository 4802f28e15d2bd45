"""The picture of a sweep: its losses, a curve through them, and the suggestions."""

from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

import numpy as np

from kerasched.plotting import new_axes

WINDOWS = 15  # The median's window is about this part of the sweep.
# The markers of the suggestions, the default first.
MARKERS: tuple[dict[str, Any], ...] = (
    {"marker": "*", "color": "C1", "markersize": 15, "zorder": 4},
    {"marker": "o", "color": "C4"},
    {"marker": "D", "color": "C2"},
    {"marker": "s", "color": "C3"},
    {"marker": "v", "color": "C5"},
)
HEADROOM = 0.2  # Space above the losses, as a part of their range.


def plot_losses(
    rates: Sequence[float],
    losses: Sequence[float],
    smoothed: Sequence[float],
    steps: int,
    suggestions: Mapping[str, float | None],
    ax: Any = None,
) -> Any:
    """Draw the losses of a sweep over its rates, with the suggestions on the curve.

    Args:
        rates: the rates in increasing order.
        losses: the loss at each rate.
        smoothed: the smoothed loss at each rate.
        steps: the requested number of steps; the sweep may have stopped before.
        suggestions: rates by the names to show, the default first; None is left out.
        ax: the matplotlib axes to draw in; by default those of a new pyplot figure.

    Returns:
        The matplotlib axes.
    """
    ax = new_axes() if ax is None else ax
    curve = curve_through(losses, steps)
    ax.plot(rates, losses, "0.8", linewidth=1, label="loss of each batch")
    ax.plot(rates, curve, "C0", linewidth=2, label="loss, running median")
    label = "loss, smoothed for the rules"
    ax.plot(rates, smoothed, "--", color="0.5", linewidth=1, label=label)
    for marker, (name, rate) in zip(MARKERS, suggestions.items(), strict=True):
        if rate is not None:
            at = np.interp(np.log(rate), np.log(rates), curve)
            ax.plot(rate, at, label=f"{name}: {rate:.2g}", linestyle="", **marker)
    limits = _limits(np.asarray(losses), np.asarray(curve))
    if limits:
        ax.set_ylim(*limits)
    ax.set(xscale="log", xlabel="learning rate", ylabel="loss")
    ax.grid(alpha=0.3)
    ax.legend()
    return ax


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


def _limits(losses: np.ndarray, curve: np.ndarray) -> tuple[float, float] | None:
    """Return the limits of the axis of losses, None if no loss is finite.

    The upper limit leaves out the divergence. It is above all losses up to the curve's
    minimum, and above the curve's median, so that half of a curve that rises from its
    start is visible.
    """
    finite = losses[np.isfinite(losses)]
    drawn = curve[np.isfinite(curve)]
    if not len(finite) or not len(drawn):
        return None
    before = losses[: int(np.nanargmin(curve)) + 1]
    high = max(np.median(drawn), *before[np.isfinite(before)])
    size = (high - finite.min()) or 1.0
    return finite.min() - 0.05 * size, high + HEADROOM * size


def _windows(values: np.ndarray, half: int) -> list[np.ndarray]:
    """Return a centred window for each value, of 2 * half + 1 values or fewer."""
    last = len(values) - 1
    widths = [min(half, i, last - i) for i in range(len(values))]
    return [values[i - w : i + w + 1] for i, w in enumerate(widths)]
