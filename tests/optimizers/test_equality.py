"""Fifty steps of kerasched.SGD equal those of keras.optimizers.SGD."""

from itertools import combinations
from itertools import product

import keras
import numpy as np
import pytest
from support import BACKEND

import kerasched
from optimizers import float64
from optimizers.options import DTYPES
from optimizers.options import OPTIONS
from optimizers.options import label
from optimizers.pairwise import pairwise
from optimizers.problem import STEPS
from optimizers.training import MODES
from optimizers.training import MODES_OF
from optimizers.training import trained

# TensorFlow and JAX share the pairs of options: each runs on one backend, in one mode.
SHARED = ("tensorflow", "jax") if BACKEND != "torch" else ("torch",)
PLACES = tuple((name, mode) for name in SHARED for mode in MODES_OF[name])
LEVELS = {"place": PLACES, "dtype": DTYPES, **OPTIONS}
ALL_ROWS = pairwise(LEVELS)
ROWS = [
    {"mode": row["place"][1], **{k: row[k] for k in ("dtype", *OPTIONS)}}
    for row in ALL_ROWS
    if row["place"][0] == BACKEND
]
PLAIN = dict.fromkeys(OPTIONS, "none") | {"rate": "constant", "nesterov": "no"}
PLAIN |= {"momentum": "0.9", "mode": MODES[0], "dtype": "float32"}

# Every mode, type and kind of momentum with every pair of the other options.
OTHERS = {name: levels for name, levels in OPTIONS.items() if name != "nesterov"}
SWEEP = [
    {"mode": mode, "dtype": dtype, "nesterov": nesterov, **row}
    for row in pairwise(OTHERS)
    for mode in MODES
    for dtype in DTYPES
    for nesterov in OPTIONS["nesterov"]
]


def exact(row, fused):
    """Return whether the results must be equal bit for bit.

    XLA fuses a product and a sum into one operation, which rounds once. So do the
    `_foreach` operations of torch that Keras uses, if the processor has FMA;
    tests/kernels/test_torch.py has bounds for any processor. TensorFlow's graph
    optimizer multiplies the constant decay and the rate first, so Keras's own decay in
    a graph differs from its eager one by a unit in the last place. The kernel sums a
    norm in a different order.
    """
    if row["mode"] == "graph" and row["decay"] != "none":
        return False
    unjitted = BACKEND != "torch" and row["mode"] in ("eager", "graph")
    # On JAX the kernel accumulates gradients of any size.
    accumulates = BACKEND == "jax" and row["accumulation"] != "none"
    by_kernel = fused is True or (accumulates and not kernel_cannot(row))
    return unjitted and not (by_kernel and row["clip"] in ("norm", "global"))


# The error messages of the backends for a sum of two different types.
UNLIKE_TYPES = "does not match type|equal output types|cannot compute AddV2"


def unlike_types():
    """Return the types of these errors. TensorFlow has its own."""
    if BACKEND != "tensorflow":
        return TypeError
    import tensorflow as tf

    return TypeError, tf.errors.InvalidArgumentError


def check(row, **more):
    if keras_cannot(row):
        with pytest.raises(unlike_types(), match=UNLIKE_TYPES):
            of_keras(row)
        pytest.skip("Keras's own update fails: it adds float32 to half accumulators")
    ours, state = trained(kerasched.SGD, row, **more)
    theirs, keras_state = of_keras(row)
    assert [x.dtype for x in ours] == [x.dtype for x in theirs]
    assert set(state) == set(keras_state)
    if exact(row, more.get("fused")):
        assert bits(ours) == bits(theirs)
        assert {k: bits([v]) for k, v in state.items()} == {
            k: bits([v]) for k, v in keras_state.items()
        }
    else:
        compare(row, ours, theirs)


KEPT = {}


def of_keras(row):
    """Return the result of Keras's class, computed once for all values of `fused`."""
    return cached_run(keras.optimizers.SGD, row)


def cached_run(cls, row):
    """Return the weights and the state after the steps, computed once."""
    key = cls, label(row)
    if key not in KEPT:
        KEPT[key] = trained(cls, row)
    return KEPT[key]


def keras_cannot(row):
    """Return whether Keras's own update fails because it adds different types.

    Dividing a gradient of a half type by a dynamic scale gives float32, but its
    accumulator has the half type. TensorFlow cannot add different types, and the
    branches of a compiled condition in JAX must have the same type.
    """
    unlike = row["scale"] == "dynamic" and "16" in row["dtype"]
    strict = BACKEND == "tensorflow" or row["mode"] == "jit"
    return strict and unlike and row["accumulation"] != "none"


def bits(arrays):
    return [array.tobytes() for array in arrays]


def compare(row, ours, theirs):
    """Check that weights are close to Keras's, or as close to float64 as Keras's are.

    Close means 4 units in the last place of the tensor's largest number per step, in
    float32 or, for float64, in float64. The distance from float64 is the root mean
    square over all tensors, each divided by its largest number, since the error of a
    single number depends on chance.
    """
    reference, largest = float64.trained(row, STEPS)
    unit = np.finfo("float64" if row["dtype"] == "float64" else "float32").eps
    apart = parts(ours, theirs, largest)
    near = np.abs(apart).max() <= 4 * STEPS * unit
    distance = [
        np.sqrt((parts(x, reference, largest) ** 2).mean()) for x in (ours, theirs)
    ]
    assert np.isfinite(distance).all()
    assert near or distance[0] <= 1.5 * distance[1], (np.abs(apart).max(), distance)


def parts(found, expected, largest):
    """Return the differences of all tensors, divided by each one's largest number."""
    differences = [
        (x.astype("float64") - y.astype("float64")).ravel() / peak
        for x, y, peak in zip(found, expected, largest, strict=True)
        if x.size
    ]
    return np.concatenate(differences)


@pytest.mark.parametrize("row", ROWS, ids=label)
def test_fifty_steps_equal_those_of_keras(row):
    check(row)


def kernel_cannot(row):
    """Return whether the kernel cannot run, for float16 and for different types.

    A gradient of another type is cast to that of its weight, unless clipping or
    accumulation changes it before.
    """
    unlike = row["scale"] == "dynamic" and row["dtype"] == "bfloat16"
    changed = row["clip"] != "none" or row["accumulation"] != "none"
    return row["dtype"] == "float16" or (unlike and changed)


@pytest.mark.parametrize("row", [r for r in ROWS if not kernel_cannot(r)], ids=label)
def test_fifty_fused_steps_equal_those_of_keras(row):
    check(row, fused=True)


# A LossScaleOptimizer converts bfloat16 gradients to float32.
CAST = {"dtype": "bfloat16", "scale": "dynamic", "nesterov": "nesterov"}
CAST |= {"decay": "0.01", "ema": "ema"}


@pytest.mark.parametrize("row", [{**PLAIN, **CAST, "mode": m} for m in MODES])
def test_fused_steps_with_gradients_of_another_type_equal_those_of_keras(row):
    check(row, fused=True)


@pytest.mark.slow
@pytest.mark.parametrize("row", SWEEP, ids=label)
def test_fifty_steps_of_every_kind_equal_those_of_keras(row):
    check(row, fused="auto" if kernel_cannot(row) else True)


def test_the_rows_contain_every_pair_of_levels():
    def pairs(row):
        return {(one, row[one], other, row[other]) for one in row for other in row}

    held = set().union(*map(pairs, ALL_ROWS))
    for one, other in combinations(LEVELS, 2):
        for a, b in product(LEVELS[one], LEVELS[other]):
            assert (one, a, other, b) in held


def test_each_row_is_run_on_a_backend():
    here = [row for row in ALL_ROWS if row["place"][0] == BACKEND]
    assert [row["mode"] for row in ROWS] == [row["place"][1] for row in here]
    assert {row["mode"] for row in ROWS} == set(MODES)


# Results would also be equal if both classes ignored an option. `nesterov` is tested
# with a momentum, and an exclusion against a decay without one. A loss scale factor of
# 64 changes no bit.
CHANGES = [
    (name, level)
    for name, levels in OPTIONS.items()
    for level in levels
    if PLAIN[name] != level and (name, level) != ("scale", "factor")
]


@pytest.mark.parametrize(("name", "level"), CHANGES)
def test_an_option_changes_the_weights(name, level):
    changed, plain = {**PLAIN, name: level}, dict(PLAIN)
    if level == "ema":  # An average changes a weight only when it overwrites it.
        changed, plain = {**plain, name: "overwrite"}, changed
    if level == "excluded":
        plain["decay"] = "0.01"
    ours = [cached_run(kerasched.SGD, row)[0] for row in (changed, plain)]
    assert bits(ours[0]) != bits(ours[1])


# On torch the rate and its product with the decay are float32. A relative error of
# 2**-24 in each of 50 steps is below 1e-6; a different rule differs by 1e-3 or more.
# The rule does not depend on the backend, and compiling would take 2 s per row.
@pytest.mark.skipif(BACKEND != "torch", reason="nothing is compiled on torch")
@pytest.mark.parametrize("row", ROWS, ids=label)
def test_the_reference_in_float64_is_the_rule_of_keras(row):
    row = {**row, "dtype": "float64", "mode": MODES[-1]}
    weights, _ = of_keras(row)
    reference, largest = float64.trained(row, STEPS)
    assert np.abs(parts(weights, reference, largest)).max() <= 1e-6
