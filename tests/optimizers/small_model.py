"""A small model to train with kerasched.SGD and with Keras's own SGD."""

import keras
import numpy as np
from support import BACKEND
from support import built

import kerasched

ROWS = 32
X = np.random.default_rng(0).normal(size=(ROWS, 5)).astype("float32")
Y = X[:, :3].sum(axis=1, keepdims=True) + 0.1
JIT = BACKEND != "torch"  # Torch would take a minute to compile.

# The tolerances for 36 steps, which differ only by the rounding of a compiled update.
FLOAT32 = {"rtol": 1e-4, "atol": 1e-5}


def model(constraint=None):
    """Return a model of two layers and a normalization, with fixed initial weights."""
    keras.utils.set_random_seed(0)
    layers = [
        keras.layers.Dense(17, "tanh", kernel_constraint=constraint),
        keras.layers.BatchNormalization(),
        keras.layers.Dense(1),
    ]
    return keras.Sequential([keras.Input((5,)), *layers])


def compiled(optimizer, **options):
    made = model(**options)
    made.compile(optimizer, "mse", jit_compile=JIT)
    return built(made)


def fitted(optimizer, epochs=3, **options):
    made = compiled(optimizer, **options)
    fit(made, epochs)
    return made


def fit(made, epochs=1):
    made.fit(X, Y, batch_size=8, epochs=epochs, shuffle=False, verbose=0)


def both(fused, **given):
    """Return our optimizer and Keras's own with the same arguments."""
    given = {"learning_rate": 0.05, "momentum": 0.9, **given}
    return kerasched.SGD(**given, fused=fused), keras.optimizers.SGD(**given)


def arrays(variables):
    return [np.array(keras.ops.convert_to_numpy(v.value)) for v in variables]


def scratch_of(model):
    """Return the scratch memory that a model passes to its compiled step on JAX."""
    return getattr(model.train_function, "scratch", [])


def assert_same(one, other, rtol=0.0, atol=0.0):
    """Check that two models have the same weights and that training changed them."""
    for a, b in zip(arrays(one.weights), arrays(other.weights), strict=True):
        np.testing.assert_allclose(a, b, rtol=rtol, atol=atol)
    start = arrays(model().weights)
    assert any((a != b).any() for a, b in zip(arrays(one.weights), start, strict=True))
