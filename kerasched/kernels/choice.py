"""Which code does an update: one rule, with the measurements behind it."""

import functools
import importlib
import os
import warnings
from types import ModuleType
from typing import Any

import keras

from kerasched.kernels import isolation
from kerasched.kernels import native
from kerasched.kernels import scratch
from kerasched.kernels.options import Step
from kerasched.kernels.scope import in_stateless_scope

# The kernel of each backend; all others go without.
MODULES = {name: f"kerasched.kernels.{name}" for name in ("tensorflow", "jax", "torch")}

# The number of weights' elements from which the kernel is at least as fast as Keras's
# own update, by backend.
MIN_ELEMENTS = {"tensorflow": 1_000_000, "jax": 1_000_000, "torch": 0}
# And where gradients are accumulated. On JAX Keras does the whole update at every
# micro-batch, and XLA makes an operation for each weight in each branch of ours.
# Keras's time over the kernel's, and over that of a conditional in XLA: 4.1 and 1.9
# for 400,000 numbers in six weights, 1.05 and 0.95 inside `fit` of three convolutions.
ACCUMULATING_MIN_ELEMENTS = {**MIN_ELEMENTS, "jax": 0}
# Under XLA TensorFlow's, too, computes both branches of Keras's update at every
# micro-batch, and copies each sum and velocity. docs/kernel.md has the times.
ACCUMULATING_MIN_ELEMENTS_UNDER_XLA = 8_000

# Outside of XLA, TensorFlow has operations that do a plain update, alone or beside the
# kernel. Keras's time over theirs, with momentum: 1.3 in a graph and 5.8 eagerly for
# 161 tensors of one number, 2.2 and 5.2 for ResNet-50's (update_tensorflow.json in
# benchmarks/results). For these the kernel alone takes 1.1 of their time in a graph.
OPERATIONS = {"tensorflow": "kerasched.kernels.tensorflow_ops"}


def choose(step: Step, fused: bool | str) -> tuple[ModuleType | None, str]:
    """Return the module that does a step, or None for Keras; and why.

    Args:
        step: what is to be done. Its gradients are cast to the types of their weights
            where Keras, too, does nothing to them before.
        fused: True to insist on the kernel, False to forbid it, "auto" to go by
            what was measured to be faster.

    Raises:
        RuntimeError: `fused` is True, and the kernel cannot do this step.
    """
    backend = keras.backend.backend()
    reason = forbidden(fused) or unavailable(backend)
    if not reason and backend == "torch" and in_stateless_scope():
        # Even where the kernel is insisted on: it has nothing that it may write over.
        return None, "the tensors of a StatelessScope are not to be changed"
    if not reason:
        step.gradients = _in_types_of_weights(step)
        reason = _unsuited(backend, step)
    if reason and fused is True:
        raise RuntimeError(
            f"SGD(fused=True) cannot use the compiled kernel: {reason}. "
            'Use fused="auto" to train without it'
        )
    if not reason and fused == "auto":
        operations = _operations_of(backend)
        if operations is not None and operations.suits(step):
            return operations, ""
        elements = sum(map(scratch.elements, step.variables.weights))
        xla = backend == "tensorflow" and _module(backend).under_xla()
        reason = slower(backend, elements, bool(step.variables.sums), xla)
    return (None, reason) if reason else (_module(backend), "")


def path_of(module: ModuleType) -> str:
    """Return what a module of `choose` is: "kernel" or "operations"."""
    return "operations" if module.__name__ in OPERATIONS.values() else "kernel"


def has_replicas() -> bool:
    """Return whether gradients are still to be summed over TensorFlow's replicas."""
    on_tensorflow = keras.backend.backend() == "tensorflow"
    return on_tensorflow and _module("tensorflow").has_replicas()


def decay_in_replicas(weights: list[Any], rate: Any, weight_decay: float) -> None:
    """Decay the weights of all of TensorFlow's replicas, as Keras does."""
    _module("tensorflow").decay_in_replicas(weights, rate, weight_decay)


def program(step: Step) -> Any:
    """Return what the kernel of torch made of a step, to be run again."""
    return _module("torch").program(step)


def forbidden(fused: bool | str) -> str:
    """Return who forbids the kernel, or an empty text."""
    if os.environ.get("KERASCHED_FUSED", "").strip() == "0":
        return "the environment variable KERASCHED_FUSED is 0"
    return "fused is False" if fused is False else ""


def unavailable(backend: str) -> str:
    """Return why the kernel cannot run in this process, or an empty text.

    The first time that it cannot, a warning says why.
    """
    if backend not in MODULES:
        return f"there is no kernel for {backend}"
    reason = native.missing or isolation.crash(backend)
    reason = reason or _module(backend).unavailable()
    if reason:
        _warn(reason)
    return reason


def slower(
    backend: str, elements: int, accumulates: bool = False, under_xla: bool = False
) -> str:
    """Return why Keras's own update is as fast for so many elements, or nothing.

    Whether XLA compiles the step is asked on TensorFlow alone.
    """
    least = (ACCUMULATING_MIN_ELEMENTS if accumulates else MIN_ELEMENTS)[backend]
    if accumulates and under_xla:
        least = min(least, ACCUMULATING_MIN_ELEMENTS_UNDER_XLA)
    if elements >= least:
        return ""
    return f"Keras's own update is as fast below {least:,} numbers"


def wants_scratch(weights: list[Any], fused: bool | str) -> bool:
    """Return whether an optimizer should have variables that receive the gradients.

    On JAX alone: what a step is to write over must be among its arguments there. In
    TensorFlow the kernel makes such variables where it needs them.
    """
    if keras.backend.backend() != "jax" or forbidden(fused) or unavailable("jax"):
        return False
    alone = keras.distribution.distribution() is None
    return alone and _module("jax").on_cpu() and scratch.pays(weights)


def in_background(step: Step) -> Step:
    """Return a step of which the whole program is made, as JAX runs it best."""
    if keras.backend.backend() != "jax":
        return step
    module = importlib.import_module("kerasched.kernels.jax_background")
    made: Step = module.in_background(step)
    return made


def _in_types_of_weights(step: Step) -> list[Any]:
    """Return gradients as the kernel takes them, if the results stay those of Keras.

    A gradient of bfloat16 is float32 once a LossScaleOptimizer has divided it.
    """
    if step.options.changes_gradients:
        return step.gradients

    def cast(gradient: Any, weight: Any) -> Any:
        dtype = keras.backend.standardize_dtype(weight.dtype)
        if not (keras.ops.is_tensor(gradient) and dtype in native.TYPES):
            return gradient
        unlike = keras.backend.standardize_dtype(gradient.dtype) != dtype
        return keras.ops.cast(gradient, dtype) if unlike else gradient

    return list(map(cast, step.gradients, step.variables.weights))


def _unsuited(backend: str, step: Step) -> str:
    for variable, gradient in zip(step.variables.weights, step.gradients, strict=True):
        dtype = keras.backend.standardize_dtype(variable.dtype)
        if dtype not in native.TYPES:
            return f"a weight is of {dtype}"
        if not hasattr(gradient, "dtype"):
            return "a gradient is no tensor"
        if keras.backend.standardize_dtype(gradient.dtype) != dtype:
            return "a gradient is of another type than its weight"
    return _module(backend).unsuited(step)


def _operations_of(backend: str) -> ModuleType | None:
    name = OPERATIONS.get(backend)
    return None if name is None else importlib.import_module(name)


def _module(backend: str) -> ModuleType:
    return importlib.import_module(MODULES[backend])


@functools.cache
def _warn(reason: str) -> None:
    warnings.warn(
        f"kerasched.SGD trains without its compiled kernel: {reason}. Results are the "
        "same. `kerasched info` says more; SGD(fused=False) or KERASCHED_FUSED=0 "
        "silences this.",
        RuntimeWarning,
        stacklevel=2,
    )
