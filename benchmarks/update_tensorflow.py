"""Times one update on TensorFlow: Keras, kerasched and TensorFlow's operation."""

from collections.abc import Callable
from functools import partial
from typing import Any

import keras
import ratios
import tensorflow as tf
import updating
from cases import PLAIN
from cases import arguments
from cases import class_name
from cases import dtype
from floors import LIMIT
from tensors import TENSORS
from tensors import starts
from updating import Updated
from updating import both


def rows(
    option: str, tensors: str, rounds: int, limit: bool = False
) -> list[dict[str, Any]]:
    """Return a row for graph mode, for XLA, and for eager execution.

    That one for plain updates alone: Keras takes seconds for ten others.
    """
    ways = ("graph", "xla", *(("eager",) if option in PLAIN else ()))
    return [_row(option, tensors, rounds, way, limit) for way in ways]


def _row(
    option: str, tensors: str, rounds: int, way: str, limit: bool
) -> dict[str, Any]:
    _, gradients = starts(tensors)
    # The step reads them from variables: as arguments they would take half its time.
    kind = dtype(option)
    sources = [tf.Variable(tf.cast(g, kind), trainable=False) for g in gradients]
    makers = both(_keras, option, tensors, sources, way)
    if option in ("momentum", "nesterov") and way == "graph":
        given = (option == "nesterov", tensors, sources)
        makers["ResourceApplyKerasMomentum"] = partial(_operation, *given)
    if limit:
        makers[LIMIT] = partial(_limit, option, tensors, sources, way)
    case = {"backend": "tensorflow", "way": way, "model": tensors, "option": option}
    return updating.row(case, makers, rounds)


def _keras(
    cls: Any, option: str, tensors: str, sources: list[Any], way: str
) -> Updated:
    kind = dtype(option)
    weights = [keras.Variable(array, dtype=kind) for array in starts(tensors)[0]]
    optimizer = cls(**arguments(option))
    optimizer.build(weights)

    def step() -> None:
        optimizer.apply([source.read_value() for source in sources], weights)

    compiled = tf.function(step, jit_compile=way == "xla")
    run = step if way == "eager" else compiled
    return _repeated(run, [w.value for w in weights])


def _limit(option: str, tensors: str, sources: list[Any], way: str) -> Updated:
    """Return the kernel alone, after a call that passes as many variables as a step."""
    if way == "eager":
        return updating.limit(option, tensors)
    cls = getattr(keras.optimizers, class_name(option))
    optimizer = cls(**arguments(option))
    weights = [keras.Variable([0.0]) for _ in sources]
    optimizer.build(weights)
    held = [*sources, *(v.value for v in (*weights, *optimizer.variables))]

    @tf.function(jit_compile=way == "xla")
    def call() -> None:
        with tf.control_dependencies([tf.identity(v.handle) for v in held]):
            tf.no_op()

    return updating.limit(option, tensors, call)


def _operation(nesterov: bool, tensors: str, sources: list[Any]) -> Updated:
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

    return _repeated(step, weights)


def _repeated(step: Callable[[], Any], weights: list[Any]) -> Updated:
    return Updated(
        updating.repeated(step), lambda: [w.numpy().astype("float32") for w in weights]
    )


def first_call(rounds: int) -> dict[str, Any]:
    """Return the row of a first call: cosine with warmup, decay, 161 variables."""
    case = {"backend": "tensorflow", "way": "graph", "model": "small"}
    functions = {k: make() for k, make in both(_first, "momentum").items()}
    times = ratios.taking_turns(functions, rounds)
    return ratios.row({**case, "option": "first call"}, times)


def _first(cls: Any, option: str) -> Callable[[], Any]:
    def run() -> None:
        rate = keras.optimizers.schedules.CosineDecay(
            0.0, 1000, warmup_target=0.1, warmup_steps=100
        )
        weights = [keras.Variable(keras.ops.ones(shape)) for shape in TENSORS["small"]]
        optimizer = cls(
            **{**arguments(option), "learning_rate": rate, "weight_decay": 1e-4}
        )
        optimizer.build(weights)
        gradients = [tf.ones(w.shape) for w in weights]
        tf.function(lambda: optimizer.apply(gradients, weights))()

    return run
