"""Schedule classes as frozen dataclasses that share the methods of their base class.

The methods that `dataclass` would generate are the same for every schedule. Compiling
them for each class took most of the time of importing the package.
"""

import dataclasses
import inspect
from collections.abc import Sequence
from typing import TYPE_CHECKING
from typing import Any
from typing import ClassVar
from typing import NoReturn
from typing import dataclass_transform

_EITHER = inspect.Parameter.POSITIONAL_OR_KEYWORD
_KEYWORD = inspect.Parameter.KEYWORD_ONLY
_NONE = inspect.Parameter.empty


@dataclass_transform(frozen_default=True, field_specifiers=(dataclasses.field,))
class WithFields:
    """Tells type checkers that a subclass's fields are its constructor's arguments."""

    if TYPE_CHECKING:
        __signature__: ClassVar[inspect.Signature]


def freeze(cls: type[Any]) -> None:
    """Make a class a frozen dataclass without generated methods."""
    dataclasses.dataclass(init=False, eq=False, repr=False)(cls)
    parameters = _parameters(dataclasses.fields(cls))
    for name, value in (
        ("__setattr__", _raise_frozen),
        ("__delattr__", _raise_frozen),
        ("__signature__", _ClassSignature(parameters)),
    ):
        setattr(cls, name, value)


def _raise_frozen(self: Any, name: str, *value: Any) -> NoReturn:
    """Replace __setattr__ and __delattr__: a compiled step would not see a change."""
    raise dataclasses.FrozenInstanceError(
        f"Argument `{name}` of {type(self).__name__} cannot be changed: a schedule is "
        "immutable. Make another one with dataclasses.replace(schedule, "
        f"{name}=...)."
    )


class _ClassSignature:
    """The constructor's signature: an attribute of the class, not of its instances.

    An instance is itself callable, and has the signature of its `__call__`.
    """

    def __init__(self, parameters: Sequence[inspect.Parameter]) -> None:
        self._signature = inspect.Signature(parameters)

    def __get__(self, instance: Any, owner: type) -> inspect.Signature:
        if instance is None:
            return self._signature
        raise AttributeError("__signature__")


def _parameters(fields: Sequence[dataclasses.Field[Any]]) -> list[inspect.Parameter]:
    """Return the constructor's parameters, positional ones before keyword-only ones."""
    parameters = [
        inspect.Parameter(
            field.name,
            kind=_KEYWORD if field.kw_only else _EITHER,
            default=_NONE if field.default is dataclasses.MISSING else field.default,
            annotation=field.type,
        )
        for field in fields
    ]
    return sorted(parameters, key=lambda parameter: parameter.kind)
