"""Selects the code that runs an update, by thresholds that were measured."""

import functools
import importlib
import math
import os
import warnings
from collections.abc import Callable
from types import ModuleType
from typing import Any

import keras

from kerasched.kernels import isolation
from kerasched.kernels import native
from kerasched.kernels import scratch
from kerasched.kernels.options import Step
from kerasched.kernels.scope import in_stateless_scope

# The module of the kernel for each backend. Other backends have no kernel.
MODULES = {name: f"kerasched.kernels.{name}" for name in ("tensorflow", "jax", "torch")}

# The number of elements in all weights from which the kernel is at least as fast as
# Keras's own update, by backend, also for Lion. Keras's time with it, divided by
# the kernel's inside `fit`, was 0.94 for 24,234 elements, 1.03 for 333,450 and 1.72 for
# a million in a graph of TensorFlow; 1.02, 1.13 and 1.22 under its XLA; 1.02, 0.93 and
# 1.40 on JAX (thresholds.json in benchmarks/results).
MIN_ELEMENTS = {"tensorflow": 1_000_000, "jax": 1_000_000, "torch": 0}
# The same for Adam, of which Keras's update takes more passes. Keras's time divided by
# the kernel's inside `fit`: 0.92 for 4,810 elements and 1.0 for 24,234 in a graph of
# TensorFlow, 1.33 for 333,450; on JAX 0.97, 0.99 and 1.6 (medians of 15 pairs).
ADAM_MIN_ELEMENTS = {"tensorflow": 100_000, "jax": 100_000, "torch": 0}
# The same where gradients are accumulated. On JAX Keras computes the whole update at
# every micro-batch. Keras's time divided by the kernel's was 4.1 for 400,000 elements
# in six weights, and 1.05 inside `fit` of three convolutions; divided by that of a
# conditional in XLA it was 1.9 and 0.95.
ACCUMULATING_MIN_ELEMENTS = {**MIN_ELEMENTS, "jax": 0}
# Under XLA TensorFlow, too, computes both branches of Keras's update at every
# micro-batch, and copies each sum and velocity. docs/kernel.md has the times.
ACCUMULATING_MIN_ELEMENTS_UNDER_XLA = 8_000

# Outside of XLA, TensorFlow's own operations run a plain update, of small weights or of
# all. Keras's time divided by theirs, with momentum: 1.3 in a graph and 5.8 eagerly for
# 161 tensors of one element, 2.2 and 5.2 for those of ResNet-50 (update_tensorflow.json
# in benchmarks/results). For ResNet-50 the kernel alone takes 1.1 times as long as they
# do in a graph.
OPERATIONS = {"tensorflow": "kerasched.kernels.tensorflow_ops"}


def select(step: Step, fused: bool | str) -> tuple[ModuleType | None, str]:
    """Return the module that runs a step, or None for Keras; and the reason for Keras.

    Args:
        step: the update. Its gradients are cast to the types of their weights where
            the result stays that of Keras.
        fused: True to insist on the kernel, False to forbid it, "auto" to take what
            was measured to be faster.

    Raises:
        RuntimeError: `fused` is True, and the kernel cannot run this step.
    """
    backend = keras.backend.backend()
    reason = disabled(fused) or unavailable(backend)
    if not reason and backend == "torch" and in_stateless_scope():
        # Even if `fused` is True: there is nothing that the kernel may write over.
        return None, "the tensors of a StatelessScope are not to be changed"
    if not reason:
        step.gradients = _cast_to_weights(step)
        reason = _unsupported(backend, step)
    if reason and fused is True:
        raise RuntimeError(
            f"fused=True cannot use the compiled kernel: {reason}. "
            'Use fused="auto" to train without it'
        )
    if not reason and fused == "auto":
        operations = operations_of(backend)
        if operations is not None and operations.supports(step):
            return operations, ""
        elements = sum(math.prod(w.shape) for w in step.variables.weights)
        accumulates = step.options.accumulates
        on_tensorflow = accumulates and backend == "tensorflow"
        under_xla = on_tensorflow and _imported("tensorflow_graph").under_xla()
        reason = too_small(backend, elements, accumulates, under_xla, step.options.rule)
    return (None, reason) if reason else (_module(backend), "")


def path_of(module: ModuleType) -> str:
    """Return the name of a module of `select`: "kernel" or "operations"."""
    return "operations" if module.__name__ in OPERATIONS.values() else "kernel"


def strategy() -> ModuleType | None:
    """Return the module for tf.distribute strategies if one is in use, else None."""
    if keras.backend.backend() != "tensorflow":
        return None
    module = _imported("tensorflow_strategy")
    return module if module.in_use() else None


def run(update: Callable[[Step], Any], step: Step) -> Any:
    """Run an update of a step, in the replica of this thread if there are several."""
    replicas = strategy()
    return replicas.run(update, step) if replicas else update(step)


def torch_program(step: Step) -> Any:
    """Return the program that the kernel of torch made of a step, to run it again."""
    return _module("torch").program(step)


def disabled(fused: bool | str) -> str:
    """Return the setting that disables the kernel, or an empty text."""
    if os.environ.get("KERASCHED_FUSED", "").strip() == "0":
        return "the environment variable KERASCHED_FUSED is 0"
    return "fused is False" if fused is False else ""


def unavailable(backend: str) -> str:
    """Return why the kernel cannot run in this process, or an empty text.

    The first time that it cannot, a warning gives the reason.
    """
    if backend not in MODULES:
        return f"there is no kernel for {backend}"
    reason = native.missing or isolation.crash(backend)
    reason = reason or _module(backend).unavailable()
    if reason:
        _warn(reason)
    return reason


def too_small(
    backend: str,
    elements: int,
    accumulates: bool = False,
    under_xla: bool = False,
    rule: str = "sgd",
) -> str:
    """Return why a model of so few elements is left to Keras, or an empty text.

    `under_xla` matters on TensorFlow alone, where gradients are accumulated.
    """
    least = MIN_ELEMENTS[backend]
    if rule.startswith("adam"):
        least = ADAM_MIN_ELEMENTS.get(backend, least)
    if accumulates:
        least = min(least, ACCUMULATING_MIN_ELEMENTS[backend])
    if accumulates and under_xla:
        least = min(least, ACCUMULATING_MIN_ELEMENTS_UNDER_XLA)
    if elements >= least:
        return ""
    return f"Keras's own update is as fast below {least:,} parameters"


def scratch_pays(weights: list[Any], fused: bool | str) -> bool:
    """Return whether a train step on JAX gains by scratch memory for the gradients.

    On TensorFlow the kernel creates such memory itself.
    """
    if keras.backend.backend() != "jax" or disabled(fused) or unavailable("jax"):
        return False
    # On several devices it gains nothing: docs/kernel.md has the times.
    alone = keras.distribution.distribution() is None
    return alone and _module("jax").on_cpu() and scratch.pays(weights)


def in_background(step: Step) -> Step:
    """Return a step that JAX runs on another thread, if it is a program of its own."""
    if keras.backend.backend() != "jax":
        return step
    prepared: Step = _imported("jax_background").in_background(step)
    return prepared


def _cast_to_weights(step: Step) -> list[Any]:
    """Return gradients in the types of their weights, if results stay those of Keras.

    Keras clips, accumulates and divides gradients in their own types.
    """
    if step.options.changes_gradients:
        return step.gradients

    def cast(gradient: Any, weight: Any) -> Any:
        dtype = keras.backend.standardize_dtype(weight.dtype)
        if not (keras.ops.is_tensor(gradient) and dtype in native.TYPES):
            return gradient
        differs = keras.backend.standardize_dtype(gradient.dtype) != dtype
        return keras.ops.cast(gradient, dtype) if differs else gradient

    return list(map(cast, step.gradients, step.variables.weights))


def _unsupported(backend: str, step: Step) -> str:
    for variable, gradient in zip(step.variables.weights, step.gradients, strict=True):
        dtype = keras.backend.standardize_dtype(variable.dtype)
        if dtype not in native.TYPES:
            return f"a weight is of {dtype}"
        if not hasattr(gradient, "dtype"):
            return "a gradient is no tensor"
        if keras.backend.standardize_dtype(gradient.dtype) != dtype:
            return "a gradient is of another type than its weight"
    return _module(backend).unsupported(step)


def operations_of(backend: str) -> ModuleType | None:
    """Return the module of a backend's own operations for small weights, if any."""
    name = OPERATIONS.get(backend)
    return None if name is None else importlib.import_module(name)


def _imported(name: str) -> ModuleType:
    return importlib.import_module(f"kerasched.kernels.{name}")


def _module(backend: str) -> ModuleType:
    return importlib.import_module(MODULES[backend])


@functools.cache
def _warn(reason: str) -> None:
    warnings.warn(
        f"kerasched trains without its compiled kernel: {reason}. Results are the "
        "same. `kerasched info` says more; fused=False or KERASCHED_FUSED=0 silences "
        "this.",
        RuntimeWarning,
        stacklevel=2,
    )
