"""The state of the data of a run, and why resuming may not be exact.

The order of arrays depends on random generators whose states are saved with the run. A
PyDataset has `get_state()`; without it, the attributes that change during an epoch are
its state. Nothing is known of other sources.
"""

import functools
import sys
import warnings
from typing import Any

import keras
import numpy as np

from kerasched.resuming.digest import LOOKED_AT
from kerasched.resuming.digest import Digest
from kerasched.resuming.digest import content_of
from kerasched.resuming.digest import digest_of
from kerasched.resuming.encoding import Arrays
from kerasched.resuming.encoding import decode
from kerasched.resuming.encoding import encode
from kerasched.resuming.encoding import has_state_methods
from kerasched.resuming.generators import kind_of


class DataState:
    """The state of the data that `fit` draws batches from.

    Args:
        x: the first argument of `fit`.
        others: other data, such as the targets.
        shuffle: the argument of `fit`.
        continues: whether an epoch begins where the one before has ended.
        role: a suffix for the name of the data in warnings.
    """

    def __init__(
        self,
        x: Any,
        others: tuple[Any, ...],
        shuffle: Any,
        continues: bool = False,
        role: str = "",
    ) -> None:
        self._x, self._others, self._shuffle = x, others, shuffle
        self._continues, self._role = continues, role
        self._dataset: Any = x if isinstance(x, keras.utils.PyDataset) else None
        self._arrays = [] if self._dataset is not None else _arrays(x, others)
        self._at_start = self._digests()
        self._changing: set[str] = set()
        self._warned: set[str] = set()

    def inexact_reason(self) -> str | None:
        """Return why resuming on this data may not be exact, or None."""
        if self._dataset is not None:
            return self._inexact_dataset_reason()
        if self._arrays is None:
            kind = type(self._x)
            return (
                f"cannot see the order of a {kind.__module__}.{kind.__qualname__}"
                f"{self._role}: the run is not exactly resumable unless that gives "
                "the same batches in every epoch. Use arrays or a "
                "keras.utils.PyDataset, or pass check_data=False if it does"
            )
        if self._shuffle and _tensorflow_has_no_seed():
            return (
                "cannot repeat the order in which TensorFlow shuffles without a seed: "
                "the run is not exactly resumable. Call keras.utils.set_random_seed "
                "before fit"
            )
        return None

    @functools.cached_property
    def fingerprint(self) -> str | None:
        """A digest of the arrays, None for a source without arrays."""
        if not self._arrays:
            return None
        return digest_of([_sample_of(array) for array in self._arrays]).seen

    def get(self, arrays: Arrays, name: str) -> Any:
        """Return the state as values of JSON, and add its arrays to `arrays`."""
        if self._dataset is None:
            return None
        if has_state_methods(self._dataset):
            return encode(self._dataset.get_state(), arrays, name)
        return self._changed(arrays, name)

    def set(self, state: Any, arrays: Arrays) -> None:
        """Restore the state of a PyDataset that `get` returned."""
        if self._dataset is None or state is None:
            return
        if has_state_methods(self._dataset):
            self._dataset.set_state(decode(state, arrays))
            return
        for name, value in state.items():
            _put(self._dataset, name, decode(value, arrays))
            self._changing.add(name)

    def _inexact_dataset_reason(self) -> str | None:
        kind = type(self._dataset).__name__
        if self._continues and self._changes_in_use():
            return (
                f"cannot repeat which batches of {kind} are drawn before the end of an "
                "epoch of `steps_per_epoch` and which after it, as they are drawn "
                "ahead: the run is not exactly resumable. Leave steps_per_epoch out, "
                f"or on_epoch_end of {kind}"
            )
        for name, digest in self._at_start.items():
            is_one = hasattr(getattr(self._dataset, name, None), "__next__")
            if is_one or digest.holds_iterator:
                what = "an iterator" if is_one else "which holds an iterator"
                return self._cannot_save(name, what)
        return None

    def _changes_in_use(self) -> bool:
        """Return whether the dataset may change while batches are drawn ahead."""
        dataset, base = self._dataset, keras.utils.PyDataset
        ahead = keras.backend.backend() == "tensorflow" or dataset.workers > 1
        return (ahead or dataset.use_multiprocessing) and any(
            getattr(type(dataset), name) is not getattr(base, name)
            for name in ("on_epoch_begin", "on_epoch_end")
        )

    def _changed(self, arrays: Arrays, prefix: str) -> dict[str, Any]:
        """Return the attributes that have changed since the run began."""
        digests = self._digests()
        self._changing |= {
            name
            for name in {*digests, *self._at_start}
            if digests.get(name) != self._at_start.get(name)
        }
        state = {}
        for name in sorted(self._changing & set(vars(self._dataset))):
            value = vars(self._dataset)[name]
            try:
                state[name] = encode(content_of(value), arrays, f"{prefix}:{name}")
            except TypeError:
                self._warn_once(name)
        return state

    def _warn_once(self, name: str) -> None:
        if name not in self._warned:
            self._warned.add(name)
            text = self._cannot_save(name, "which changes from epoch to epoch")
            warnings.warn(f"BackupAndRestore {text}.", stacklevel=2)

    def _cannot_save(self, name: str, what: str) -> str:
        kind = type(self._dataset).__name__
        return (
            f"cannot save `{name}` of {kind}{self._role}, {what}: the run is not "
            f"exactly resumable. Give {kind} the methods get_state() and "
            "set_state(state), with values of JSON"
        )

    def _digests(self) -> dict[str, Digest]:
        if self._dataset is None or has_state_methods(self._dataset):
            return {}
        values = vars(self._dataset).items()
        return {name: digest_of(value, self._dataset) for name, value in values}


def _arrays(x: Any, others: tuple[Any, ...]) -> list[Any] | None:
    """Return the arrays in the data, None for other kinds of data."""
    leaves = [leaf for leaf in keras.tree.flatten((x, others)) if leaf is not None]
    return leaves if all(hasattr(leaf, "shape") for leaf in leaves) else None


def _sample_of(array: Any) -> Any:
    """Return evenly spaced rows of an array on the host, and its shape.

    Only the shape of an array that cannot be indexed, such as some sparse tensors.
    """
    shape = tuple(array.shape)
    step = max(1, 8 * int(np.prod(shape)) // LOOKED_AT) if shape and shape[0] > 1 else 1
    try:
        part = array.iloc[::step] if hasattr(array, "iloc") else array[::step]
        return np.asarray(part.cpu() if hasattr(part, "cpu") else part), shape
    except Exception:  # The many kinds of arrays raise anything.
        return None, shape


def _put(dataset: Any, name: str, value: Any) -> None:
    """Set an attribute; a generator is updated in place, as others may share it."""
    held = vars(dataset).get(name)
    kind = kind_of(held)
    if isinstance(held, keras.layers.Layer):
        for variable, array in zip(held.variables, value, strict=True):
            variable.assign(array)
    elif kind is not None and kind is kind_of(value):
        kind.put(held, kind.get(value))
    else:
        setattr(dataset, name, value)


def _tensorflow_has_no_seed() -> bool:
    """Return whether TensorFlow would shuffle without a seed."""
    if keras.backend.backend() != "tensorflow":
        return False
    tf = sys.modules["tensorflow"]
    found: list[Any] = []
    # In a graph, as in eager mode each call would advance the generator.
    tf.function(
        lambda: found.append(tf.compat.v1.get_seed(None)[0])
    ).get_concrete_function()
    return found[0] is None
