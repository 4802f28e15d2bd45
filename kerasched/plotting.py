"""Pictures. Matplotlib is imported inside the functions: few runs need it."""

from collections.abc import Sequence
from pathlib import Path


def plot_training(
    learning_rates: Sequence[float], losses: Sequence[float], path: Path
) -> None:
    """Write a picture of the rate and the loss at every step.

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
