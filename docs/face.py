"""Draws the picture of the README: python docs/face.py.

The losses differ a little between machines, so run this only to change the picture.
"""

from collections.abc import Mapping
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
from matplotlib import rc_context
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch
from sklearn.datasets import load_digits

from kerasched import CosineDecay
from kerasched import CosineRestarts
from kerasched import CosineWave
from kerasched import OneCycle
from kerasched import Rex
from kerasched import Schedule
from kerasched import StepDecay
from kerasched import Warmup
from kerasched import WarmupStableDecay

PICTURE = Path(__file__).with_name("face.svg")
# Light on a dark card, which is readable on light and on dark pages. The card is narrow
# and its text large, so that both are readable on the screen of a telephone.
CARD, TEXT, FAINT = "#171c28", "#e6e9f0", "#4a5266"
COLORS = ("#6ea8ff", "#ffb454", "#7fd88f", "#ff7b8a", "#c39bff", "#4fd6d6")
INCHES = (6.6, 4.9)
STYLE = {
    "svg.hashsalt": "kerasched",
    "font.size": 12.5,
    "axes.titlesize": 12.5,
    "text.color": TEXT,
}
PEAK, LOWER, EPOCHS, BATCH = 0.03, 0.01, 20, 8
ROWS = 1200  # The others of the 1797 are for validation.
STEPS = ROWS // BATCH  # In an epoch.
SHOWN = {
    "Warmup(CosineDecay)": Warmup(CosineDecay(0.1, 900), 100),
    "OneCycle": OneCycle(0.1, 1000),
    "WarmupStableDecay": WarmupStableDecay(0.1, 100, 600, 300),
    "StepDecay": StepDecay(0.1, 250),
    "CosineRestarts": CosineRestarts(0.1, 143),
    "Rex * CosineWave": Rex(1.0, 1000) * CosineWave(0.1, 0.02, 200),
}


def losses(rate: Any) -> list[float]:
    """Return the validation loss of a small network after each epoch."""
    keras.utils.set_random_seed(0)
    x, y = load_digits(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(x))
    x, y = x[order].astype("float32") / 16, y[order]
    train, test = slice(0, ROWS), slice(ROWS, None)
    layers = [keras.layers.Dense(64, "relu"), keras.layers.Dropout(0.5)]
    model = keras.Sequential([keras.Input((64,)), *layers, keras.layers.Dense(10)])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.SGD(rate, momentum=0.9), loss)
    data = {"validation_data": (x[test], y[test]), "batch_size": BATCH, "verbose": 0}
    history = model.fit(x[train], y[train], epochs=EPOCHS, **data).history
    return history["val_loss"]


def draw(schedule: Schedule, curves: Mapping[str, Sequence[float]], path: Path) -> None:
    """Draw schedules above, and a training under one of them below.

    Args:
        schedule: the schedule of the training.
        curves: validation losses after each epoch, by the name of their rate.
        path: the SVG file to write.
    """
    with rc_context(STYLE):
        figure = Figure(figsize=INCHES, facecolor="none")
        box = {"boxstyle": "round,pad=0,rounding_size=0.02", "mutation_aspect": 1.35}
        card = FancyBboxPatch(
            (0, 0), 1, 1, **box, facecolor=CARD, edgecolor="none", zorder=-1
        )
        card.set_transform(figure.transFigure)
        figure.add_artist(card)
        grid = {"left": 0.03, "right": 0.97, "bottom": 0.57, "top": 0.93}
        axes = figure.subplots(
            2, 3, gridspec_kw={**grid, "hspace": 0.55, "wspace": 0.12}
        )
        for ax, color, name in zip(axes.flat, COLORS, SHOWN, strict=True):
            steps = np.arange(0, 1000, 4)
            draw_curve(ax, steps, SHOWN[name].evaluate(steps), color)
            ax.set_title(name)
            ax.set(xticks=[], yticks=[])
        draw_training(figure, schedule, curves)
        figure.savefig(path, metadata={"Date": None})


def draw_curve(ax: Any, x: Any, y: Any, color: str) -> None:
    """Draw one curve with a faint area below it."""
    ax.plot(x, y, color=color, linewidth=2)
    ax.fill_between(x, y, color=color, alpha=0.12, linewidth=0)
    ax.set(xlim=(x[0], x[-1]), ylim=(0, 1.08 * max(y)), facecolor="none")
    plain(ax)


def plain(ax: Any) -> None:
    """Draw only two faint sides of the axes."""
    ax.spines[["top", "right"]].set_visible(False)
    ax.spines[["left", "bottom"]].set_color(FAINT)
    ax.tick_params(colors=TEXT, length=2)


def draw_training(
    figure: Any, schedule: Schedule, curves: Mapping[str, Sequence[float]]
) -> None:
    """Draw the rate over the epochs, and beside it the losses."""
    grid = {"left": 0.1, "right": 0.96, "bottom": 0.09, "top": 0.44}
    rate, loss = figure.subplots(
        1, 2, gridspec_kw={**grid, "wspace": 0.25, "width_ratios": [1, 2]}
    )
    epochs = len(next(iter(curves.values())))
    steps = np.arange(0, epochs * STEPS, 10)
    draw_curve(rate, steps / STEPS, schedule.evaluate(steps), COLORS[0])
    rate.set_title("learning rate")
    rate.set(yticks=[0, PEAK])
    colors = (COLORS[3], COLORS[1], COLORS[0])
    for color, (name, values) in zip(colors, curves.items(), strict=True):
        loss.plot(
            np.arange(1, epochs + 1), values, color=color, label=name, linewidth=2
        )
    loss.set_title("validation loss over the epochs")
    loss.set(ylim=(0, 0.3), yticks=[0, 0.1, 0.2, 0.3], facecolor="none")
    loss.legend(frameon=False, labelcolor=TEXT, borderaxespad=0.0)
    plain(loss)
    for ax in (rate, loss):
        ax.set(xlim=(0, epochs), xticks=range(0, epochs + 1, 10))


if __name__ == "__main__":
    used = Warmup(CosineDecay(PEAK, (EPOCHS - 1) * STEPS), STEPS)
    rates = {f"constant {PEAK}": PEAK, f"constant {LOWER}": LOWER, "schedule": used}
    draw(used, {name: losses(rate) for name, rate in rates.items()}, PICTURE)
