"""Describes where a benchmark was run: the machine and the versions."""

import importlib.metadata
import os
import platform
from pathlib import Path
from typing import Any

import numpy as np

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
        "cpu": _cpu(),
        "cores": os.cpu_count(),
        "isa": np.show_config(mode="dicts")["SIMD Extensions"].get("found", []),
        "system": platform.system(),
    }


def versions() -> dict[str, str | None]:
    """Return the version of Python and of each package, None for one not installed."""
    found = {name: _version(names) for name, names in DISTRIBUTIONS.items()}
    return {"python": platform.python_version(), **found}


def _cpu() -> str:
    path = Path("/proc/cpuinfo")
    if path.exists():
        for line in path.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _version(names: tuple[str, ...]) -> str | None:
    for name in names:
        try:
            return importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return None
