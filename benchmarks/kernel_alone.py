"""The kernel on NumPy arrays, without a framework: the limit of every backend."""

import itertools
from typing import Any

import numpy as np
from cases import WEIGHT_DECAY
from cases import arguments
from tensors import starts

from kerasched.kernels import native
from kerasched.kernels.options import Options

BETAS = (0.9, 0.999)


class KernelAlone:
    """A set of tensors at fixed addresses, and the update of all of them.

    Args:
        options: the options of the update.
        hyperparameters: those of the rule.
        tensors: the name of the set.
    """

    def __init__(
        self, options: Options, hyperparameters: tuple[float, ...], tensors: str
    ) -> None:
        self.weights, self._gradients = starts(tensors)
        self._slots = [
            list(map(np.zeros_like, self.weights)) for _ in range(options.slots)
        ]
        self._hyperparameters = list(hyperparameters)
        self._update = native.Update(
            options,
            ["float32"] * len(self.weights),
            [w.size for w in self.weights],
            [options.weight_decay] * len(self.weights),
            [_addresses(arrays) for arrays in (self.weights, *self._slots)],
        )
        self._gradients_at = _addresses(self._gradients)

    def run(
        self, learning_rate: float, weight_decay: float = 0.0, iterations: int = 0
    ) -> None:
        """Run the update that follows `iterations` others."""
        self._update.run(
            learning_rate,
            weight_decay,
            1.0,
            iterations,
            self._hyperparameters,
            self._gradients_at,
        )


class CaseAlone:
    """A case of LIMITED on a set of tensors."""

    def __init__(self, option: str, tensors: str) -> None:
        given = arguments(option)
        self._rate, self._decay = given["learning_rate"], 0.0
        if option == "adamw":
            self._decay = WEIGHT_DECAY
            rule, numbers = Options("adam", weight_decay=True), adam(given["epsilon"])
        else:
            rule, numbers = Options("sgd_momentum"), (given["momentum"],)
        self._kernel = KernelAlone(rule, numbers, tensors)
        self._counts = itertools.count()

    def step(self) -> None:
        """Run the next update."""
        self._kernel.run(self._rate, self._decay, next(self._counts))

    def weights(self) -> list[np.ndarray]:
        """Return the current weights."""
        return self._kernel.weights


def adam(epsilon: float) -> tuple[float, ...]:
    """Return the hyperparameters of the rule of Adam."""
    return (*BETAS, *(1 - beta for beta in BETAS), epsilon)


def _addresses(arrays: list[Any]) -> list[int]:
    return [array.ctypes.data for array in arrays]
