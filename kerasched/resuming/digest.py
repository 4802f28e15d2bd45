"""A digest of any value, to detect whether it has changed.

The value is pickled into a hash; the pickle is never read. Parts that cannot be pickled
count by their class only.
"""

import copyreg
import hashlib
import pickle
import types
from collections.abc import Callable
from typing import Any
from typing import NamedTuple

import keras
import numpy as np

from kerasched.resuming.generators import kind_of
from kerasched.training.variables import copy_of

# Of a larger array only as many bytes are hashed, evenly spaced.
LOOKED_AT = 2**22

# Hashed by name only, not by content.
NAMED = (type, types.FunctionType, types.ModuleType)

# Objects of these modules belong to threads and processes, and change all the time.
MACHINERY = {"asyncio", "concurrent", "multiprocessing", "queue", "threading"}


class Digest(NamedTuple):
    """The digest of a value.

    Attributes:
        seen: a hash of the value, None if it cannot be computed.
        holds_iterator: whether the value contains an iterator, whose state is unknown.
    """

    seen: str | None
    holds_iterator: bool


def digest_of(value: Any, owner: Any = None) -> Digest:
    """Return the digest of a value.

    Args:
        value: any value.
        owner: an object that counts by its class where the value refers to it.
    """
    seen = hashlib.blake2b(digest_size=16)
    large: list[pickle.PickleBuffer] = []
    walk = _HashingPickler(types.SimpleNamespace(write=seen.update), large, owner)
    try:
        walk.dump(value)
        for buffer in large:
            seen.update(_spread(np.frombuffer(buffer.raw(), np.uint8)))
    except Exception:  # Too deep, or an error of a custom class.
        return Digest(None, walk.holds_iterator)
    return Digest(seen.hexdigest(), walk.holds_iterator)


def content_of(value: Any) -> Any:
    """Return a value, or the values of the variables of a layer."""
    if isinstance(value, keras.layers.Layer):
        return [copy_of(variable) for variable in value.variables]
    return value


class _HashingPickler(pickle.Pickler):
    """Pickles a value, replacing parts that cannot be pickled."""

    def __init__(self, file: Any, large: list[pickle.PickleBuffer], owner: Any) -> None:
        super().__init__(file, protocol=5, buffer_callback=large.append)
        self.holds_iterator, self._owner = False, owner
        self._reductions: dict[type, Callable[[Any], Any]] = {}

    def reducer_override(self, value: Any) -> Any:
        """Pickle's hook: return the reduction of an object."""
        if value is _stand_in:
            return NotImplemented
        if value is self._owner:
            return _by_kind(value)
        kind = type(value)
        if kind not in self._reductions:
            self._reductions[kind] = _reduction_of(value)
        try:
            reduced = self._reductions[kind](value)
        except Exception:  # An error of a custom class.
            self.holds_iterator |= hasattr(value, "__next__")
            return _by_kind(value)
        # A string is the name of a global, which is never looked up.
        return (_stand_in, (reduced,)) if isinstance(reduced, str) else reduced


def _reduction_of(value: Any) -> Callable[[Any], Any]:
    """Return a function that reduces a value and all others of its class."""
    kind, random = type(value), kind_of(value)
    if random is not None:
        return lambda generator: (_stand_in, (random.name, random.get(generator)))
    if isinstance(value, keras.layers.Layer):
        return lambda layer: (_stand_in, (content_of(layer),))
    if isinstance(value, NAMED):
        return lambda named: (_stand_in, (_name_of(named),))
    if kind.__module__.partition(".")[0] in MACHINERY:
        return _by_kind
    return copyreg.dispatch_table.get(kind, lambda other: other.__reduce_ex__(5))


def _stand_in(*parts: Any) -> None:
    """The constructor in reductions, which is never called."""


def _by_kind(value: Any) -> Any:
    return _stand_in, (_name_of(type(value)),)


def _name_of(named: Any) -> str:
    if isinstance(named, types.ModuleType):
        return named.__name__
    return f"{named.__module__}.{named.__qualname__}"


def _spread(content: np.ndarray) -> Any:
    if content.size <= LOOKED_AT:
        return content.tobytes()
    return np.ascontiguousarray(content[:: content.size // LOOKED_AT]).tobytes()
