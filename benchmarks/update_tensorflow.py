"""Updates on TensorFlow: Keras's, ours, and TensorFlow's own operation."""

from collections.abc import Callable
from typing import Any

import keras
import ratios
import tensorflow as tf
from cases import arguments
from cases import repeats
from tensors import TENSORS
from tensors import agree
from tensors import starts

import kerasched

CLASSES = {"keras": keras.optimizers.SGD, "ours": kerasched.SGD}
CHECKED = 4


def rows(option: str, tensors: str, rounds: int) -> list[dict[str, Any]]:
    """Return a row for graph mode, and one for XLA."""
    return [_row(option, tensors, rounds, way) for way in ("graph", "xla")]


def _row(option: str, tensors: str, rounds: int, way: str) -> dict[str, Any]:
    _, gradients = starts(tensors)
    # Read from variables in the step: as arguments they would be half of its time.
    sources = [tf.Variable(g, trainable=False) for g in gradients]
    steps, weights = {}, {}
    for name, cls in CLASSES.items():
        weights[name], steps[name] = _keras(cls, option, tensors, sources, way)
    if option in ("momentum", "nesterov") and way == "graph":
        name = "ResourceApplyKerasMomentum"
        nesterov = option == "nesterov"
        weights[name], steps[name] = _operation(nesterov, tensors, sources)
    times = repeats(option, tensors)
    functions = {name: _repeated(step, times) for name, step in steps.items()}
    for function in functions.values():
        for _ in range(CHECKED):
            function()
    agree(tensors, {n: [w.numpy() for w in found] for n, found in weights.items()})
    case = {"backend": "tensorflow", "way": way, "model": tensors, "option": option}
    return ratios.row(case, ratios.taking_turns(functions, rounds))


def _repeated(step: Callable[[], Any], times: int) -> Callable[[], Any]:
    def run() -> None:
        for _ in range(times):
            step()

    return run


def _keras(
    cls: Any, option: str, tensors: str, sources: list[Any], way: str
) -> tuple[list[Any], Callable[[], Any]]:
    weights = [keras.Variable(array) for array in starts(tensors)[0]]
    optimizer = cls(**arguments(option))
    optimizer.build(weights)

    @tf.function(jit_compile=way == "xla")
    def step() -> None:
        optimizer.apply([source.read_value() for source in sources], weights)

    return [w.value for w in weights], step


def _operation(
    nesterov: bool, tensors: str, sources: list[Any]
) -> tuple[list[Any], Callable[[], Any]]:
    weights = [tf.Variable(array) for array in starts(tensors)[0]]
    velocities = [tf.Variable(tf.zeros_like(w)) for w in weights]

    @tf.function
    def step() -> None:
        for weight, velocity, source in zip(weights, velocities, sources, strict=True):
            tf.raw_ops.ResourceApplyKerasMomentum(
                var=weight.handle,
                accum=velocity.handle,
                lr=0.01,
                grad=source.read_value(),
                momentum=0.9,
                use_nesterov=nesterov,
            )

    return weights, step


def first_call(rounds: int) -> dict[str, Any]:
    """Return the row of the first call: cosine with warmup, decay, 161 variables."""
    case = {"backend": "tensorflow", "way": "graph", "model": "small"}
    functions = {name: _first(cls) for name, cls in CLASSES.items()}
    times = ratios.taking_turns(functions, rounds)
    return ratios.row({**case, "option": "first call"}, times)


def _first(cls: Any) -> Callable[[], Any]:
    def run() -> None:
        rate = keras.optimizers.schedules.CosineDecay(
            0.0, 1000, warmup_target=0.1, warmup_steps=100
        )
        weights = [keras.Variable(keras.ops.ones(shape)) for shape in TENSORS["small"]]
        optimizer = cls(rate, momentum=0.9, weight_decay=1e-4)
        optimizer.build(weights)
        gradients = [tf.ones(w.shape) for w in weights]
        tf.function(lambda: optimizer.apply(gradients, weights))()

    return run
