"""A small problem: variables with sizes around every boundary, and their gradients.

The gradient is that of a noisy quadratic loss: a quarter of the weight plus a number
that depends on the step. So it depends on the updates before.
"""

import keras
import ml_dtypes
import numpy as np

STEPS = 50
SHAPES = {
    "bias": (),
    "empty": (0,),
    "one": (1,),
    "seven": (7,),
    "bias_of_lanes": (64,),
    "tail": (5, 13),
    "large": (3, 1367),
}
INFINITE = 2  # The step whose gradients overflow if the loss scale is dynamic.


def numpy_type(dtype):
    return ml_dtypes.bfloat16 if dtype == "bfloat16" else np.dtype(dtype)


def start(dtype):
    """Return the initial weights, float32 numbers rounded to a type."""
    generator = np.random.default_rng(1)
    drawn = [generator.normal(size=shape) for shape in SHAPES.values()]
    return [np.asarray(x, "float32").astype(numpy_type(dtype)) for x in drawn]


def noise(row, count=STEPS):
    """Return the part of each step's gradients that does not depend on the weights."""
    generator, kind = np.random.default_rng(2), numpy_type(row["dtype"])
    steps = []
    for step in range(count):
        drawn = [generator.normal(size=shape) for shape in SHAPES.values()]
        if step == INFINITE and row["scale"] == "dynamic":
            drawn[-1][0, 0] = np.inf
        rounded = [np.asarray(x, "float32").astype(kind) for x in drawn]
        steps.append(rounded)
    return steps


def variables(dtype):
    """Return the variables of the problem with their initial values."""
    return [
        keras.Variable(value, dtype=dtype, name=name)
        for name, value in zip(SHAPES, start(dtype), strict=True)
    ]


def gradients(optimizer, weights, noises):
    """Return the gradients of the scaled loss."""
    found = []
    for weight, noise in zip(weights, noises, strict=True):
        weight = keras.ops.convert_to_tensor(weight)
        scaled = optimizer.scale_loss(noise + weight * 0.25)
        found.append(keras.ops.cast(scaled, weight.dtype))
    return found
