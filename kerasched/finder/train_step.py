"""A model's step given what `fit` gives it.

`train_on_batch` gives it three parts, of which some may be None, and on torch arrays.
A step of the model's own may be written for what `fit` gives: `x, y = data`.
"""

import contextlib
from collections.abc import Iterator
from typing import Any

import keras

STEP = "train_step"


@contextlib.contextmanager
def step_as_in_fit(model: keras.Model, form: type | None, parts: int) -> Iterator[None]:
    """Let a model's step have its data as in `fit`, for steps that are compiled within.

    Args:
        model: the model.
        form: the class of what `fit` would give, None for inputs alone.
        parts: how many parts it has.
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
    """Return a value as fit gives it: a tensor, but on JAX an array."""
    arrays = keras.backend.backend() == "jax"
    if value is None or arrays or keras.ops.is_tensor(value):
        return value
    return keras.ops.convert_to_tensor(value)
