"""Types and checks of option values."""

import contextlib
import importlib.util
import math
import tempfile
from argparse import ArgumentTypeError
from collections.abc import Callable
from pathlib import Path
from typing import Any

from kerasched.errors import MAX_STEP
from kerasched.errors import UserError

PLOT_FORMATS = (".png", ".svg", ".pdf")


def _number(
    kind: type, requirement: str, accepts: Callable[[Any], bool]
) -> Callable[[str], Any]:
    """Return an argparse type that converts a text with `kind` and checks the value."""

    def convert(text: str) -> Any:
        with contextlib.suppress(ValueError):
            value = kind(text)
            if accepts(value):
                return value
        raise ArgumentTypeError(f"must be {requirement}. Received: {text!r}")

    return convert


positive_integer = _number(int, "a positive integer", lambda n: n >= 1)
positive_number = _number(float, "a positive number", lambda x: 0.0 < x < math.inf)
momentum = _number(float, "a number from 0 to 1", lambda x: 0.0 <= x <= 1.0)
seed = _number(int, "an integer from 0 to 2**32 - 1", lambda n: 0 <= n < 2**32)
step = _number(int, "an integer from 1 to 2**31 - 1", lambda n: 1 <= n <= MAX_STEP)


def check_output(option: str, path: Path, *suffixes: str) -> None:
    """Raise UserError unless a file can be written. The file itself is not touched."""
    if path.suffix not in suffixes:
        raise UserError(
            f"{option} {path}: the file name must end in {' or '.join(suffixes)}"
        )
    try:
        if path.is_dir():
            raise UserError(f"{option} {path}: is a directory, not a file")
        if not path.parent.is_dir():
            raise UserError(f"{option} {path}: no such directory: {path.parent}")
        if path.exists():
            path.open("ab").close()
        else:
            tempfile.TemporaryFile(dir=path.parent).close()
    except OSError as error:
        reason = error.strerror or error
        raise UserError(f"{option} {path}: cannot be written: {reason}") from error


def check_plot_output(option: str, path: Path) -> None:
    """Raise UserError unless matplotlib is installed and the file can be written."""
    check_output(option, path, *PLOT_FORMATS)
    check_installed("matplotlib", "matplotlib", option)


def check_installed(module: str, package: str, purpose: str) -> None:
    """Raise UserError with an install command unless a module is installed."""
    if importlib.util.find_spec(module) is None:
        raise UserError(
            f"{purpose} needs {module}, which is not installed: "
            f"run `pip install {package}`"
        )
