"""An endless iterator over batches of data, which is restored afterwards."""

import itertools
import operator
from collections.abc import Callable
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np

from kerasched.errors import message
from kerasched.finder.arguments import OWNER
from kerasched.finder.datasets import independent_copy
from kerasched.finder.datasets import resets_of

SEED = 0  # The order of the batches is the same in each sweep.


class Batches:
    """The batches of some data, repeated endlessly.

    Batches smaller than the first are skipped: they would compile another step.

    Args:
        x: arrays as for `fit`, or a dataset.
        y: the targets of arrays.
        batch_size: samples in a batch of arrays, None for 32.
        sample_weight: the weights of arrays.
        shuffle: whether to shuffle arrays, or the batches of a PyDataset.

    Attributes:
        form: the class in which `fit` passes a batch to train_step, tuple or list; None
            if it passes the inputs alone. Known once the first batch is read.
        parts: how many of inputs, targets and sample weights a batch has, 1 to 3.

    Raises:
        TypeError: the data cannot be read a second time, or has a wrong type.
        ValueError: a dataset is given with arguments for arrays, arrays differ in
            length, there is no batch, or all later ones are smaller than the first.
    """

    def __init__(
        self, x: Any, y: Any, batch_size: int | None, sample_weight: Any, shuffle: bool
    ) -> None:
        self._random = np.random.default_rng(SEED) if shuffle else None
        self._x = x
        self.resets: list[Callable[[], Any]] = []
        self.form: type | None = tuple
        self.parts = 0
        if isinstance(x, keras.utils.PyDataset) or _is_iterable(x):
            _refuse_besides_a_dataset(
                y=y, batch_size=batch_size, sample_weight=sample_weight
            )
            self._is_loaded = keras.backend.backend() == "torch"
            self._epoch = self._of_dataset(x)
        else:
            self._is_loaded = False
            self._epoch = self._of_arrays(x, (y, sample_weight), batch_size or 32)

    def __iter__(self) -> Iterator[tuple[Any, Any, Any]]:
        first = None
        while True:
            sizes = []
            for batch in self._epoch():
                if not self.parts:
                    self._note_form(batch)
                x, y, sample_weight = _unpacked(batch)
                sizes.append(keras.tree.flatten(x)[0].shape[0])
                first = first or sizes[0]
                if sizes[-1] >= first:
                    yield x, y, sample_weight
            if first is None:
                text = f"Argument `x` of {OWNER} must contain at least one batch."
                raise ValueError(text)
            if not sizes:
                raise _read_only_once(self._x)
            if max(sizes) < first:
                what = f"a dataset whose batches have {first} samples, as the first"
                raise ValueError(message(OWNER, "x", what, sizes))

    def _note_form(self, batch: Any) -> None:
        parts = isinstance(batch, (tuple, list))
        self.parts = len(batch) if parts else 1
        # On torch `fit` uses a DataLoader for any dataset, which yields lists.
        self.form = list if self._is_loaded else tuple
        in_a_tuple = isinstance(self._x, keras.utils.PyDataset) and not parts
        if isinstance(batch, dict) or not (parts or in_a_tuple):
            self.form = None

    def _of_arrays(
        self, x: Any, others: tuple[Any, ...], batch_size: int
    ) -> Callable[[], Iterator[Any]]:
        arrays = (keras.tree.map_structure(_array, x), *_map(_array, others))
        lengths = {
            len(array) for array in keras.tree.flatten(arrays) if array is not None
        }
        if len(lengths) != 1:
            raise ValueError(
                f"The arrays given to {OWNER} must have the same length. "
                f"Received: {sorted(lengths)}"
            )
        length = lengths.pop()

        def epoch() -> Iterator[Any]:
            order = self._order(length)
            for start in range(0, length, batch_size):
                rows = order[start : start + batch_size]
                batch = _map(operator.itemgetter(rows), arrays)
                yield keras.utils.pack_x_y_sample_weight(*batch)

        return epoch

    def _of_dataset(self, dataset: Any) -> Callable[[], Iterator[Any]]:
        inside = [
            getattr(dataset, n, None) for n in ("dataset", "sampler", "batch_sampler")
        ]
        self.resets = resets_of(dataset, *inside)
        if isinstance(dataset, keras.utils.PyDataset):
            # By index, without calling the hooks at the ends of epochs.
            count = dataset.num_batches
            return lambda: (
                dataset[int(i)]
                for i in (itertools.count() if count is None else self._order(count))
            )
        if hasattr(dataset, "element_spec"):
            copy = independent_copy(dataset)
            return lambda: iter(copy)
        return lambda: iter(dataset)

    def _order(self, count: int) -> Any:
        if self._random is None:
            return np.arange(count)
        return self._random.permutation(count)


def _is_iterable(x: Any) -> bool:
    """Return whether data is a dataset; raise if it can be read only once."""
    if hasattr(x, "__next__"):
        raise _read_only_once(x)
    is_array = hasattr(x, "shape") or isinstance(x, (dict, list, tuple, str))
    return hasattr(x, "__iter__") and not is_array


def _read_only_once(x: Any) -> TypeError:
    what = "arrays or a dataset that can be read a second time"
    fix = (
        "A generator or iterator cannot be rewound: give the "
        "dataset behind it, a keras.utils.PyDataset, or arrays"
    )
    return TypeError(message(OWNER, "x", what, x, fix))


def _refuse_besides_a_dataset(**arguments: Any) -> None:
    for name, value in arguments.items():
        if value is not None:
            what = "None if `x` is a dataset, because its batches contain it"
            raise ValueError(message(OWNER, name, what, value))


def _map(function: Callable[[Any], Any], structure: Any) -> Any:
    """Return a structure with a function applied to all items except None."""
    return keras.tree.map_structure(
        lambda item: None if item is None else function(item), structure
    )


def _array(value: Any) -> Any:
    """Return an array as `fit` converts it: on the host, floats as floatx."""
    if not hasattr(value, "shape") or len(value.shape) == 0:
        what = "arrays, or structures of arrays, of the same length"
        raise TypeError(message(OWNER, "x", what, value))
    array = _in_memory(value)
    if np.issubdtype(array.dtype, np.floating):
        return array.astype(keras.config.floatx(), copy=False)
    return array


def _in_memory(value: Any) -> Any:
    return np.asarray(value.detach().cpu() if hasattr(value, "detach") else value)


def _unpacked(batch: Any) -> tuple[Any, Any, Any]:
    """Return inputs, targets and weights of a batch, for any backend."""
    batch = tuple(batch) if isinstance(batch, list) else batch
    own = hasattr(keras.tree.flatten(batch)[0], "numpy")
    if not (own and keras.backend.backend() == "tensorflow"):
        batch = _map(_in_memory, batch)
    return keras.utils.unpack_x_y_sample_weight(batch)
