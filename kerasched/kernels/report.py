"""The report of `kerasched info`: what runs updates here, and why."""

import importlib
import os
import platform
from collections.abc import Callable

import keras
import numpy as np

from kerasched.kernels import dispatch
from kerasched.kernels import native
from kerasched.kernels import tested
from kerasched.kernels.processor import processor_name

# The module of each backend that knows its devices and processes.
DEVICES = {
    "jax": "kerasched.kernels.jax_processes",
    "tensorflow": "kerasched.kernels.tensorflow_strategy",
    "torch": "kerasched.kernels.torch_processes",
}
# What runs on several devices, if the kernel can run at all: docs/scaling.md.
SEVERAL = {
    "jax": "keras.distribution: the kernel on each shard of the weights on a CPU, "
    "plain XLA on other devices",
    "tensorflow": "MirroredStrategy: in each replica the kernel, for models of the "
    "same sizes; else the same update in TensorFlow's operations",
    "torch": "DistributedDataParallel: the kernel in each process",
}
WITHOUT = {
    "jax": "keras.distribution: Keras's own operations on each shard of the weights",
    "tensorflow": "MirroredStrategy: in each replica the same update in TensorFlow's "
    "operations",
    "torch": "DistributedDataParallel: Keras's own operations in each process",
}
VARIABLES = ("KERASCHED_FUSED", "KERASCHED_ISA", "KERASCHED_NUM_THREADS")


def report() -> dict[str, str]:
    """Return the lines that `kerasched info` prints, by name.

    The kernel's self-test runs, unless the kernel is disabled or not installed.
    """
    backend = keras.backend.backend()
    reason = dispatch.disabled("auto") or dispatch.unavailable(backend)
    lines = {
        "backend": f"{backend} (Keras {keras.__version__})",
        "framework": _framework(backend),
        "Python": f"{platform.python_version()} (NumPy {np.__version__})",
        "processor": f"{processor_name()}, {os.cpu_count()} cores",
        "devices": _devices(backend),
        "update": "Keras's own operations" if reason else "the compiled kernel",
        "reason": reason or _thresholds(backend),
        "several devices": (WITHOUT if reason else SEVERAL).get(backend, "not known"),
        "extension": native.missing or "installed",
    }
    if not native.missing:
        lines |= {
            "XLA interface": _interface(backend),
            "instruction set": _or_error(native.instruction_set),
            "threads": _or_error(native.threads),
        }
    given = {name: os.environ[name] for name in VARIABLES if os.environ.get(name)}
    return lines | given


def _framework(backend: str) -> str:
    """Return the version of a framework, and whether it was tested."""
    version = tested.installed(backend)
    if not version:
        return "not known"
    label = tested.LABELS[backend]
    if tested.is_tested(backend):
        return f"{label} {version}, tested"
    known = ", ".join(tested.TESTED.get(backend, ()))
    return f"{label} {version}, not among the tested {known}"


def _thresholds(backend: str) -> str:
    least = dispatch.MIN_ELEMENTS[backend]
    sizes = f"for models of {least:,} parameters and more" if least else "at any size"
    of_adam = dispatch.ADAM_MIN_ELEMENTS.get(backend, least)
    if of_adam < least:
        sizes += f" ({of_adam:,} with Adam)"
    rule = f"it is as fast as Keras's own operations, or faster, {sizes}"
    if dispatch.ACCUMULATING_MIN_ELEMENTS[backend] < least:
        rule += ", and at any size where gradients are accumulated"
    if (operations := dispatch.operations_of(backend)) is not None:
        rule += (
            "; in a plain SGD step outside XLA, weights of fewer than "
            f"{operations.LARGE:,} elements use TensorFlow's own operations"
        )
    return rule


def _devices(backend: str) -> str:
    """Return the devices, the processes and the distribution that is set."""
    if backend not in DEVICES:
        return "not known"
    text = str(importlib.import_module(DEVICES[backend]).devices())
    distribution = keras.distribution.distribution()
    return f"{text}; {type(distribution).__name__}" if distribution else text


def _interface(backend: str) -> str:
    built, offered = native.ffi_version(), native.offered_ffi_version()
    if built is None:
        return "not built"
    text = "{}.{}".format(*built)
    if offered is not None:
        text += "; {} has {}.{}".format(backend, *offered)
    return text


def _or_error(function: Callable[[], object]) -> str:
    try:
        return str(function())
    except ValueError as error:
        return str(error)
