"""Describes the machine and the versions of a benchmark run."""

import importlib.metadata
import os
import platform
from typing import Any

import numpy as np
from children import call
from children import installed

# The first installed name counts: TensorFlow has several distributions.
DISTRIBUTIONS = {
    "kerasched": ("kerasched",),
    "keras": ("keras",),
    "numpy": ("numpy",),
    "tensorflow": ("tensorflow", "tensorflow-cpu"),
    "jax": ("jax",),
    "torch": ("torch",),
}


def machine() -> dict[str, Any]:
    """Return the CPU, its cores, and the vector instructions that NumPy found."""
    return {
        "cpu": call(installed(None)[0], "machine", "processor", {}),
        "cores": os.cpu_count(),
        "isa": np.show_config(mode="dicts")["SIMD Extensions"].get("found", []),
        "system": platform.system(),
    }


def processor() -> str:
    """Return the processor's name. Runs in a child, since it imports the package."""
    from kerasched.kernels.processor import processor_name

    return processor_name()


def versions() -> dict[str, str | None]:
    """Return the versions of Python and of each package; None if not installed."""
    found = {name: _version(names) for name, names in DISTRIBUTIONS.items()}
    return {"python": platform.python_version(), **found}


def _version(names: tuple[str, ...]) -> str | None:
    for name in names:
        try:
            return importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return None
