"""All variables of a model and its optimizer, by their paths.

No file of Keras holds them all: the states of dropout's seeds are in none.
"""

from collections.abc import Iterator
from typing import Any

import keras
import numpy as np

from kerasched.training.encoding import Arrays
from kerasched.training.host import copy_of

# What the names of arrays begin with.
OWNERS = ("model:", "optimizer:")


def arrays_of(model: keras.Model) -> Arrays:
    """Return copies of what a model and its optimizer hold now."""
    return {name: _copy(variable) for name, variable in _named(model)}


def set_arrays(model: keras.Model, arrays: Arrays) -> None:
    """Give a model and its optimizer what `arrays_of` returned.

    Variables are known by their paths. Where these are others, as those of a model
    that is made a second time in a process, they are known by their places.

    Raises:
        ValueError: the variables are not the same ones, which is found before any is
            assigned.
    """
    named = dict(_named(model))
    if set(named) != set(arrays) and len(named) == len(arrays):
        arrays = dict(zip(named, arrays.values(), strict=True))
    for name in [*arrays, *named]:
        now, then = _kind(named.get(name)), _kind(arrays.get(name))
        if now != then:
            raise ValueError(
                f"The model is not the one that was saved: {name} is {now} in the "
                f"model and {then} in the file."
            )
    for name, variable in named.items():
        variable.assign(arrays[name])


def _named(model: keras.Model) -> Iterator[tuple[str, Any]]:
    optimizer = () if model.optimizer is None else model.optimizer.variables
    for owner, variables in zip(OWNERS, (model.variables, optimizer), strict=True):
        seen: dict[str, int] = {}
        for variable in variables:
            number = seen[variable.path] = seen.get(variable.path, 0) + 1
            ending = f"#{number}" if number > 1 else ""
            yield f"{owner}{variable.path}{ending}", variable


def _copy(variable: Any) -> np.ndarray:
    value = copy_of(variable)
    # A step on JAX makes an int32 of the uint32 that a seed is.
    return value.astype(variable.dtype) if value.dtype.kind in "iu" else value


def _kind(value: Any) -> str:
    if value is None:
        return "not there"
    return f"{tuple(value.shape)} {keras.backend.standardize_dtype(value.dtype)}"
