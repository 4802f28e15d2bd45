"""Values of variables in the host's memory."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np


def copy_of(variable: Any) -> np.ndarray:
    """Return a variable's value as an array that shares no memory with it."""
    return np.array(keras.ops.convert_to_numpy(variable.value))


def read(variables: Sequence[Any]) -> list[np.ndarray]:
    """Return copies of the variables' values."""
    return [copy_of(variable) for variable in variables]


def write(variables: Sequence[Any], values: Sequence[np.ndarray]) -> None:
    """Assign arrays to variables, rounded to the variables' types."""
    for variable, value in zip(variables, values, strict=True):
        # TensorFlow converts no array to another type by itself.
        dtype = str(keras.backend.standardize_dtype(variable.dtype))
        variable.assign(keras.ops.cast(keras.ops.convert_to_tensor(value), dtype))


class Snapshot:
    """The values that variables have now, to be restored bit for bit.

    Args:
        variables: those that may change until `restore` is called.
    """

    def __init__(self, variables: Sequence[Any]) -> None:
        self._variables = list(variables)
        self._values = read(self._variables)

    def restore(self) -> None:
        """Assign the values that the variables had."""
        for variable, value in zip(self._variables, self._values, strict=True):
            variable.assign(value)
