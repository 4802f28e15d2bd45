"""What the demo is asked to do, checked before Keras or any data is loaded."""

import importlib.util
import json
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

from kerasched.errors import UserError

BACKENDS = {"tensorflow": "tensorflow-cpu", "jax": "jax", "torch": "torch"}
PICTURES = (".png", ".svg", ".pdf")


@dataclass(frozen=True)
class Settings:
    """The demo's options; lengths in rows and epochs."""

    backend: str
    data: Path | None = None
    target: str | None = None
    epochs: int = 6
    batch_size: int = 32
    learning_rate: float = 0.1
    momentum: float = 0.9
    seed: int = 0
    save: Path = Path("kerasched-demo.keras")
    plot: Path | None = None


def check_files(settings: Settings) -> None:
    """Raise UserError unless the files to be written can be; nothing is written."""
    _check_output("--save", settings.save, (".keras",))
    if settings.plot is not None:
        check_picture("--plot", settings.plot)


def check_picture(option: str, path: Path) -> None:
    """Raise UserError unless a picture can be drawn and written to a path."""
    _check_output(option, path, PICTURES)
    require("matplotlib", "matplotlib", option)


def choose_backend(wanted: str | None) -> str:
    """Return the backend that is wanted, or the one that Keras would take.

    Raises:
        UserError: it is unknown, or not installed.
    """
    backend = wanted or os.environ.get("KERAS_BACKEND") or _configured_backend()
    if backend not in BACKENDS:
        raise UserError(
            f"backend {backend!r} cannot train: choose --backend " + ", ".join(BACKENDS)
        )
    require(backend, BACKENDS[backend], f"backend {backend!r}")
    return backend


def any_backend() -> str:
    """Return an installed backend, for what is computed on the host whichever it is.

    Raises:
        UserError: none is installed.
    """
    # The one that is asked for, and then the one that loads in the least time.
    for backend in (os.environ.get("KERAS_BACKEND"), "jax", "torch", "tensorflow"):
        if backend in BACKENDS and importlib.util.find_spec(backend):
            return backend
    raise UserError("no backend of Keras is installed: run `pip install jax`")


def require(module: str, package: str, purpose: str) -> None:
    """Raise UserError with the command to run unless a module is installed."""
    if importlib.util.find_spec(module) is None:
        raise UserError(
            f"{purpose} needs {module}, which is not installed: "
            f"run `pip install {package}`"
        )


def _check_output(option: str, path: Path, suffixes: tuple[str, ...]) -> None:
    if path.suffix not in suffixes:
        raise UserError(
            f"{option} {path}: the name must end in {' or '.join(suffixes)}"
        )
    try:
        if path.is_dir():
            raise UserError(f"{option} {path}: this is a directory, give a file's name")
        if not path.parent.is_dir():
            raise UserError(f"{option} {path}: there is no directory {path.parent}")
        if path.exists():
            path.open("ab").close()
        else:
            tempfile.TemporaryFile(dir=path.parent).close()
    except OSError as error:
        reason = error.strerror or error
        raise UserError(f"{option} {path}: cannot be written: {reason}") from error


def _configured_backend() -> str:
    home = os.environ.get("KERAS_HOME") or os.path.expanduser("~/.keras")
    try:
        text = Path(home, "keras.json").read_text(encoding="utf-8")
        backend = json.loads(text).get("backend")
    except (OSError, ValueError, AttributeError):
        backend = None
    return backend if isinstance(backend, str) else "tensorflow"
