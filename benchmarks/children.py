"""Runs part of a benchmark in a child process on a given backend."""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).resolve().parent
BACKENDS = ("tensorflow", "jax", "torch")
CODE = """
import importlib, json, sys
sys.path.insert(0, {folder!r})
found = getattr(importlib.import_module({module!r}), {function!r})(**{given!r})
print(json.dumps(found))
"""


def installed(wanted: list[str] | None) -> list[str]:
    """Return the installed backends among `wanted`, or all of them."""
    return [b for b in wanted or BACKENDS if importlib.util.find_spec(b)]


def call(
    backend: str,
    module: str,
    function: str,
    given: dict[str, Any],
    environment: dict[str, str] | None = None,
) -> Any:
    """Call a function of a sibling module in a child process; return its result."""
    code = CODE.format(
        folder=str(FOLDER), module=module, function=function, given=given
    )
    settings = {
        **os.environ,
        "KERAS_BACKEND": backend,
        "TF_CPP_MIN_LOG_LEVEL": "2",
        "PYTHONSAFEPATH": "1",
        **(environment or {}),
    }
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, env=settings, stdout=subprocess.PIPE, text=True)
    if done.returncode:
        raise SystemExit(f"{module}.{function} failed on {backend}")
    return json.loads(done.stdout.strip().splitlines()[-1])
