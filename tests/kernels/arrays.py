"""Arrays for the kernels' tests: random, special or unaligned; and their bytes."""

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
    """Return random multiples of 1/8 in -1 .. 1, so that a sum of squares is exact."""
    random = np.random.default_rng([seed, np.prod(shape, dtype=int)])
    return np.asarray(random.integers(-8, 9, shape) / 8, dtype)


def drawn(options, shapes, dtype, gradient=normal):
    """Return random arrays for some options, and gradients.

    Adam's second moments are positive, as it takes their root.
    """

    def group(seed, draw=normal):
        return [draw(shape, dtype, seed + i) for i, shape in enumerate(shapes)]

    slots = [group(10 * (1 + slot)) for slot in range(options.slots)]
    if options.rule.startswith("adam"):
        slots[1:] = [[np.asarray(abs(a)) for a in slot] for slot in slots[1:]]
    sums = group(50, gradient) if options.accumulates else []
    averages = group(60) if options.use_ema else []
    return Arrays(group(0), slots, sums, averages), group(70, gradient)


def updated(options, arrays, gradients, scalars, decays=None):
    """Return copies of the arrays after one update by the extension."""
    arrays = copy.deepcopy(arrays)
    update(options, arrays, gradients, scalars, decays)
    return arrays


def update(options, arrays, gradients, scalars, decays=None):
    """Update arrays in place with the extension, and return whether it ran the step."""
    return native.update(
        options,
        arrays.weights,
        gradients,
        arrays.slots,
        arrays.sums or None,
        arrays.averages or None,
        decays=decays,
        **vars(scalars),
    )


def bits(array):
    """Return the bytes of an array, with the same bytes for every NaN."""
    array = np.array(array)
    array[np.isnan(array)] = np.nan
    return array.tobytes()


def all_bits(arrays):
    return [bits(array) for array in arrays.flat()]


def inside(buffer, array):
    """Return a copy of an array inside a buffer, at an offset of five numbers."""
    place = buffer[5 : 5 + array.size].reshape(array.shape)
    place[...] = array
    return place


def poisoned(array):
    """Return a buffer that is larger than an array and filled with bytes 0xA5."""
    buffer = np.empty(array.size + 40, array.dtype)
    buffer.view("uint8")[:] = 0xA5
    return buffer


def special(dtype):
    """Return 33 numbers, a third of them special, such as NaN or subnormal numbers."""
    info = ml_dtypes.finfo(dtype)
    numbers = [np.nan, np.inf, -np.inf, info.smallest_subnormal, -info.tiny / 2, -0.0]
    numbers += [info.max, -info.max, 0.0, info.tiny, info.eps]
    gradient = np.linspace(-1, 1, 33).astype(dtype)
    gradient[::3] = np.array(numbers).astype(dtype)
    return gradient


# The hyperparameters of each rule; Adam's include 1 - beta as Keras rounds it.
HYPERPARAMETERS = {
    "sgd": (),
    "sgd_momentum": (0.9,),
    "sgd_nesterov": (0.9,),
    "adam": (0.9, 0.999, 1 - 0.9, 1 - 0.999, 1e-7),
    "adam_amsgrad": (0.9, 0.999, 1 - 0.9, 1 - 0.999, 1e-7),
    "lion": (0.9, 0.99),
}


def scalars(
    rule="sgd",
    learning_rate=0.1,
    weight_decay=0.01,
    iterations=0,
    loss_scale=1000.0,
    hyperparameters=None,
):
    if hyperparameters is None:
        hyperparameters = HYPERPARAMETERS[rule]
    return Scalars(learning_rate, weight_decay, iterations, loss_scale, hyperparameters)


def to_numpy(variable):
    return keras.ops.convert_to_numpy(variable.value)
