"""Numbers for variables, one after the other, by the cheapest public way there is.

A Keras variable converts and checks what it is given, which takes ten times as long as
to write one number. Here numbers are converted many at once, and TensorFlow and torch
write into what the variable holds.
"""

from collections.abc import Callable
from collections.abc import Sequence
from functools import cache
from functools import partial
from typing import Any

import keras
import numpy as np

# How many numbers are taken apart at once on JAX: more compile for longer.
PART = 16


class RateWriter:
    """Gives variables of one type the same number.

    Args:
        variables: Keras variables of no dimensions. What they hold is looked up once:
            a writer is for a time in which no variable is placed elsewhere.
    """

    def __init__(self, variables: Sequence[Any]) -> None:
        self._variables = list(variables)
        self._dtypes = {str(variable.dtype) for variable in variables}
        self._writes = [_write_of(variable) for variable in variables]

    def prepared(self, numbers: Sequence[float]) -> list[Any]:
        """Return numbers as `write_prepared` takes them."""
        backend = keras.backend.backend()
        # JAX's compiled step takes over what a variable holds: no two may share it.
        shared = backend == "jax" and len(self._writes) > 1
        if backend == "torch" or shared or len(self._dtypes) != 1:
            return list(numbers)
        (dtype,) = self._dtypes
        if backend == "jax":
            return _jax_parted(np.array(numbers, dtype))
        return keras.ops.unstack(keras.ops.convert_to_tensor(np.array(numbers), dtype))

    def write(self, number: float) -> None:
        """Give the variables a number."""
        for variable in self._variables:
            variable.assign(number)

    def write_prepared(self, value: Any) -> None:
        """Give the variables one of what `prepared` returned."""
        for write in self._writes:
            write(value)


@cache
def _jax_parter() -> Callable[[Any], Any]:
    """Return what takes PART numbers apart in one call."""
    import jax

    return jax.jit(tuple)


def _jax_parted(numbers: Any) -> list[Any]:
    """Return JAX's scalars of some numbers; list() of an array compiles for seconds."""
    padded = np.pad(numbers, (0, -len(numbers) % PART))
    part = _jax_parter()
    parts = [part(padded[i : i + PART]) for i in range(0, len(padded), PART)]
    return [number for part in parts for number in part][: len(numbers)]


def _write_of(variable: Any) -> Callable[[Any], Any]:
    backend = keras.backend.backend()
    if backend == "torch":
        return variable.value.detach().fill_
    if backend == "tensorflow":
        return _tensorflow_write_of(variable.value)
    return variable.assign


def _tensorflow_write_of(held: Any) -> Callable[[Any], Any]:
    """Return one operation that writes, where the variable lies on one device."""
    import tensorflow as tf

    if isinstance(held, tf.distribute.DistributedValues):
        return partial(held.assign, read_value=False)
    handle, assign = held.handle, tf.raw_ops.AssignVariableOp
    return lambda value: assign(resource=handle, value=value)
