"""Numbers for variables, one after the other, by the cheapest public way there is.

A Keras variable converts and checks what it is given, which takes ten times as long as
to write one number. Here numbers are converted many at once, and TensorFlow and torch
write into what the variable holds.
"""

from collections.abc import Callable
from collections.abc import Sequence
from functools import partial
from typing import Any

import keras
import numpy as np


class RateWriter:
    """Gives variables of one type the same number.

    Args:
        variables: Keras variables of no dimensions. What they hold is looked up once:
            a writer is for a time in which no variable is placed elsewhere.
    """

    def __init__(self, variables: Sequence[Any]) -> None:
        self._dtypes = {str(variable.dtype) for variable in variables}
        self._writes = [_write_of(variable) for variable in variables]

    def prepared(self, numbers: Sequence[float]) -> list[Any]:
        """Return numbers as `write` takes them fastest; it takes numbers too."""
        backend = keras.backend.backend()
        # JAX's compiled step takes over what a variable holds: no two may share it.
        shared = backend == "jax" and len(self._writes) > 1
        if backend == "torch" or shared or len(self._dtypes) != 1:
            return list(numbers)
        (dtype,) = self._dtypes
        tensor = keras.ops.convert_to_tensor(np.array(numbers), dtype=dtype)
        return keras.ops.unstack(tensor) if backend == "tensorflow" else list(tensor)

    def write(self, value: Any) -> None:
        """Give the variables a number, or what `prepared` returned for it."""
        for write in self._writes:
            write(value)


def _write_of(variable: Any) -> Callable[[Any], Any]:
    if keras.backend.backend() == "torch":
        return variable.value.detach().fill_
    if keras.backend.backend() == "tensorflow":
        return partial(variable.value.assign, read_value=False)
    return variable.assign
