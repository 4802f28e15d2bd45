"""Describes the machine and the versions of a benchmark run, and writes its file."""

import datetime
import importlib.metadata
import json
import os
import platform
from pathlib import Path
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


def described(**more: Any) -> dict[str, Any]:
    """Return the beginning of a result: date, machine, versions, and `more`."""
    today = datetime.datetime.now(datetime.UTC).date().isoformat()
    return {"date": today, "machine": machine(), "versions": versions(), **more}


def write(result: dict[str, Any], path: Path) -> None:
    """Write a result as JSON, in place of the file that is there."""
    path.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


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
