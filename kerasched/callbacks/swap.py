"""Other values in a model's variables for a while."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from kerasched.training.host import copy_of


def read(variables: Sequence[Any]) -> list[np.ndarray]:
    """Return copies of variables, in the host's memory."""
    return [copy_of(variable) for variable in variables]


def write(variables: Sequence[Any], values: Sequence[np.ndarray]) -> None:
    """Assign arrays to variables, rounded to the variables' types."""
    for variable, value in zip(variables, values, strict=True):
        # TensorFlow turns no array into another type by itself.
        variable.assign(
            keras.ops.cast(keras.ops.convert_to_tensor(value), _kind(variable))
        )


def _kind(variable: Any) -> str:
    return str(keras.backend.standardize_dtype(variable.dtype))


class Swap:
    """What variables held before they got other values.

    Args:
        variables: those that may change until `back` is called.
    """

    def __init__(self, variables: Sequence[Any]) -> None:
        self._variables = list(variables)
        self._values = read(self._variables)

    def back(self) -> None:
        """Give the variables what they held, bit for bit."""
        write(self._variables, self._values)
