"""Describes where a benchmark was run: the machine and the versions."""

import importlib.metadata
import os
import platform
from typing import Any

import numpy as np
from children import call
from children import installed

# The first that is installed counts: TensorFlow comes under several names.
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
    """Return the processor's name. It runs in a child, as it imports the package."""
    from kerasched.kernels.processor import processor_name

    return processor_name()


def versions() -> dict[str, str | None]:
    """Return the version of Python and of each package, None for one not installed."""
    found = {name: _version(names) for name, names in DISTRIBUTIONS.items()}
    return {"python": platform.python_version(), **found}


def _version(names: tuple[str, ...]) -> str | None:
    for name in names:
        try:
            return importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return None
