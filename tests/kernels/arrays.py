"""Arrays for tests of kernels: random, special and at odd places; and their bytes."""

import copy

import keras
import ml_dtypes
import numpy as np
import pytest

from kerasched.kernels import native
from kerasched.kernels.options import Arrays
from kerasched.kernels.options import Scalars

BFLOAT16 = np.dtype(ml_dtypes.bfloat16)
DTYPES = (np.dtype("float32"), np.dtype("float64"), BFLOAT16)

needs_extension = pytest.mark.skipif(
    bool(native.missing), reason=native.missing or "it is there"
)


def normal(shape, dtype, seed=0):
    """Return normal random numbers."""
    random = np.random.default_rng([seed, np.prod(shape, dtype=int)])
    return np.asarray(random.standard_normal(shape), dtype)


def eighths(shape, dtype, seed=0):
    """Return random multiples of 1/8 in -1 .. 1: a sum of their squares is exact."""
    random = np.random.default_rng([seed, np.prod(shape, dtype=int)])
    return np.asarray(random.integers(-8, 9, shape) / 8, dtype)


def four(options, shapes, dtype, gradient=normal):
    """Return the arrays that options need, and gradients."""
    lists = [
        [normal(shape, dtype, 10 * kind + i) for i, shape in enumerate(shapes)]
        for kind in range(4)
    ]
    lists[2] = [gradient(shape, dtype, 50 + i) for i, shape in enumerate(shapes)]
    there = (
        True,
        options.momentum,
        options.gradient_accumulation_steps > 1,
        options.use_ema,
    )
    kept = [group if wanted else [] for group, wanted in zip(lists, there, strict=True)]
    return Arrays(*kept), [
        gradient(shape, dtype, 70 + i) for i, shape in enumerate(shapes)
    ]


def updated(options, arrays, gradients, scalars, decays=None):
    """Return copies of arrays after one update by the extension."""
    arrays = copy.deepcopy(arrays)
    update(options, arrays, gradients, scalars, decays)
    return arrays


def update(options, arrays, gradients, scalars, decays=None):
    """Update arrays in place by the extension, and return whether that was done."""
    return native.update(
        options,
        arrays.weights,
        gradients,
        arrays.velocities or None,
        arrays.sums or None,
        arrays.averages or None,
        decays=decays,
        **vars(scalars),
    )


def bits(array):
    """Return the bytes, by which 0 and -0 differ; every not-a-number has the same."""
    array = np.array(array)
    array[np.isnan(array)] = np.nan
    return array.tobytes()


def all_bits(arrays):
    return [bits(array) for array in arrays.flat()]


def inside(buffer, array):
    """Return a place in a buffer that holds an array; it begins inside of a lane."""
    place = buffer[5 : 5 + array.size].reshape(array.shape)
    place[...] = array
    return place


def poisoned(array):
    """Return a buffer with more room than an array needs, its bytes all 0xA5."""
    buffer = np.empty(array.size + 40, array.dtype)
    buffer.view("uint8")[:] = 0xA5
    return buffer


def special(dtype):
    """Return 33 numbers, one in three of which is not an ordinary one."""
    info = ml_dtypes.finfo(dtype)
    numbers = [np.nan, np.inf, -np.inf, info.smallest_subnormal, -info.tiny / 2, -0.0]
    numbers += [info.max, -info.max, 0.0, info.tiny, info.eps]
    gradient = np.linspace(-1, 1, 33).astype(dtype)
    gradient[::3] = np.array(numbers).astype(dtype)
    return gradient


def scalars(
    learning_rate=0.1, momentum=0.9, weight_decay=0.01, iterations=0, loss_scale=1000.0
):
    return Scalars(learning_rate, momentum, weight_decay, iterations, loss_scale)


def to_numpy(variable):
    return keras.ops.convert_to_numpy(variable.value)
