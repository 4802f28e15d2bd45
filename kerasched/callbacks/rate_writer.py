"""Fast assignment of numbers to the variables of learning rates.

A Keras variable converts and checks what is assigned, which takes ten times as long as
writing one number. Here many numbers are converted at once, and TensorFlow and torch
write to the variable's own storage. Code that imports a framework is in kernels.
"""

from collections.abc import Callable
from collections.abc import Sequence
from functools import partial
from typing import Any

import keras
import numpy as np

from kerasched.training.leaves import variable_of
from kerasched.training.model_contents import training_leaves


def rate_variables(model: keras.Model, owner: str, fix: str) -> list[Any]:
    """Return the variables of a model's learning rates.

    Raises:
        ValueError: a rate is a schedule.
    """
    variables = []
    for optimizer in training_leaves(model, owner):
        variables.append(variable_of(optimizer, "learning_rate"))
        if variables[-1] is None:
            raise ValueError(
                f"{owner} needs an optimizer whose learning rate is a number; that of "
                f"{optimizer.name!r} is a schedule or a function. {fix}."
            )
    return variables


class RateWriter:
    """Assigns the same number to several variables.

    Args:
        variables: scalar Keras variables. Their storage is looked up once: create a new
            writer when it may have changed.
    """

    def __init__(self, variables: Sequence[Any]) -> None:
        self._variables = list(variables)
        self._dtypes = {str(variable.dtype) for variable in variables}
        alike = len(self._dtypes) == 1  # Otherwise each converts the number itself.
        self._writes = [_write_of(v) if alike else v.assign for v in variables]

    def prepared(self, numbers: Sequence[float]) -> list[Any]:
        """Return numbers as `write_prepared` takes them."""
        backend = keras.backend.backend()
        # JAX's compiled step donates the buffers of variables: no two may share one.
        shared = backend == "jax" and len(self._writes) > 1
        if backend == "torch" or shared or len(self._dtypes) != 1:
            return list(numbers)
        (dtype,) = self._dtypes
        if backend == "jax":
            from kerasched.kernels import jax

            return jax.unstack(np.array(numbers, dtype))
        return keras.ops.unstack(keras.ops.convert_to_tensor(np.array(numbers), dtype))

    def write(self, number: float) -> None:
        """Give the variables a number."""
        for variable in self._variables:
            variable.assign(number)

    def write_prepared(self, value: Any) -> None:
        """Give the variables one of what `prepared` returned."""
        for write in self._writes:
            write(value)


def _write_of(variable: Any) -> Callable[[Any], Any]:
    backend = keras.backend.backend()
    if backend == "torch":
        return _torch_write_of(variable.value.detach())
    if backend == "tensorflow":
        from kerasched.kernels import tensorflow

        return tensorflow.writer(variable.value)
    return variable.assign


def _torch_write_of(tensor: Any) -> Callable[[Any], Any]:
    try:
        view = tensor.numpy()
    except (TypeError, RuntimeError):  # bfloat16, or another device.
        return tensor.fill_
    return partial(view.__setitem__, ())
