"""What changes with a value, whatever it holds, to tell whether it was changed.

A value is walked through by pickling it, which is never read again. What cannot be
pickled is one thing among others: the rest of the value counts all the same.
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

# Of an array above this size only as many bytes are looked at, evenly spread.
LOOKED_AT = 2**22

# A function or class is what its name says, whatever it refers to.
NAMED = (type, types.FunctionType, types.ModuleType)

# What these hold belongs to threads and processes, and changes whenever they work.
MACHINERY = {"asyncio", "concurrent", "multiprocessing", "queue", "threading"}


class Digest(NamedTuple):
    """What is seen of a value.

    Attributes:
        seen: a text that changes with the value, None for one that cannot be walked
            through.
        holds_iterator: whether an iterator is in it that cannot be looked into.
    """

    seen: str | None
    holds_iterator: bool


def digest_of(value: Any, owner: Any = None) -> Digest:
    """Return what is seen of a value.

    Args:
        value: any value.
        owner: an object that is not looked into where the value refers to it.
    """
    seen = hashlib.blake2b(digest_size=16)
    large: list[pickle.PickleBuffer] = []
    walk = _Walk(types.SimpleNamespace(write=seen.update), large, owner)
    try:
        walk.dump(value)
        for buffer in large:
            seen.update(_spread(np.frombuffer(buffer.raw(), np.uint8)))
    except Exception:  # Too deep, or whatever the user's classes raise.
        return Digest(None, walk.holds_iterator)
    return Digest(seen.hexdigest(), walk.holds_iterator)


def content_of(value: Any) -> Any:
    """Return a value, or in the place of a layer what it holds."""
    if isinstance(value, keras.layers.Layer):
        return [copy_of(variable) for variable in value.variables]
    return value


class _Walk(pickle.Pickler):
    """Goes through a value, past what cannot be pickled."""

    def __init__(self, file: Any, large: list[pickle.PickleBuffer], owner: Any) -> None:
        super().__init__(file, protocol=5, buffer_callback=large.append)
        self.holds_iterator, self._owner = False, owner
        self._reductions: dict[type, Callable[[Any], Any]] = {}

    def reducer_override(self, value: Any) -> Any:
        """Pickle's hook: return what stands for a value that is none of Python's."""
        if value is _stand_in:
            return NotImplemented
        if value is self._owner:
            return _by_kind(value)
        kind = type(value)
        if kind not in self._reductions:
            self._reductions[kind] = _reduction_of(value)
        try:
            reduced = self._reductions[kind](value)
        except Exception:  # Whatever the user's classes raise.
            self.holds_iterator |= hasattr(value, "__next__")
            return _by_kind(value)
        # A text is the name of something global, which need not be found again.
        return (_stand_in, (reduced,)) if isinstance(reduced, str) else reduced


def _reduction_of(value: Any) -> Callable[[Any], Any]:
    """Return what makes a value, and all others of its class, simpler ones."""
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
    """Stand for what would make a value of its parts again."""


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
