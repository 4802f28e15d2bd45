"""Trains models with Keras's SGD and with ours inside `fit`, on one backend."""

import resource
import sys
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import ratios
from cases import arguments
from models import BATCH
from models import build
from models import data

import kerasched

CLASSES = {"keras": keras.optimizers.SGD, "ours": kerasched.SGD}
KERAS_FINALIZE = keras.optimizers.SGD.finalize_variable_values


def rows(
    model: str, option: str, jit: bool, way: str, rounds: int, steps: int
) -> list[dict[str, Any]]:
    """Return the row of one model and option: seconds of a `fit`, per step."""
    models, functions = {}, {}
    for name, cls in CLASSES.items():
        models[name], functions[name] = _fitted(model, cls, option, jit, steps)
    for function in functions.values():
        function()
    _agree({name: made.get_weights() for name, made in models.items()})
    seconds = ratios.taking_turns(functions, rounds)
    each = {name: [s / steps for s in times] for name, times in seconds.items()}
    case = {"backend": keras.backend.backend(), "way": way, "model": model}
    return [ratios.row({**case, "option": option}, each)]


def peak(model: str, option: str, jit: bool, steps: int, cls: str) -> int:
    """Return the most resident memory of a process that does nothing else, in bytes."""
    _, function = _fitted(model, CLASSES[cls], option, jit, steps)
    function()
    function()
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def _fitted(
    model: str, cls: Any, option: str, jit: bool, steps: int
) -> tuple[Any, Callable[[], Any]]:
    made = build(model, cls, arguments(option), jit)
    inputs, labels = data(made, steps)
    _give_averages_their_own_array()

    def run() -> None:
        made.fit(inputs, labels, batch_size=BATCH, shuffle=False, verbose=0)

    return made, run


def _give_averages_their_own_array() -> None:
    """Let Keras's own SGD survive a second `fit` with a moving average on JAX.

    It gives the weight and its average the same array, which is then donated twice.
    """

    def finalize(self: Any, variables: list[Any]) -> None:
        KERAS_FINALIZE(self, variables)
        if self.use_ema and keras.backend.backend() == "jax":
            for average in self._model_variables_moving_average:
                average.assign(keras.ops.copy(average.value))

    keras.optimizers.SGD.finalize_variable_values = finalize


def _agree(found: dict[str, list[np.ndarray]]) -> None:
    """Check that both sides have the same weights after their first `fit`."""
    for ours, theirs in zip(found["ours"], found["keras"], strict=True):
        if not np.allclose(ours, theirs, rtol=1e-3, atol=1e-4):
            apart = np.abs(ours - theirs).max()
            raise SystemExit(f"The weights of ours and of Keras differ by {apart}")
