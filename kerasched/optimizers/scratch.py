"""Variables that receive the gradients, which no file holds (JAX only)."""

import contextlib
import inspect
import threading
from collections.abc import Iterator
from typing import Any

import keras

# What in Keras reads or writes the variables for a file without asking the optimizer:
# Model's state trees, which Orbax saves too, and its old HDF5 format.
SAVERS = (
    "get_state_tree",
    "set_state_tree",
    "save_optimizer_weights_to_hdf5_group",
)


class _Hidden(threading.local):
    """Whether this thread is writing or reading a file.

    A checkpoint may be written while another thread trains.
    """

    now = False


class Scratch:
    """The variables of one optimizer that receive its gradients.

    kernels/scratch.py says what they are for. A plain object, so that Keras does not
    track them a second time.
    """

    def __init__(self) -> None:
        self.variables: list[Any] = []
        self._hidden = _Hidden()

    def without(self, variables: list[Any]) -> list[Any]:
        """Return an optimizer's variables, without these where they are hidden."""
        if not self.variables or not (self._hidden.now or _asked_by_a_saver()):
            return variables
        hidden = {id(v) for v in self.variables}
        return [v for v in variables if id(v) not in hidden]

    @contextlib.contextmanager
    def hidden(self) -> Iterator[None]:
        """Hide these variables from this thread for a while."""
        before, self._hidden.now = self._hidden.now, True
        try:
            yield
        finally:
            self._hidden.now = before


class WithoutScratchInFiles:
    """What an optimizer is, or has around it, whose files hold no scratch variables.

    Stands before Keras's class among the bases. `without_scratch` is to be defined.
    """

    def without_scratch(self) -> contextlib.AbstractContextManager[None]:
        """Return a context in which `variables` are those of Keras's class alone."""
        raise NotImplementedError

    @property
    def saved_variables(self) -> list[Any]:
        """The variables that a file holds: those of Keras's class, in its order."""
        with self.without_scratch():
            return self.variables

    def save_own_variables(self, store: Any) -> None:
        """Write the variables to `store`, under the keys of Keras's class."""
        with self.without_scratch():
            super().save_own_variables(store)

    def load_own_variables(self, store: Any) -> None:
        """Read the variables from `store`, as `save_own_variables` wrote them."""
        with self.without_scratch():
            super().load_own_variables(store)


def _asked_by_a_saver() -> bool:
    """Return whether one of SAVERS asks for `variables`, also through a wrapper's."""
    frame = inspect.currentframe().f_back.f_back
    while frame is not None and frame.f_code.co_name == "variables":
        frame = frame.f_back
    return frame is not None and frame.f_code.co_name in SAVERS


def called_by_a_model(optimizer: Any) -> bool:
    """Return whether a model calls a method of an optimizer, not through another one.

    Only a model's own step is sure to make gradients where they are applied. And an
    optimizer that wraps others gives their variables out as its own, and saves them, so
    that there can be no scratch among them, unless it is a WithoutScratchInFiles.
    Nothing else tells who builds an optimizer.
    """
    frame = inspect.currentframe()
    while frame is not None:
        owner = frame.f_locals.get("self")
        if isinstance(owner, keras.Model):
            return True
        wraps = isinstance(owner, keras.optimizers.Optimizer) and owner is not optimizer
        if wraps and not isinstance(owner, WithoutScratchInFiles):
            return False
        frame = frame.f_back
    return False
