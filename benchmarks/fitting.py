"""Times `fit` with Keras's optimizer and with ours, on one backend."""

import operator
import resource
import sys
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import keras
import numpy as np
import ratios
from cases import SCALED
from cases import arguments
from cases import class_name
from models import BATCH
from models import build
from models import data
from twins import in_turn
from twins import twice

import kerasched


def rows(
    model: str,
    option: str,
    jit: bool,
    way: str,
    rounds: int,
    steps: int,
    fused: bool | str = "auto",
) -> list[dict[str, Any]]:
    """Return the row of one model and option: seconds per step inside `fit`."""
    makers = {
        name: partial(_fitted, model, name, option, jit, steps, fused) for name in SIDES
    }
    made = twice(makers, lambda each: each[1]())
    for pair in made.values():
        for _, run in pair:
            run()
    for i in range(2):
        _agree({name: pair[i][0].get_weights() for name, pair in made.items()})
    functions = {name: in_turn([run for _, run in pair]) for name, pair in made.items()}
    seconds = ratios.taking_turns(functions, rounds, clock=operator.call)
    each = {name: [s / steps for s in times] for name, times in seconds.items()}
    case = {"backend": keras.backend.backend(), "way": way, "model": model}
    return [ratios.row({**case, "option": option}, each)]


def peak(model: str, option: str, jit: bool, steps: int, side: str) -> int:
    """Return the peak resident memory of this process after two fits, in bytes."""
    _, function = _fitted(model, side, option, jit, steps)
    function()
    function()
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


class _Epoch(keras.callbacks.Callback):
    """Times an epoch without the setup and the cleanup of `fit`."""

    seconds = 0.0

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self._start = time.perf_counter()

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        self.seconds = time.perf_counter() - self._start


def _fitted(
    model: str,
    side: str,
    option: str,
    jit: bool,
    steps: int,
    fused: bool | str = "auto",
) -> tuple[Any, Callable[[], float]]:
    """Return a model, and a function that trains it for one timed epoch."""
    made = build(model, _optimizer(side, option, fused), jit)
    given = _fed(*data(made, steps))

    def run() -> float:
        epoch = _Epoch()
        made.fit(**given, shuffle=False, callbacks=[epoch], verbose=0)
        return epoch.seconds

    return made, run


def _fed(inputs: np.ndarray, labels: np.ndarray) -> dict[str, Any]:
    """Return the data arguments of `fit`.

    On TensorFlow an autotuned tf.data pipeline, which Keras makes of arrays, delays the
    end of `fit` by up to three seconds. This one is not autotuned.
    """
    if keras.backend.backend() != "tensorflow":
        return {"x": inputs, "y": labels, "batch_size": BATCH}
    import tensorflow as tf

    options = tf.data.Options()
    options.autotune.enabled = False
    pairs = tf.data.Dataset.from_tensor_slices((inputs, labels))
    return {"x": pairs.batch(BATCH).prefetch(2).with_options(options)}


def _surviving(cls: Any) -> Any:
    """Return Keras's class with a fix for a second `fit` with `use_ema` on JAX.

    Keras assigns the same array to the weight and its average, and then donates it
    twice.
    """

    class Surviving(cls):
        def finalize_variable_values(self, var_list: list[Any]) -> None:
            super().finalize_variable_values(var_list)
            for average in self._model_variables_moving_average if self.use_ema else ():
                average.assign(keras.ops.copy(average.value))

    return Surviving


SIDES = {"keras": keras.optimizers, "ours": kerasched}


def _optimizer(side: str, option: str, fused: bool | str) -> Any:
    package = SIDES[side]
    cls = getattr(package, class_name(option))
    # On torch Keras has a faster update for its own classes, but not for a subclass.
    if side == "keras" and keras.backend.backend() == "jax":
        cls = _surviving(cls)
    given = {"fused": fused} if side == "ours" else {}
    optimizer = cls(**arguments(option), **given)
    return package.LossScaleOptimizer(optimizer) if option in SCALED else optimizer


def _agree(found: dict[str, list[np.ndarray]]) -> None:
    """Check that both sides end their first `fit` with the same weights."""
    for ours, theirs in zip(found["ours"], found["keras"], strict=True):
        if not np.allclose(ours, theirs, rtol=1e-3, atol=1e-4):
            apart = np.abs(ours - theirs).max()
            raise SystemExit(f"The weights of ours and of Keras differ by {apart}")
