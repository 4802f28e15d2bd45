"""Public names, arguments and defaults match the listing in tests/data.

After an intended change, `python -m tests.test_public_api` regenerates the listing.
"""

import importlib
import inspect
import sys
from pathlib import Path

import keras
import pytest

import kerasched

LISTING = Path(__file__).parent / "data" / "public_api.txt"
MODULES = ("kerasched", "kerasched.callbacks") + tuple(
    f"kerasched.compat.{name}"
    for name in ("optax", "paddle", "timm", "torch", "transformers")
)

pytestmark = pytest.mark.host


def listing():
    """Return one line for each public function, class, method and property."""
    lines = []
    for module in MODULES:
        for name, value in sorted(vars(importlib.import_module(module)).items()):
            if not name.startswith("_") and is_public(module, name, value):
                lines += described(f"{module}.{name}", value)
    return lines


def is_public(module, name, value):
    """Return whether a module exports a name, rather than only imports it."""
    if not is_ours(value):
        return False
    home = value.__module__
    return home.startswith(module) or not hasattr(sys.modules[home], name)


def is_ours(value):
    return (getattr(value, "__module__", None) or "").startswith("kerasched.")


def described(path, value):
    """Return the lines of the listing for one public name."""
    if not callable(value):
        return [path]
    lines = [f"{path}{signature(value)}"]
    if inspect.isclass(value):
        registered = keras.saving.get_registered_name(value)
        lines[0] += f" registered as {registered}" if ">" in registered else ""
        for name in sorted(members(value)):
            lines.append(f"{path}.{name}{signature(getattr(value, name))}")
    return lines


def members(cls):
    """Return the public methods of a class; methods of `Schedule` are listed once."""
    methods = {
        name
        for name in dir(cls)
        if not name.startswith("_")
        and callable(inspect.getattr_static(cls, name))
        and is_ours(next(c for c in cls.__mro__ if name in vars(c)))
    }
    base = kerasched.Schedule
    return methods - set(dir(base)) if cls is not base else methods


def signature(value):
    """Return the names, kinds and defaults of the arguments, without annotations."""
    found = inspect.signature(value)
    plain = [
        p.replace(annotation=inspect.Parameter.empty) for p in found.parameters.values()
    ]
    return str(
        found.replace(parameters=plain, return_annotation=inspect.Signature.empty)
    )


def test_public_names_and_their_arguments_are_as_listed():
    assert listing() == LISTING.read_text(encoding="utf-8").splitlines()


if __name__ == "__main__":
    LISTING.write_text("\n".join(listing()) + "\n", encoding="utf-8")
    print(f"{len(listing())} lines in {LISTING}", file=sys.stderr)
