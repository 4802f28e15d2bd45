"""Twenty steps of kerasched.Adam, AdamW and Lion equal those of Keras's classes."""

import random

import keras
import numpy as np
import pytest
from support import BACKEND

import kerasched
from optimizers.options import OPTIONS
from optimizers.options import label
from optimizers.training import MODES
from optimizers.training import trained

STEPS = 20
# The class of each kind, and the arguments that its rows share.
KINDS = {
    "Adam": ("Adam", {}),
    "amsgrad": ("Adam", {"amsgrad": True}),
    "AdamW": ("AdamW", {}),
    "Lion": ("Lion", {}),
}
# Another test covers bfloat16: Keras's Adam does not change such a weight.
DTYPES = ("float32", "float64")
# The number of rows of each kind in the first tier and in the thorough tier.
FIRST, ALL = (4 if BACKEND == "torch" else 1), 200


def drawn(kind):
    """Return random rows of options for a kind, with a fixed seed."""
    source = random.Random(f"{kind} {BACKEND}")
    levels = {"mode": MODES, "dtype": DTYPES, **OPTIONS}
    for name in ("momentum", "nesterov"):
        del levels[name]
    rows = []
    for _ in range(ALL):
        row = {name: source.choice(values) for name, values in levels.items()}
        if kind == "AdamW" and row["decay"] == "none":
            row["decay"] = "0.01"
        rows.append(row)
    return rows


ROWS = [
    pytest.param(
        kind,
        row,
        marks=[pytest.mark.slow] * (number >= FIRST),
        id=f"{kind}-{number}-{label(row)}",
    )
    for kind in KINDS
    for number, row in enumerate(drawn(kind))
]


def both(kind, row, **more):
    """Return the weights and the states of our class and of Keras's."""
    name, given = KINDS[kind]
    ours = trained(getattr(kerasched, name), row, STEPS, **given, **more)
    theirs = trained(getattr(keras.optimizers, name), row, STEPS, **given)
    return ours, theirs


def exact(row):
    """Return whether the results must be equal bit for bit.

    As for SGD in test_equality.py, they need not be under XLA, on torch, for a decay in
    a graph of TensorFlow, and for a norm that the kernel sums.
    """
    if BACKEND == "torch" or row["mode"] in ("xla", "jit"):
        return False
    in_graph = row["mode"] == "graph" and row["decay"] != "none"
    return not in_graph and row["clip"] not in ("norm", "global")


@pytest.mark.parametrize(("kind", "row"), ROWS)
def test_twenty_steps_equal_those_of_keras(kind, row):
    (ours, state), (theirs, keras_state) = both(kind, row, fused=True)
    assert list(state) == list(keras_state)
    if exact(row):
        assert [w.tobytes() for w in ours] == [w.tobytes() for w in theirs]
        for name, value in state.items():
            assert value.tobytes() == keras_state[name].tobytes(), name
        return
    unit = np.finfo(row["dtype"]).eps
    unit = max(unit, np.finfo("float32").eps) if float32_rate(row) else unit
    for found, expected in zip(ours, theirs, strict=True):
        # A step is the rate times a number near 1. Rounding changes it by a few units
        # in the last place, and by more where the moments nearly cancel. The sign in
        # Lion has no rounding error.
        largest = np.abs(expected).max(initial=1.0)
        np.testing.assert_allclose(found, expected, rtol=0, atol=BOUND * unit * largest)


# In units in the last place of the largest weight, or of 1, after twenty steps.
BOUND = 200


def float32_rate(row):
    """Return whether a float32 constant such as Keras's rate enters the update."""
    return row["dtype"] == "float64"
