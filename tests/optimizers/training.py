"""Fifty steps on a backend, in each of its compilation modes."""

import contextlib

import keras
import numpy as np
from support import BACKEND

from optimizers.options import make
from optimizers.problem import STEPS
from optimizers.problem import gradients
from optimizers.problem import noise
from optimizers.problem import variables

MODES_OF = {
    "tensorflow": ("eager", "graph", "xla"),
    "jax": ("eager", "jit"),
    "torch": ("eager",),
}
MODES = MODES_OF[BACKEND]


def trained(cls, row, steps=STEPS, **more):
    """Return the weights and the saved state after a row's steps, as NumPy arrays."""
    with precision(row["dtype"]), branches_in_python(row):
        optimizer, weights = make(cls, row, **more), variables(row["dtype"])
        optimizer.build(weights)
        run = stateless if BACKEND == "jax" else stateful
        run(optimizer, weights, noise(row, steps), row["mode"])
        store = {}
        optimizer.save_own_variables(store)
        return [array(w) for w in weights], {k: array(v) for k, v in store.items()}


def array(value):
    """Return a variable or tensor as an array of the same type."""
    return np.array(keras.ops.convert_to_numpy(value))


def precision(dtype):
    """Return a context that enables float64 in JAX if the type needs it."""
    if BACKEND == "jax" and dtype == "float64":
        import jax

        return jax.enable_x64(True)
    return contextlib.nullcontext()


def branches_in_python(row):
    """Return a context in which an uncompiled JAX step compiles no branches.

    JAX compiles the branches of a condition even outside of jit, and again at each
    step. With jit disabled it runs branches in Python and compiles only single
    operations, once each.
    """
    branches = row["accumulation"] != "none" or row["scale"] == "dynamic"
    if BACKEND == "jax" and row["mode"] == "eager" and branches:
        import jax

        return jax.disable_jit()
    return contextlib.nullcontext()


def stateful(optimizer, weights, numbers, mode):
    """Train with `apply`."""

    def step(noises):
        optimizer.apply(gradients(optimizer, weights, noises), weights)

    if mode != "eager":
        import tensorflow as tf

        step = tf.function(step, jit_compile=mode == "xla")
    for noises in numbers:
        step([keras.ops.convert_to_tensor(x) for x in noises])


def stateless(optimizer, weights, numbers, mode):
    """Train with `stateless_apply`; a compiled step donates the state."""

    def step(values, state, noises):
        mapping = zip(optimizer.variables, state, strict=True)
        with keras.StatelessScope(state_mapping=list(mapping)):
            found = gradients(optimizer, values, noises)
        return optimizer.stateless_apply(state, found, values)

    if mode == "jit":
        import jax

        step = jax.jit(step, donate_argnums=(0, 1))
    values = [w.value + 0 for w in weights]
    state = [v.value + 0 for v in optimizer.variables]
    for noises in numbers:
        values, state = step(values, state, list(map(keras.ops.array, noises)))
    trained = zip([*weights, *optimizer.variables], [*values, *state], strict=True)
    for variable, value in trained:
        variable.assign(value)
