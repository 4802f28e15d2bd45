"""The calls of `fit` under way: their arguments, epoch iterator and callbacks.

Keras passes callbacks neither the arguments of `fit` nor the list that they are in, and
calls none of them when `fit` raises. So `fit` is wrapped once a callback needs it, and
so are the methods that receive the iterator and call the list. There is no public way
to the iterator, nor to change the epoch at which `fit` begins: the private names are
used in this file alone, and a test fails when Keras changes them.

A `fit` that never calls that of keras.Model is not seen; for callbacks in it nothing is
known of the call.
"""

import contextlib
import inspect
import math
import threading
import warnings
from collections.abc import Callable
from typing import Any

import keras

from kerasched.training.processes import trains_alone
from kerasched.training.trainer_hooks import wrap_method

# The methods that receive the iterator of `fit`. Which one exists depends on the
# backend and the version of Keras.
TAKE_ITERATOR = ("_symbolic_build", "_maybe_symbolic_build")

_thread = threading.local()
_warned = False


class FitCall:
    """A call of a model's `fit`.

    Args:
        model: the model that is trained.
        arguments: the arguments of `fit` by name; None for a call that was not seen.
    """

    def __init__(self, model: keras.Model, arguments: dict[str, Any] | None) -> None:
        self.model, self.is_seen = model, arguments is not None
        self._arguments = arguments or {}
        self._iterator: Any = None
        self._at_end = contextlib.ExitStack()

    def argument(self, name: str, default: Any = None) -> Any:
        """Return an argument of `fit`."""
        return self._arguments.get(name, default)

    def data(self) -> tuple[Any, Any, Any]:
        """Return inputs, targets and sample weights, without what is split off."""
        data = tuple(self.argument(name) for name in ("x", "y", "sample_weight"))
        return data if self._split() is None else _rows(data, None, self._split())

    def validation_data(self) -> Any:
        """Return the validation data, None if there is none."""
        given = self.argument("validation_data")
        if given is not None or self._split() is None:
            return given
        data = tuple(self.argument(name) for name in ("x", "y", "sample_weight"))
        return _rows(data, self._split(), None)

    def on_end(self, function: Callable[..., Any], *arguments: Any) -> None:
        """Call a function when this call of `fit` ends, also by an exception."""
        self._at_end.callback(function, *arguments)

    def end(self) -> None:
        """Call what `on_end` was given, the last one first, and drop the data."""
        self._arguments, self._iterator = {}, None
        self._at_end.close()

    def note_iterator(self, iterator: Any) -> None:
        """Take the iterator over the batches of an epoch, unless there is one."""
        if self._iterator is None:
            self._iterator = iterator

    def first_epoch(self) -> int:
        """Return the epoch at which this call begins."""
        return self.model._initial_epoch or self.argument("initial_epoch", 0)

    def begin_at(self, epoch: int) -> None:
        """Set the epoch to begin at; to be called before the first one."""
        self.model._initial_epoch = epoch

    def has_begun(self) -> None:
        """Undo `begin_at` for later calls of `fit`, once this one has begun."""
        self.model._initial_epoch = None

    @property
    def continues_within_data(self) -> bool:
        """Whether an epoch begins in the data where the one before has ended."""
        return self.argument("steps_per_epoch") is not None

    def at_start_of_data(self) -> bool:
        """Return whether the next epoch begins with the data's first batch."""
        return not self.continues_within_data or self._iterator._steps_seen == 0

    def open_data(self) -> None:
        """Create the data iterator that `fit` creates in its first epoch."""
        self._iterator._current_iterator = iter(self._iterator._get_iterator())
        self._iterator._steps_seen = 0

    def skip_epoch(self) -> None:
        """Draw the batches of an epoch as `fit` does, and discard them."""
        drawn = self._iterator.steps_per_execution
        with warnings.catch_warnings(), self._iterator.catch_stop_iteration():
            warnings.simplefilter("ignore")  # `fit` itself warns where data run out.
            for _, _, batches in self._iterator:
                if hasattr(batches, "__next__"):
                    for _ in range(drawn):
                        next(batches)

    def _split(self) -> int | None:
        """Return the row at which `validation_split` cuts the data, None without."""
        part = self.argument("validation_split", 0.0)
        if not part or self.argument("validation_data") is not None:
            return None
        first = next(iter(keras.tree.flatten(self.argument("x"))))
        return math.floor(int(first.shape[0]) * (1.0 - part))


def record_fit_calls() -> None:
    """Wrap `fit`, so that calls of it that begin from now on are seen."""
    wrap_method("fit", _fit)
    for name in TAKE_ITERATOR:
        wrap_method(name, _note_iterator)
    for name in ("on_train_begin", "on_test_begin"):
        wrap_method(name, _pass_list, keras.callbacks.CallbackList)


def fit_call_of(model: keras.Model) -> FitCall:
    """Return the innermost call of a model's `fit` under way in this thread."""
    calls = (call for call in reversed(_calls()) if call.model is model)
    return next(calls, None) or FitCall(model, None)


def _calls() -> list[FitCall]:
    if not hasattr(_thread, "calls"):
        _thread.calls = []
    return _thread.calls


def _fit(method: Any, model: Any, *arguments: Any, **options: Any) -> Any:
    try:
        bound = inspect.signature(method).bind(model, *arguments, **options)
    except TypeError:  # Wrong arguments, for which `fit` raises.
        return method(model, *arguments, **options)
    bound.apply_defaults()
    _warn_of_replicas(model)
    call = FitCall(model, dict(bound.arguments))
    _calls().append(call)
    try:
        return method(model, *arguments, **options)
    finally:
        _calls().remove(call)
        call.end()


def _warn_of_replicas(model: Any) -> None:
    """Warn once where each process of torch.distributed trains a model of its own."""
    global _warned
    if not _warned and trains_alone(model):
        _warned = True
        warnings.warn(
            "fit trains a replica of its own in each process of torch.distributed, and "
            "the replicas drift apart: Keras's fit does not average gradients over "
            "processes. Train with DistributedDataParallel in your own loop, as "
            "docs/resuming.md shows, or do not initialize the process group.",
            stacklevel=5,
        )


def _note_iterator(method: Any, model: Any, *arguments: Any, **options: Any) -> Any:
    """Keep the iterator of `fit`, which is the first one; validation has others."""
    fit_call_of(model).note_iterator(options.get("iterator"))
    return method(model, *arguments, **options)


def _pass_list(method: Any, callbacks: Any, *arguments: Any, **options: Any) -> Any:
    """Pass the list of callbacks to those of its members that have a hook for it."""
    for callback in tuple(callbacks.callbacks):
        if hasattr(callback, "set_callback_list"):
            callback.set_callback_list(callbacks)
    return method(callbacks, *arguments, **options)


def _rows(data: Any, start: int | None, end: int | None) -> Any:
    def rows_of(array: Any) -> Any:
        return None if array is None else getattr(array, "iloc", array)[start:end]

    return keras.tree.map_structure(rows_of, data)
