"""What a dataset draws from and keeps, to go back to how it was."""

from collections.abc import Callable
from typing import Any

from kerasched.training.encoding import Arrays
from kerasched.training.encoding import decode
from kerasched.training.encoding import encode
from kerasched.training.encoding import gives_state
from kerasched.training.generators import kind_of


def resets_of(*owners: Any) -> list[Callable[[], Any]]:
    """Return functions that bring some objects back to where they are now.

    Their random generators are set to their states, and to those that have
    `get_state()` and `set_state(state)` theirs is given. The functions are for use from
    the last one to the first: what sets a state may draw from a generator.

    Args:
        owners: objects whose attributes are looked at, and not those of attributes.

    Raises:
        TypeError: a state is nothing that BackupAndRestore could save.
    """
    values = [
        value for owner in owners for value in getattr(owner, "__dict__", {}).values()
    ]
    resets = [*map(_reset_of, values), *map(_reset_of_state, owners)]
    return [reset for reset in resets if reset is not None]


def _reset_of(value: Any) -> Callable[[], Any] | None:
    kind = kind_of(value)
    if kind is None:
        return None
    state = kind.get(value)
    return lambda: kind.put(value, state)


def _reset_of_state(owner: Any) -> Callable[[], Any] | None:
    if not gives_state(owner):
        return None
    arrays: Arrays = {}
    # A copy, as the owner may go on to change what it has given.
    state = encode(owner.get_state(), arrays, f"get_state() of {type(owner).__name__}")
    return lambda: owner.set_state(decode(state, arrays))
