"""The only importer of the C++ extension."""

import numpy as np

from kerasched import _native


def momentum_update(
    weight: np.ndarray,
    gradient: np.ndarray,
    velocity: np.ndarray,
    *,
    learning_rate: float,
    momentum: float,
) -> None:
    """Do one momentum update of keras.optimizers.SGD in place, in one pass.

    velocity = velocity * momentum - gradient * learning_rate
    weight = weight + velocity

    Args:
        weight: float32 or float64 array of any shape, contiguous; changed in place.
        gradient: array of the same shape and type; only read.
        velocity: array of the same shape and type; changed in place.
        learning_rate: the rate of this update.
        momentum: the factor by which the velocity is kept.

    Raises:
        ValueError: shapes or types differ, an array has strides or may not be written,
            or two of them share memory.
    """
    _native.momentum_update(weight, gradient, velocity, learning_rate, momentum)
