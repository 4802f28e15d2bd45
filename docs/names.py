"""Writes the imports of kerasched/schedules/__init__.py: python docs/names.py.

They make every registered schedule a public name, at run time and for type checkers.
"""

import importlib
import pkgutil
import re
from pathlib import Path
from typing import Any

from kerasched import schedules

FILE = Path(__file__).parents[1] / "kerasched" / "schedules" / "__init__.py"
IMPORTS = re.compile(r"^from kerasched\..*?\n(?=\n)", re.MULTILINE | re.DOTALL)
WIDTH = 88
# What the package makes public besides the schedules.
OTHERS = (
    schedules.Entry,
    schedules.Schedule,
    schedules.list_schedules,
    schedules.register,
)


def with_imports(text: str) -> str:
    """Return the file's text with its imports written anew from the registry."""
    found = pkgutil.iter_modules(schedules.__path__, f"{schedules.__name__}.")
    for module in found:
        importlib.import_module(module.name)
    classes = [entry.cls for entry in schedules.list_schedules()]
    ours = [cls for cls in classes if cls.__module__.startswith(schedules.__name__)]
    lines = map(import_of, sorted([*ours, *OTHERS], key=place))
    return IMPORTS.sub("".join(lines), text, count=1)


def import_of(value: Any) -> str:
    """Return the import of a class or function, formatted as ruff formats it."""
    start = f"from {value.__module__} import"
    name = f"{value.__name__} as {value.__name__}"
    short = len(f"{start} {name}") <= WIDTH
    return f"{start} {name}\n" if short else f"{start} (\n    {name},\n)\n"


def place(value: Any) -> tuple[str, bool, bool, str]:
    """Return a key that sorts imports as ruff does: constants, classes, functions."""
    name = value.__name__
    return value.__module__, not name.isupper(), not name[0].isupper(), name


if __name__ == "__main__":
    FILE.write_text(with_imports(FILE.read_text(encoding="utf-8")), encoding="utf-8")
