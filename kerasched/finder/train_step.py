"""A train_step called by `train_on_batch` with data in the form of `fit`.

`train_on_batch` passes a tuple of three, with None for missing ones, and arrays on
torch. A custom train_step may rely on the form of `fit`: `x, y = data`.
"""

import contextlib
from collections.abc import Iterator
from typing import Any

import keras

STEP = "train_step"


@contextlib.contextmanager
def step_as_in_fit(model: keras.Model, form: type | None, parts: int) -> Iterator[None]:
    """Pass data to a model's train_step as `fit` does, if compiled within the block.

    Args:
        model: the model.
        form: the class of the data in `fit`, tuple or list; None for inputs alone.
        parts: how many of inputs, targets and sample weights it has.
    """
    step, own = getattr(model, STEP), STEP in vars(model)

    def given_as_in_fit(*arguments: Any) -> Any:
        *state, data = arguments  # On JAX the state comes first.
        return step(*state, _packed(data, form, parts))

    setattr(model, STEP, given_as_in_fit)
    try:
        yield
    finally:
        delattr(model, STEP)
        if own:
            setattr(model, STEP, step)


def _packed(data: Any, form: type | None, parts: int) -> Any:
    tensors = keras.tree.map_structure(_tensor, tuple(data[:parts]))
    return tensors[0] if form is None else form(tensors)


def _tensor(value: Any) -> Any:
    """Return a value as `fit` passes it: a tensor, but on JAX an array."""
    arrays = keras.backend.backend() == "jax"
    if value is None or arrays or keras.ops.is_tensor(value):
        return value
    return keras.ops.convert_to_tensor(value)
