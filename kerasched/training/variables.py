"""Values of variables in the host's memory."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np


def copy_of(variable: Any) -> np.ndarray:
    """Return a variable's value as an array that shares no memory with it.

    If its parts are on several processes, all of them must call.
    """
    if in_parts(variable):
        return _jax_processes().whole(variable.value)
    # The value of a variable under a strategy of TensorFlow is no array.
    return np.array(keras.ops.convert_to_numpy(variable))


def assign(variable: Any, array: Any) -> None:
    """Assign an array that is the same in all processes."""
    if _is_everywhere(variable.value):
        array = _jax_processes().placed_like(variable.value, array)
    variable.assign(array)


def in_parts(variable: Any) -> bool:
    """Return whether no process has all of a variable's value."""
    return _is_everywhere(variable.value) and not variable.value.is_fully_replicated


def read(variables: Sequence[Any]) -> list[np.ndarray]:
    """Return copies of the variables' values."""
    return [copy_of(variable) for variable in variables]


def write(variables: Sequence[Any], values: Sequence[np.ndarray]) -> None:
    """Assign arrays to variables, rounded to the variables' types."""
    for variable, value in zip(variables, values, strict=True):
        # TensorFlow converts no array to another type by itself.
        dtype = str(keras.backend.standardize_dtype(variable.dtype))
        assign(variable, keras.ops.cast(keras.ops.convert_to_tensor(value), dtype))


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
            assign(variable, value)


def _is_everywhere(value: Any) -> bool:
    """Return whether an array of JAX is on devices of other processes too."""
    return not getattr(value, "is_fully_addressable", True)


def _jax_processes() -> Any:
    from kerasched.kernels import jax_processes

    return jax_processes
