"""The call of `fit` that callbacks run in, and the two private things of it.

Keras tells callbacks neither what data `fit` was given, nor its `initial_epoch`, nor
lets them move the epoch at which it begins or the place within the data. The first two
are arguments of `fit`, read in its frame. For the others there is no public way: they
are used here alone, and a test tells when Keras changes them.
"""

import sys
import warnings
import weakref
from collections.abc import Callable
from typing import Any

import keras


class FitCall:
    """A call of a model's `fit`, as far as callbacks may know it.

    Args:
        model: the model that is trained.
        arguments: the names in the frame of `fit`; empty where it was not found.
    """

    def __init__(self, model: keras.Model, arguments: dict[str, Any]) -> None:
        # Without the list of callbacks, which is to go when `fit` has ended.
        self._names = {n: v for n, v in arguments.items() if n != "callbacks"}
        self.model = model
        self._iterator = arguments.get("epoch_iterator")

    def argument(self, name: str, default: Any = None) -> Any:
        """Return an argument of `fit`."""
        return self._names.get(name, default)

    def first_epoch(self) -> int:
        """Return the epoch at which this call begins."""
        return self.model._initial_epoch or self.argument("initial_epoch", 0)

    def begin_at(self, epoch: int) -> None:
        """Let the epochs begin at another one; for use before the first."""
        self.model._initial_epoch = epoch

    def has_begun(self) -> None:
        """Let the next call of `fit` begin where it says, once this one is begun."""
        self.model._initial_epoch = None

    @property
    def goes_on_within_data(self) -> bool:
        """Whether an epoch begins in the data where the one before has ended."""
        return self.argument("steps_per_epoch") is not None

    def running(self) -> Callable[[], bool]:
        """Return a function that tells whether this call has not ended yet.

        It keeps nothing of the call alive. A call that was not found never ends.
        """
        if self._iterator is None:
            return lambda: True
        iterator = weakref.ref(self._iterator)
        return lambda: iterator() is not None and _is_in_a_fit(iterator())

    def at_start_of_data(self) -> bool:
        """Return whether the next epoch begins with the data's first batch."""
        return not self.goes_on_within_data or self._iterator._steps_seen == 0

    def open_data(self) -> None:
        """Make the iterator that an epoch before would have made."""
        self._iterator._current_iterator = iter(self._iterator._get_iterator())
        self._iterator._steps_seen = 0

    def skip_epoch(self) -> None:
        """Draw the batches of an epoch, as `fit` does, and leave them."""
        drawn = self._iterator.steps_per_execution
        with warnings.catch_warnings(), self._iterator.catch_stop_iteration():
            warnings.simplefilter("ignore")  # That data end is told when it matters.
            for _, _, batches in self._iterator:
                if hasattr(batches, "__next__"):
                    for _ in range(drawn):
                        next(batches)


def fit_call_of(model: keras.Model) -> FitCall:
    """Return the call of `fit` that leads here."""
    frame = sys._getframe(1)
    while frame is not None:
        names = frame.f_locals
        # A method of this name that calls Keras's has no iterator.
        if frame.f_code.co_name == "fit" and "epoch_iterator" in names:
            return FitCall(model, dict(names))
        frame = frame.f_back
    return FitCall(model, {})


def _is_in_a_fit(iterator: Any) -> bool:
    """Return whether a call of `fit` with this iterator is on the stack of a thread."""
    for frame in sys._current_frames().values():
        while frame is not None:
            name = frame.f_code.co_name
            if name == "fit" and frame.f_locals.get("epoch_iterator") is iterator:
                return True
            frame = frame.f_back
    return False
