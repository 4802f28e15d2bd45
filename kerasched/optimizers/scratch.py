"""Variables that receive the gradients, which no file holds (JAX only)."""

import contextlib
import inspect
from collections.abc import Iterator
from typing import Any

import keras


class Scratch:
    """The variables of one optimizer that receive its gradients.

    kernels/jax.py says what they are for. A plain object, so that Keras does not track
    them a second time.
    """

    def __init__(self) -> None:
        self.variables: list[Any] = []
        self._hidden = False

    def without(self, variables: list[Any]) -> list[Any]:
        """Return an optimizer's variables, without these while they are hidden."""
        if not self._hidden or not self.variables:
            return variables
        hidden = {id(v) for v in self.variables}
        return [v for v in variables if id(v) not in hidden]

    @contextlib.contextmanager
    def hidden(self) -> Iterator[None]:
        """Hide these variables for a while."""
        self._hidden = True
        try:
            yield
        finally:
            self._hidden = False


def called_by_a_model(optimizer: Any) -> bool:
    """Return whether a model calls a method of an optimizer, not through another one.

    Only a model's own step is sure to make gradients where they are applied. And an
    optimizer that wraps others gives their variables out as its own, and saves them, so
    that there can be no scratch among them, unless it says that it hides them. Nothing
    else tells who builds an optimizer.
    """
    frame = inspect.currentframe()
    while frame is not None:
        owner = frame.f_locals.get("self")
        if isinstance(owner, keras.Model):
            return True
        another = (
            isinstance(owner, keras.optimizers.Optimizer) and owner is not optimizer
        )
        if another and not getattr(owner, "hides_scratch", False):
            return False
        frame = frame.f_back
    return False
