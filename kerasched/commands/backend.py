"""The choice of a Keras backend, and the import of Keras without log noise."""

import argparse
import contextlib
import importlib.util
import json
import os
import re
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

from kerasched.commands.options import check_installed
from kerasched.errors import UserError

# The backends by name, each with the package to install.
BACKENDS = {"tensorflow": "tensorflow-cpu", "jax": "jax", "torch": "torch"}

# TensorFlow logs that it has oneDNN whatever TF_CPP_MIN_LOG_LEVEL says: one line of
# information after a warning about logging itself.
_NOISE = re.compile(
    rb"(I\d{4} .*|WARNING: All log messages before absl::InitializeLog\(\) .*)\n"
)


def add_backend(parser: argparse.ArgumentParser) -> None:
    """Add the option that chooses a backend."""
    help = "the backend of Keras (default: as Keras is configured)"
    parser.add_argument("--backend", choices=BACKENDS, help=help)


def choose_backend(name: str | None) -> str:
    """Return the named backend, or the one Keras is configured to use.

    Raises:
        UserError: the backend is unknown or not installed.
    """
    backend = name or os.environ.get("KERAS_BACKEND") or _configured_backend()
    if backend not in BACKENDS:
        raise UserError(
            f"backend {backend!r} cannot train: choose --backend " + ", ".join(BACKENDS)
        )
    check_installed(backend, BACKENDS[backend], f"backend {backend!r}")
    return backend


def any_backend() -> str:
    """Return an installed backend, for work on the host that uses none.

    Raises:
        UserError: no backend is installed.
    """
    # The environment's choice first, then the fastest to import.
    for backend in (os.environ.get("KERAS_BACKEND"), "jax", "torch", "tensorflow"):
        if backend in BACKENDS and importlib.util.find_spec(backend):
            return backend
    raise UserError("no Keras backend is installed: run `pip install jax`")


def load_keras(backend: str) -> None:
    """Import Keras on a backend, with a status line in a terminal meanwhile.

    Raises:
        UserError: Keras already runs on another backend in this process.
    """
    from rich.console import Console

    os.environ["KERAS_BACKEND"] = backend
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    with (
        filtered_stderr() as errors,
        Console(file=errors).status(f"Loading Keras with {backend} ..."),
    ):
        import keras
    if keras.backend.backend() != backend:
        raise UserError(
            f"Keras already runs on {keras.backend.backend()} in this process: "
            f"start a new process to use {backend}"
        )


def load_any_keras() -> None:
    """Import Keras for work on the host, on any installed backend."""
    if "keras" not in sys.modules:
        load_keras(any_backend())


@contextlib.contextmanager
def filtered_stderr() -> Iterator[TextIO]:
    """Capture standard error, and print it without TensorFlow's log noise at the end.

    Yields:
        The uncaptured standard error, for output that must appear at once.
    """
    sys.stderr.flush()
    uncaptured = os.dup(2)
    with tempfile.TemporaryFile() as captured:
        os.dup2(captured.fileno(), 2)
        try:
            with open(uncaptured, "w", closefd=False) as errors:
                yield errors
        finally:
            sys.stderr.flush()
            os.dup2(uncaptured, 2)
            os.close(uncaptured)
            captured.seek(0)
            with open(2, "wb", closefd=False) as errors:
                errors.write(_NOISE.sub(b"", captured.read()))


def _configured_backend() -> str:
    home = os.environ.get("KERAS_HOME") or os.path.expanduser("~/.keras")
    try:
        text = Path(home, "keras.json").read_text(encoding="utf-8")
        backend = json.loads(text).get("backend")
    except (OSError, ValueError, AttributeError):
        backend = None
    return backend if isinstance(backend, str) else "tensorflow"
