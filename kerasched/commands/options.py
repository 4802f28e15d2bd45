"""Types and checks of option values."""

import importlib.util
import math
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from kerasched.errors import MAX_STEP
from kerasched.errors import UserError

PLOT_FORMATS = (".png", ".svg", ".pdf")


def _number(kind: type, name: str, accepts: Callable[[Any], bool]) -> Callable:
    """Return an argparse type that converts with `kind` and rejects other values."""

    def convert(text: str) -> Any:
        value = kind(text)
        if not accepts(value):
            raise ValueError
        return value

    convert.__name__ = name  # argparse says "invalid NAME value".
    return convert


positive_integer = _number(int, "positive integer", lambda n: n >= 1)
positive_number = _number(float, "positive number", lambda x: 0.0 < x < math.inf)
step = _number(
    int, "step (an integer from 1 to 2147483647)", lambda n: 1 <= n <= MAX_STEP
)
seed = _number(int, "seed (an integer from 0 to 4294967295)", lambda n: 0 <= n < 2**32)
momentum = _number(float, "momentum (a number from 0 to 1)", lambda x: 0.0 <= x <= 1.0)


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
