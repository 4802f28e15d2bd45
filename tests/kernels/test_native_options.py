"""Combinations of the compiled update's options, compared to NumPy."""

import dataclasses
import itertools

import keras
import numpy as np
import pytest
from optimizers.pairwise import pairwise
from support import sampled

from kerasched.kernels import native
from kerasched.kernels.options import Options
from kerasched.kernels.rules import RULES
from kernels.arrays import DTYPES
from kernels.arrays import all_bits
from kernels.arrays import bits
from kernels.arrays import drawn
from kernels.arrays import eighths
from kernels.arrays import needs_extension
from kernels.arrays import normal
from kernels.arrays import scalars
from kernels.arrays import special
from kernels.arrays import to_numpy
from kernels.arrays import updated
from kernels.expected import expected

pytestmark = needs_extension
host = pytest.mark.host
each_dtype = pytest.mark.parametrize("dtype", DTYPES, ids=str)

DECAYS = (
    {},
    {"weight_decay": True},
    {"weight_decay": True, "independent_weight_decay": True},
)
CLIPS = {
    "not-clipped": {},
    "clipvalue": {"clipvalue": 0.3},
    "clipnorm": {"clipnorm": 0.7},
    "clipnorm-above": {"clipnorm": 1e3},
    "global": {"global_clipnorm": 0.7},
    "global-above": {"global_clipnorm": 1e3},
}
AVERAGES = (
    {},
    {"use_ema": True, "ema_momentum": 0.9},
    {"use_ema": True, "ema_momentum": 0.9, "ema_overwrite_frequency": 3},
)
SUMS = ({}, {"gradient_accumulation_steps": 2})
SCALES = ({}, {"unscales": True})
# The first iteration, and iterations that overwrite the weight or use a sum.
ITERATIONS = (0, 1, 2, 3, 4, 5)
SHAPES = [(), (0, 4), (1,), (33,), (5, 13), (1025,)]
EXCLUDED = [True, True, False, True, False, True]


# Each pair of the other options, or all combinations, with each rule, type and way to
# clip.
OTHERS = (DECAYS, AVERAGES, SUMS, SCALES)
PAIRS = [
    [OTHERS[option][level] for option, level in row.items()]
    for row in pairwise({n: range(len(levels)) for n, levels in enumerate(OTHERS)})
]
COMBINATIONS = {"pairs": (PAIRS,), "all": (list(itertools.product(*OTHERS)),)}


# The squares of a norm sum exactly in any order, because gradients are multiples of
# 1/128, also after accumulation and loss scaling.
@host
@each_dtype
@pytest.mark.parametrize("clip", CLIPS)
@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("combinations", sampled(COMBINATIONS, {"pairs"}))
def test_a_combination_of_options_equals_that_of_numpy(combinations, rule, clip, dtype):
    wrong = []
    for rest in combinations:
        options = Options(rule, **{**CLIPS[clip], **merged(rest)})
        arrays, gradients = drawn(options, SHAPES, dtype, eighths)
        for iterations in ITERATIONS:
            numbers = scalars(rule, iterations=iterations, loss_scale=8.0)
            given = (options, arrays, gradients, numbers)
            if all_bits(updated(*given, EXCLUDED)) != all_bits(
                expected(*given, EXCLUDED)
            ):
                wrong.append((options, iterations))
    assert wrong == []


def merged(dictionaries):
    return {key: value for part in dictionaries for key, value in part.items()}


EVERYTHING = Options(
    rule="sgd_nesterov",
    weight_decay=True,
    clipvalue=0.5,
    use_ema=True,
    ema_momentum=0.99,
    gradient_accumulation_steps=3,
    unscales=True,
)
NOTHING = Options()
OPTIONS = {"everything": EVERYTHING, "nothing": NOTHING}


@host
@each_dtype
@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
@pytest.mark.parametrize("size", [1023, 1024, 1025, 4095, 4097, 65535, 65537, 200_001])
def test_blocks_and_chunks_cover_each_number_once(size, options, dtype):
    arrays, gradients = drawn(options, [size], dtype)
    given = (options, arrays, gradients, scalars(options.rule, iterations=5))
    assert all_bits(updated(*given)) == all_bits(expected(*given))


@host
@each_dtype
@pytest.mark.parametrize("iterations", [0, 2])
@pytest.mark.parametrize("place", range(4))
def test_special_numbers_give_the_results_of_numpy(place, iterations, dtype):
    arrays, gradients = drawn(EVERYTHING, [33], dtype)
    arrays.groups()[place][0][:] = special(dtype)
    gradients[0][16:] = special(dtype)[16:]
    numbers = scalars(EVERYTHING.rule, iterations=iterations)
    given = (EVERYTHING, arrays, gradients, numbers)
    assert all_bits(updated(*given)) == all_bits(expected(*given))


# Computed by hand from Keras's formulas. All values are exact in binary.
@host
@each_dtype
@pytest.mark.parametrize(
    ("options", "weight"),
    [
        ({}, 4 - 2 * 0.5),
        ({"weight_decay": True}, 4 - 4 * 0.25 * 0.5 - 2 * 0.5),
        (
            {"weight_decay": True, "independent_weight_decay": True},
            4 - 4 * 0.25 - 2 * 0.5,
        ),
        ({"clipvalue": 1.0}, 4 - 1 * 0.5),
        ({"clipnorm": 1.0}, 4 - 2 * (1 / 2) * 0.5),
        ({"global_clipnorm": 4.0}, 4 - 2 * 0.5),
        ({"unscales": True}, 4 - 2 / 4 * 0.5),
    ],
    ids=lambda given: "-".join(given) or "none" if isinstance(given, dict) else None,
)
def test_an_option_gives_the_values_computed_by_hand(options, weight, dtype):
    array = np.array([4.0], dtype)
    numbers = vars(scalars("sgd", 0.5, 0.25, loss_scale=4.0))
    native.update(Options(**options), [array], [np.array([2.0], dtype)], **numbers)
    assert array.tolist() == [weight]


@host
@each_dtype
def test_a_micro_batch_without_an_update_changes_only_the_sum(dtype):
    options = dataclasses.replace(EVERYTHING, use_ema=False)
    arrays, gradients = drawn(options, [33], dtype)
    new = updated(options, arrays, gradients, scalars(options.rule, iterations=3))
    kept = [bits(a) == bits(b) for a, b in zip(new.flat(), arrays.flat(), strict=True)]
    assert kept == [True, True, False]  # The weight, the velocity and the sum.


@host
@each_dtype
def test_an_update_resets_sums_to_positive_zeros(dtype):
    arrays, gradients = drawn(EVERYTHING, [33], dtype)
    new = updated(EVERYTHING, arrays, gradients, scalars(EVERYTHING.rule, iterations=2))
    assert bits(new.sums[0]) == bits(np.zeros(33, dtype))


# A float32 sum of at most 64 squares has an error of at most 64 half units in the last
# place, and the square adds another. The root halves this error. The rest is in float64
# except three roundings: of the root, of the quotient and of the product with the
# gradient. The actual error is far smaller; a single float32 sum would exceed the
# bound.
UNITS = {"float32": 65 / 2 / 2 + 3, "float64": 65 / 2 / 2 + 3, "bfloat16": 3}


@host
@each_dtype
@pytest.mark.parametrize("clip", ["clipnorm", "global_clipnorm"])
@pytest.mark.parametrize("size", [1, 63, 65, 1000, 4097, 300_001])
def test_a_clipped_norm_is_near_that_in_float64(size, clip, dtype):
    gradient = normal(size, dtype) * dtype.type(3)
    weight = np.zeros(size, dtype)
    native.update(Options(**{clip: 0.25}), [weight], [gradient], learning_rate=1.0)
    wide = gradient.astype("float64")
    right = -wide * 0.25 / np.sqrt(np.sum(wide**2))
    unit = {"float32": 2**-23, "float64": 2**-52, "bfloat16": 2**-7}[str(dtype)]
    error = np.abs(weight.astype("float64") - right) / np.abs(right) / unit
    assert error.max() <= UNITS[str(dtype)]


# Two tensors with the norms 3 and 4 and the global norm 5.
@host
@each_dtype
@pytest.mark.parametrize(
    ("clip", "moves"),
    [("clipnorm", (-1.0, -1.0)), ("global_clipnorm", (-3 / 5, -4 / 5))],
)
def test_norms_are_of_one_tensor_or_of_all(clip, moves, dtype):
    weights = [np.zeros(1, dtype), np.zeros(1, dtype)]
    gradients = [np.array([3.0], dtype), np.array([4.0], dtype)]
    native.update(Options(**{clip: 1.0}), weights, gradients, learning_rate=1.0)
    rough = 2**-7 if dtype.itemsize == 2 else 2**-22
    found = [float(weight[0]) for weight in weights]
    assert np.allclose(found, moves, rtol=rough, atol=0)


# The same numbers must be non-finite as in Keras, and the others must be equal.
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("clip", ["clipvalue", "clipnorm", "global_clipnorm"])
def test_clipping_non_finite_numbers_gives_the_results_of_keras(clip, value):
    gradients = [normal(9, "float32", seed) for seed in (1, 2)]
    gradients[0][4] = value
    weights = [normal(9, "float32", seed) for seed in (3, 4)]
    variables = [keras.Variable(weight) for weight in weights]
    optimizer = keras.optimizers.SGD(0.125, **{clip: 0.5})
    tensors = [keras.ops.convert_to_tensor(gradient) for gradient in gradients]
    optimizer.apply(tensors, variables)
    native.update(Options(**{clip: 0.5}), weights, gradients, learning_rate=0.125)
    for weight, variable in zip(weights, variables, strict=True):
        # Half a unit each for the norm, the quotient, the product and the weight.
        assert np.allclose(
            weight, to_numpy(variable), rtol=1e-6, atol=1e-6, equal_nan=True
        )


@host
@each_dtype
@pytest.mark.parametrize("clip", ["clipnorm", "global_clipnorm"])
def test_a_gradient_of_zeros_has_a_norm_to_clip(clip, dtype):
    weight, before = normal(33, dtype), normal(33, dtype)
    native.update(
        Options(**{clip: 0.5}), [weight], [np.zeros(33, dtype)], learning_rate=0.1
    )
    assert bits(weight) == bits(before)
