"""Python values as JSON values and arrays.

Nothing is pickled: reading a file never runs code.
"""

from typing import Any

import numpy as np

from kerasched.resuming.generators import kind_named
from kerasched.resuming.generators import kind_of

Arrays = dict[str, np.ndarray]


def has_state_methods(owner: Any) -> bool:
    """Return whether an object has `get_state()` and `set_state(state)`.

    The state must be a value that `encode` accepts.
    """
    return hasattr(owner, "get_state") and hasattr(owner, "set_state")


def encode(value: Any, arrays: Arrays, name: str) -> Any:
    """Return a value as a JSON value, and add its arrays to `arrays`.

    Args:
        value: None, a number, a string, an array, a generator of random numbers of
            Python, NumPy, Keras or torch, or a list, tuple or dict of such.
        arrays: receives each array, under a name that begins with `name`.
        name: the name of the value.

    Raises:
        TypeError: the value is of another kind.
    """
    if value is None or type(value) in (bool, int, float, str):
        return value
    if isinstance(value, (np.bool_, np.integer, np.floating)):
        return encode(value.item(), arrays, name)
    if isinstance(value, (list, tuple)):
        inside = [encode(v, arrays, f"{name}/{i}") for i, v in enumerate(value)]
        return inside if type(value) is list else {"tuple": inside}
    if type(value) is dict:
        pairs = enumerate(value.items())
        return {
            "dict": [
                [encode(k, arrays, name), encode(v, arrays, f"{name}/{i}")]
                for i, (k, v) in pairs
            ]
        }
    if isinstance(value, np.ndarray) and not _is_compound(value.dtype):
        arrays[name] = np.array(value)
        return {"array": name}
    kind = kind_of(value)
    if kind is not None and type(value) is kind.of:
        return {kind.name: encode(kind.get(value), arrays, name)}
    raise TypeError(f"{name} is of {type(value)}, which cannot be saved")


def _is_compound(dtype: np.dtype) -> bool:
    """Return whether elements are objects or have fields."""
    return dtype.hasobject or dtype.names is not None


def decode(value: Any, arrays: Arrays) -> Any:
    """Return what `encode` was given."""
    if isinstance(value, list):
        return [decode(v, arrays) for v in value]
    if not isinstance(value, dict):
        return value
    ((kind, inside),) = value.items()
    if kind == "array":
        return arrays[inside]
    if kind == "dict":
        return {decode(k, arrays): decode(v, arrays) for k, v in inside}
    if kind == "tuple":
        return tuple(decode(v, arrays) for v in inside)
    return kind_named(kind).made(decode(inside, arrays))
