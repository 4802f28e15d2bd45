"""The table of all schedules: the source of the commands, the docs and the tests.

It imports no schedule, so that a schedule can find another one here without an import
cycle.
"""

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING
from typing import Any
from typing import TypeVar

import keras

if TYPE_CHECKING:
    from kerasched.schedules.base import Schedule

PACKAGE = "kerasched"
_Class = TypeVar("_Class", bound="type[Schedule]")


@dataclass(frozen=True)
class Entry:
    """A row of the registry: a schedule class, its origin and an example of it."""

    name: str
    cls: "type[Schedule]"
    reference: str
    example_arguments: dict[str, Any] | None

    @property
    def summary(self) -> str:
        """The first line of the class's docstring."""
        return (inspect.getdoc(self.cls) or "").partition("\n")[0]

    @property
    def example(self) -> "Schedule":
        """An instance that shows the schedule's shape within about 1000 steps."""
        if self.example_arguments is None:
            raise ValueError(
                f"Schedule {self.name!r} was registered without an example. "
                "Pass example={...} to register."
            )
        return self.cls(**self.example_arguments)


_entries: dict[str, Entry] = {}


def register(
    name: str, *, reference: str, example: dict[str, Any] | None = None
) -> Callable[[_Class], _Class]:
    """Return a class decorator that registers a schedule here and with Keras.

    Args:
        name: a short name in snake case, which the command line uses.
        reference: author, year, and the paper or section of the formula.
        example: constructor arguments of an instance that shows the shape.

    Raises:
        ValueError: the name is taken by another class.
    """

    def decorate(cls: _Class) -> _Class:
        if name in _entries and _entries[name].cls.__qualname__ != cls.__qualname__:
            raise ValueError(
                f"Argument `name` of register must be a new name. Received: "
                f"name={name!r}, which is {_entries[name].cls.__name__}"
            )
        keras.saving.register_keras_serializable(PACKAGE, cls.__name__)(cls)
        _entries[name] = Entry(name, cls, reference, example)
        return cls

    return decorate


def list_schedules() -> tuple[Entry, ...]:
    """Return the entries of all registered schedules, in the order of their names."""
    return tuple(_entries[name] for name in sorted(_entries))


def class_of(name: str) -> Any:
    """Return the schedule class that is registered under a name."""
    return _entries[name].cls
