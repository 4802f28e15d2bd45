"""Plots. Matplotlib is imported inside the functions, because few runs need it."""

import math
from collections.abc import Mapping
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from kerasched.errors import MAX_STEP
from kerasched.errors import message
from kerasched.schedules import PerEpoch
from kerasched.schedules import PerUpdate
from kerasched.schedules import Schedule
from kerasched.schedules.arguments import Steps
from kerasched.schedules.arguments import check_of
from kerasched.schedules.epochs import names_in_epochs

MAX_POINTS = 4000


def plot(schedule: Schedule, steps: int | None = None, ax: Any = None) -> Any:
    """Draw a schedule's rate over the optimizer's steps.

    The curve is a step function: a rate applies until the next step. At most 4000
    steps, at equal distances, are drawn.

    Args:
        schedule: a schedule of this package; its repr is the label of the line.
        steps: the last step drawn, 1 or more. By default a tenth more than the steps
            until the rate is constant, or at least 1000 if it never is.
        ax: the matplotlib axes to draw in; by default those of a new pyplot figure.

    Returns:
        The matplotlib axes.

    Raises:
        TypeError: the schedule is not one of this package.
        RuntimeError: matplotlib is not installed.
    """
    if not isinstance(schedule, Schedule):
        fix = "Put another library's inside one: Scale(schedule, 1.0)"
        what = "a schedule of kerasched"
        raise TypeError(message("plot", "schedule", what, schedule, fix))
    at = sample(horizon(schedule, steps), MAX_POINTS)
    ax = _new_axes() if ax is None else ax
    rates = schedule.evaluate(at)
    ax.plot(at, rates, drawstyle="steps-post", label=repr(schedule))
    ax.update_datalim([(0.0, 0.0)])  # The axis includes 0, or a slope would look steep.
    ax.autoscale_view()
    ax.set(xlabel="optimizer step", ylabel="learning rate")
    ax.grid(alpha=0.3)
    return ax


def horizon(schedule: Schedule, steps: int | None = None) -> int:
    """Return the last step to show of a schedule, `steps` where it is given."""
    if steps is not None:
        return check_of(Steps)("plot", "steps", steps)
    end = schedule.constant_after
    if end:
        return min(end + max(end // 10, 1), MAX_STEP)
    return min(max(1000, 3 * longest_length(schedule)), MAX_STEP)


def longest_length(schedule: Any) -> int:
    """Return the longest length among the arguments of a schedule, in steps.

    Nested schedules are included. PerEpoch and PerUpdate multiply the lengths inside
    them. It is 0 if there is none, as in another library's schedule.
    """
    if not isinstance(schedule, Schedule):
        return 0
    values = [getattr(schedule, name) for name in names_in_epochs(type(schedule))]
    own = [n for v in values for n in (v if isinstance(v, tuple) else (v,))]
    stride = schedule._stride if isinstance(schedule, (PerEpoch, PerUpdate)) else 1
    inside = [stride * longest_length(child) for child in schedule.children]
    return max([0, *inside, *(math.ceil(n) for n in own if n is not None)])


def sample(last_step: int, points: int) -> np.ndarray:
    """Return the steps from 0 to the last, or `points` of them at equal distances."""
    count = min(last_step + 1, points)
    return np.linspace(0, last_step, count).round().astype("int64")


def save_plot(
    schedule: Schedule,
    path: Path,
    steps: int | None = None,
    size: tuple[float, float] = (8.0, 5.0),
) -> None:
    """Write a plot of a schedule to a file, always with the same bytes.

    Args:
        schedule: a schedule of this package.
        path: the file to write; its suffix gives the format.
        steps: as in `plot`.
        size: width and height in inches.
    """
    import matplotlib
    from matplotlib.figure import Figure

    # By default matplotlib writes a date and random names into the file.
    settings = {"svg.hashsalt": "kerasched", "svg.fonttype": "none"}
    undated = {".svg": {"Date": None}, ".pdf": {"CreationDate": None}}
    with matplotlib.rc_context(settings), np.errstate(over="ignore"):
        figure = Figure(figsize=size, layout="constrained")
        plot(schedule, steps, figure.subplots())
        figure.savefig(path, dpi=150, metadata=undated.get(path.suffix))


def plot_training(
    learning_rates: Sequence[float], losses: Sequence[float], path: Path
) -> None:
    """Write a plot of the rate and the loss at every step to a file.

    Args:
        learning_rates: the rate of each optimizer step.
        losses: the loss of each optimizer step's batch.
        path: the file to write; its suffix gives the format.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 5), layout="constrained")
    above, below = figure.subplots(2, sharex=True)
    above.step(range(len(learning_rates)), learning_rates, where="post")
    above.set(ylabel="learning rate", ylim=(0, None))
    below.plot(losses, linewidth=1)
    below.set(xlabel="optimizer step", ylabel="loss of the batch", ylim=(0, None))
    for axes in (above, below):
        axes.grid(alpha=0.3)
    figure.savefig(path, dpi=150)


def plot_losses(
    rates: Sequence[float],
    losses: Sequence[float],
    smoothed: Sequence[float],
    suggestions: Mapping[str, float | None],
    ax: Any = None,
) -> Any:
    """Draw the losses of a sweep over its rates, with the suggestions on the curve.

    Args:
        rates: the rates in increasing order.
        losses: the loss at each rate.
        smoothed: the smoothed loss at each rate.
        suggestions: rates by the names to show; None is left out.
        ax: the matplotlib axes to draw in; by default those of a new pyplot figure.

    Returns:
        The matplotlib axes.
    """
    ax = _new_axes() if ax is None else ax
    ax.plot(rates, losses, color="0.8", linewidth=1, label="loss")
    ax.plot(rates, smoothed, color="C0", label="loss, smoothed")
    for (name, rate), marker in zip(suggestions.items(), "oDsv", strict=True):
        if rate is not None:
            at = np.interp(np.log(rate), np.log(rates), smoothed)
            label = f"{name}: {rate:.2g}"
            ax.plot(rate, at, marker, color=f"C{'oDsv'.index(marker) + 1}", label=label)
    shown = [loss for loss in smoothed if np.isfinite(loss)]
    if shown:  # Losses of single batches may be far larger after the divergence.
        low = min([*shown, *(loss for loss in losses if np.isfinite(loss))])
        margin = 0.05 * (max(shown) - low) or 1.0
        ax.set_ylim(low - margin, max(shown) + margin)
    ax.set(xscale="log", xlabel="learning rate", ylabel="loss")
    ax.grid(alpha=0.3)
    ax.legend()
    return ax


def _new_axes() -> Any:
    try:
        from matplotlib import pyplot
    except ImportError as error:
        needs = "kerasched.plot needs matplotlib, which is not installed"
        raise RuntimeError(f"{needs}. Install matplotlib.") from error
    return pyplot.subplots(layout="constrained")[1]
