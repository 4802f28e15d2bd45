"""The random generators that a dataset has of its own, to go back to their states."""

from collections.abc import Callable
from typing import Any

from kerasched.training.generators import kind_of


def resets_of(*owners: Any) -> list[Callable[[], Any]]:
    """Return functions that set the generators in some objects to their states of now.

    Args:
        owners: objects whose attributes are looked at, and not those of attributes.
    """
    values = [
        value for owner in owners for value in getattr(owner, "__dict__", {}).values()
    ]
    return [reset for reset in map(_reset_of, values) if reset is not None]


def _reset_of(value: Any) -> Callable[[], Any] | None:
    kind = kind_of(value)
    if kind is None:
        return None
    state = kind.get(value)
    return lambda: kind.put(value, state)
