"""Trains with a grid of rates and with each suggested rate, for bench_finder.py."""

import math
import sys
from typing import Any

import keras
import numpy as np
from finder_problems import GROUPS
from rich.console import Console
from rich.progress import track

from kerasched import find_learning_rate
from kerasched.training.variables import copy_of

BATCH = 32


def runs(
    group: str, seeds: list[int], rates: list[float], steps: int
) -> list[dict[str, Any]]:
    """Return one result for each problem, optimizer and seed of a group.

    Args:
        group: a key of GROUPS.
        seeds: each gives other initial weights and another order of the data.
        rates: the grid.
        steps: the training steps for each rate.
    """
    problems, optimizers = GROUPS[group]
    cases = [(p, o, seed) for p in problems for o in optimizers for seed in seeds]
    shown = track(cases, group, console=Console(file=sys.stderr))
    return [
        {"group": group, **run(group, *case, rates=rates, steps=steps)}
        for case in shown
    ]


def run(
    group: str, problem: str, optimizer: str, seed: int, rates: list[float], steps: int
) -> dict[str, Any]:
    """Return the losses of one problem after training with each rate."""
    problems, optimizers = GROUPS[group]
    keras.utils.set_random_seed(seed)
    x, y, model, loss = problems[problem]()
    order = np.random.default_rng(seed).permutation(len(x))
    x, y = x[order].astype("float32"), y[order].astype("float32")
    model.compile(optimizers[optimizer](), loss)
    found = find_learning_rate(model, x, y, BATCH, verbose=0).suggestions
    training = Training(model, x, y, seed, steps)
    first = training.loss()
    grid = [training.loss_after(rate) for rate in rates]
    # A rule without a suggestion leaves the model untrained.
    losses = {
        rule: first if rate is None else training.loss_after(rate)
        for rule, rate in found.items()
    }
    return {
        "problem": problem,
        "optimizer": optimizer,
        "seed": seed,
        "first_loss": first,
        "grid": [finite(loss) for loss in grid],
        "suggestions": found,
        "losses": {rule: finite(loss) for rule, loss in losses.items()},
        "regrets": {rule: regret(loss, first, grid) for rule, loss in losses.items()},
    }


def regret(loss: float, first: float, grid: list[float]) -> float:
    """Return the part of the best rate's fall of the loss that a rate misses.

    regret = (loss - best) / (first - best), at most 1

    Args:
        loss: the loss after training with the rate.
        first: the loss before training.
        grid: the losses after training with each rate of the grid.
    """
    best = min(value for value in grid if math.isfinite(value))
    part = (loss - best) / (first - best)
    return 1.0 if math.isnan(part) else min(part, 1.0)


def finite(loss: float) -> float | None:
    """Return a loss, or None for a diverged one, as JSON has no NaN."""
    return loss if math.isfinite(loss) else None


class Training:
    """Training from the same weights on the same batches with one rate after another.

    The model is compiled once.
    """

    def __init__(
        self, model: Any, x: np.ndarray, y: np.ndarray, seed: int, steps: int
    ) -> None:
        self._model, self._data, self._seed = model, (x, y), seed
        generator, samples = np.random.default_rng(seed), steps * BATCH
        epochs = math.ceil(samples / len(x))
        orders = [generator.permutation(len(x)) for _ in range(epochs)]
        order = np.concatenate(orders)[:samples]
        self._batches = x[order], y[order]
        self._variables = [*model.variables, *model.optimizer.variables]
        self._values = list(map(copy_of, self._variables))
        # On torch the first step draws random numbers to build metrics.
        model.train_on_batch(*(array[:BATCH] for array in self._batches))
        self._restart()

    def _restart(self) -> None:
        """Restore the state from which each training starts."""
        for variable, value in zip(self._variables, self._values, strict=True):
            variable.assign(value)
        keras.utils.set_random_seed(self._seed)  # Dropout on torch draws from it.

    def loss(self) -> float:
        """Return the loss on all data."""
        x, y = self._data
        return float(self._model.evaluate(x, y, batch_size=len(x), verbose=0))

    def loss_after(self, rate: float) -> float:
        """Return the loss on all data after training with a rate."""
        self._restart()
        self._model.optimizer.learning_rate = rate
        self._model.fit(
            *self._batches, batch_size=BATCH, epochs=1, shuffle=False, verbose=0
        )
        return self.loss()
