"""Keras, loaded when a command can no longer go without it."""

import os
import sys

from kerasched.commands.quiet import without_chatter
from kerasched.demo.settings import any_backend
from kerasched.errors import UserError


def load_keras(backend: str) -> None:
    """Import Keras on a backend, with a sign of life in a terminal.

    Raises:
        UserError: Keras already runs on another one in this process.
    """
    from rich.console import Console

    os.environ["KERAS_BACKEND"] = backend
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    with (
        without_chatter() as errors,
        Console(file=errors).status(f"Loading Keras with {backend} ..."),
    ):
        import keras
    if keras.backend.backend() != backend:
        raise UserError(
            f"Keras already runs on {keras.backend.backend()} in this process: "
            f"{backend} needs a process of its own"
        )


def load_any_keras() -> None:
    """Import Keras for what is computed on the host, where any backend will do."""
    if "keras" not in sys.modules:
        load_keras(any_backend())
