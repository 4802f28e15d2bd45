"""Plots. Matplotlib is imported inside the functions, because few runs need it."""

import textwrap
from collections.abc import Mapping
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from kerasched.errors import message
from kerasched.schedules import Schedule
from kerasched.schedules.arguments import check_of
from kerasched.schedules.epochs import StepsPerEpoch
from kerasched.schedules.sampling import horizon
from kerasched.schedules.sampling import sample

MAX_POINTS = 4000


def plot(
    schedule: Schedule | Sequence[Schedule] | Mapping[str, Schedule],
    steps: int | None = None,
    ax: Any = None,
    *,
    steps_per_epoch: Any = None,
) -> Any:
    """Draw the rates of schedules over the optimizer's steps, or over epochs.

    A curve is a step function: a rate applies until the next step. At most 4000 steps,
    at equal distances, are drawn. Several schedules have a legend.

    Args:
        schedule: a schedule of this package, whose repr is the label of its line; a
            list or tuple of them; or a dict of them with their labels as keys.
        steps: the last step drawn, 1 or more, of all curves. By default a tenth more
            than the steps until the rate is constant, or at least 1000 if it never is;
            the largest of several schedules.
        ax: the matplotlib axes to draw in; by default those of a new pyplot figure.
        steps_per_epoch: steps in one epoch, to label the axis in epochs: a number, or a
            dataset with as many batches (a tf.data.Dataset, keras.utils.PyDataset,
            torch DataLoader). None for an axis in steps. `steps` remains in steps.

    Returns:
        The matplotlib axes.

    Raises:
        TypeError: a schedule is not one of this package.
        ValueError: there is no schedule, or an argument is out of its range.
        RuntimeError: matplotlib is not installed.
    """
    labelled = _labelled(schedule)
    at = sample(max(horizon(one, steps) for _, one in labelled), MAX_POINTS)
    across, unit = at, "optimizer step"
    if steps_per_epoch is not None:
        check, unit = check_of(StepsPerEpoch), "epoch"
        across = at / check("plot", "steps_per_epoch", steps_per_epoch)
    ax = new_axes() if ax is None else ax
    for label, one in labelled:
        rates = one.evaluate(at)
        ax.plot(across, rates, drawstyle="steps-post", label=label)
    ax.update_datalim([(0.0, 0.0)])  # The axis includes 0, or a slope would look steep.
    ax.autoscale_view()
    ax.set(xlabel=unit, ylabel="learning rate")
    ax.grid(alpha=0.3)
    if isinstance(schedule, Mapping):
        ax.legend()
    elif not isinstance(schedule, Schedule):  # Above, as reprs are long.
        ax.legend(loc="lower left", bbox_to_anchor=(0.0, 1.0), fontsize="small")
    return ax


def _labelled(schedules: Any) -> list[tuple[str, Schedule]]:
    """Return the schedules to draw with their labels, long reprs on several lines."""
    if isinstance(schedules, Schedule):
        return [(repr(schedules), schedules)]
    if isinstance(schedules, Mapping):
        labelled = [(str(label), one) for label, one in schedules.items()]
    elif isinstance(schedules, (list, tuple)):
        labelled = [
            (textwrap.fill(repr(one), 60, subsequent_indent="  "), one)
            for one in schedules
        ]
    else:
        labelled = [("", schedules)]
    if not labelled:
        what = "a schedule, or a list or dict of at least one"
        raise ValueError(message("plot", "schedule", what, schedules))
    for _, one in labelled:
        if not isinstance(one, Schedule):
            fix = "Put another library's inside one: Scale(schedule, 1.0)"
            what = "a schedule of kerasched"
            raise TypeError(message("plot", "schedule", what, one, fix))
    return labelled


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
    settings: Any = {"svg.hashsalt": "kerasched", "svg.fonttype": "none"}
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


def new_axes() -> Any:
    """Return the axes of a new figure of pyplot, or raise without matplotlib."""
    try:
        from matplotlib import pyplot
    except ImportError as error:
        text = "Plots need matplotlib, which is not installed. Install matplotlib."
        raise RuntimeError(text) from error
    return pyplot.subplots(layout="constrained")[1]
