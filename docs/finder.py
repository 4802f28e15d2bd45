"""Draws the picture of docs/finder.md: python docs/finder.py.

Losses differ a little between machines, so run this only after a change to the finder.
"""

from pathlib import Path

import keras
import numpy as np
from matplotlib.figure import Figure

from kerasched import find_learning_rate

PICTURE = Path(__file__).parent / "finder.png"


def main() -> None:
    """Find the learning rate of a small network, and draw the sweep."""
    keras.utils.set_random_seed(0)
    x = np.random.default_rng(0).normal(size=(4000, 8)).astype("float32")
    y = (x[:, :1] * x[:, 1:2] > 0).astype("float32")
    layers = [keras.layers.Dense(64, "relu"), keras.layers.Dense(1, "sigmoid")]
    model = keras.Sequential([keras.layers.Input((8,)), *layers])
    model.compile(keras.optimizers.Adam(), "binary_crossentropy")
    sweep = find_learning_rate(model, x, y)
    figure = Figure(figsize=(7, 4), layout="constrained")
    sweep.plot(figure.subplots())
    figure.savefig(PICTURE, dpi=110)


if __name__ == "__main__":
    main()
