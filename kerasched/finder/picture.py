"""The picture of a sweep over learning rates."""

from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

import numpy as np

from kerasched.plotting import new_axes

# How the lines of a sweep look, and the markers of its suggestions, the default first.
LINES: tuple[dict[str, Any], ...] = (
    {"color": "0.8", "linewidth": 1},
    {"color": "C0", "linewidth": 2},
    {"color": "0.5", "linewidth": 1, "linestyle": "--"},
)
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
    lines: Mapping[str, Sequence[float]],
    suggestions: Mapping[str, float | None],
    ax: Any = None,
) -> Any:
    """Draw the losses of a sweep over its rates, with the suggestions on the curve.

    Args:
        rates: the rates in increasing order.
        lines: by label the loss at each rate, a curve through them, and an average.
        suggestions: rates by the names to show, the default first; None is left out.
        ax: the matplotlib axes to draw in; by default those of a new pyplot figure.

    Returns:
        The matplotlib axes.
    """
    ax = new_axes() if ax is None else ax
    for style, (label, values) in zip(LINES, lines.items(), strict=True):
        ax.plot(rates, values, label=label, **style)
    losses, curve, _ = lines.values()
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


def _limits(losses: np.ndarray, curve: np.ndarray) -> tuple[float, float] | None:
    """Return the limits of the axis of losses, None if no loss is finite.

    The upper one leaves out the divergence, which may be far higher: it is above all
    losses up to the minimum of the curve, and above half of the curve if that rises
    from its start.
    """
    finite = losses[np.isfinite(losses)]
    drawn = curve[np.isfinite(curve)]
    if not len(finite) or not len(drawn):
        return None
    before = losses[: int(np.nanargmin(curve)) + 1]
    high = max(np.median(drawn), *before[np.isfinite(before)])
    size = (high - finite.min()) or 1.0
    return finite.min() - 0.05 * size, high + HEADROOM * size
