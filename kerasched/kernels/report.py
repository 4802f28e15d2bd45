"""What runs the updates of this process, and why."""

import os
import platform
import re
from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np

from kerasched.kernels import choice
from kerasched.kernels import native
from kerasched.kernels import tested

# What holds a framework's version of XLA or of its tensors.
DISTRIBUTION = {"tensorflow": "TensorFlow", "jax": "jaxlib", "torch": "torch"}
VARIABLES = ("KERASCHED_FUSED", "KERASCHED_ISA", "KERASCHED_NUM_THREADS")


def report() -> dict[str, str]:
    """Return what `kerasched info` prints, a line for each name.

    The kernel is tried on eight numbers, unless it is forbidden or not installed.
    """
    backend = keras.backend.backend()
    reason = choice.forbidden("auto") or choice.unavailable(backend)
    lines = {
        "backend": f"{backend} (Keras {keras.__version__})",
        "framework": _framework(backend),
        "Python": f"{platform.python_version()} (NumPy {np.__version__})",
        "processor": _processor(),
        "update": "Keras's own operations" if reason else "the compiled kernel",
        "reason": reason or _rule(backend),
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
    """Return the version of a framework, and whether it is a tested one."""
    version = tested.installed(backend)
    known = tested.TESTED.get(backend, ())
    if not version:
        return "not known"
    if tested.is_tested(backend):
        return f"{DISTRIBUTION[backend]} {version}, tested"
    return f"{DISTRIBUTION[backend]} {version}, not among the tested {', '.join(known)}"


def _processor() -> str:
    """Return the processor's name, as far as the system gives one, and its cores."""
    cores = f"{os.cpu_count()} cores"
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        text = ""
    names = re.findall(r"^model name\s*: (.+)$", text, re.MULTILINE)
    name = names[0] if names else platform.processor() or platform.machine()
    return f"{name}, {cores}"


def _rule(backend: str) -> str:
    least = choice.MIN_ELEMENTS[backend]
    of = f"for models of {least:,} numbers and more" if least else "at any size"
    rule = f"it is as fast as Keras's own operations, or faster, {of}"
    if choice.ACCUMULATING_MIN_ELEMENTS[backend] < least:
        rule += ", and at any size where gradients are accumulated"
    more = "; without XLA, operations of TensorFlow do plain updates of small weights"
    return rule + more * (backend in choice.OPERATIONS)


def _interface(backend: str) -> str:
    built, offered = native.ffi_version(), native.offered_ffi_version()
    if built is None:
        return "not built"
    text = "{}.{}".format(*built)
    if offered is not None:
        text += "; {} has {}.{}".format(backend, *offered)
    return text


def _or_error(ask: Callable[[], object]) -> str:
    try:
        return str(ask())
    except ValueError as error:
        return str(error)
