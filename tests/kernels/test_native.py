"""The compiled update with momentum, compared to the same formula in NumPy.

The results are equal bit for bit, as every product and every sum is rounded once in the
arrays' type. The build flag -ffp-contract=off ensures this.
"""

import keras
import numpy as np
import pytest

from kerasched.kernels import native
from kerasched.kernels.options import Arrays
from kerasched.kernels.options import Options
from kernels.arrays import DTYPES
from kernels.arrays import all_bits
from kernels.arrays import bits
from kernels.arrays import drawn
from kernels.arrays import inside
from kernels.arrays import needs_extension
from kernels.arrays import normal
from kernels.arrays import poisoned
from kernels.arrays import scalars
from kernels.arrays import special
from kernels.arrays import to_numpy
from kernels.arrays import updated
from kernels.expected import expected

pytestmark = needs_extension
host = pytest.mark.host

BACKEND = keras.backend.backend()
MOMENTUM = Options("sgd_momentum")
# Sizes around 4, 8, 16, 32 and 64 lanes, around a block and around a chunk.
SIZES = (0, 1, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 65, 1023, 1024, 1025)
SIZES += (4095, 4096, 4097, 65535, 65536, 65537)

each_dtype = pytest.mark.parametrize("dtype", DTYPES, ids=str)
each_size = pytest.mark.parametrize("size", SIZES)


def momentum_step(weight, gradient, velocity, **numbers):
    """Update one weight and its velocity, in place."""
    numbers = vars(scalars(MOMENTUM.rule, **numbers))
    native.update(MOMENTUM, [weight], [gradient], [[velocity]], **numbers)


def in_numpy(weight, gradient, velocity, **numbers):
    """Return the new weight and velocity."""
    arrays = Arrays([weight], [[velocity]])
    new = expected(MOMENTUM, arrays, [gradient], scalars(MOMENTUM.rule, **numbers))
    return new.weights[0], new.slots[0][0]


def three(shape, dtype):
    """Return a weight, a gradient and a velocity."""
    return [normal(shape, dtype, seed) for seed in range(3)]


@host
@each_dtype
@each_size
def test_the_weight_equals_that_of_numpy(size, dtype):
    weight, gradient, velocity = three(size, dtype)
    right, _ = in_numpy(weight, gradient, velocity)
    momentum_step(weight, gradient, velocity)
    assert bits(weight) == bits(right)


@host
@each_dtype
@each_size
def test_the_velocity_equals_that_of_numpy(size, dtype):
    weight, gradient, velocity = three(size, dtype)
    _, right = in_numpy(weight, gradient, velocity)
    momentum_step(weight, gradient, velocity)
    assert bits(velocity) == bits(right)


@host
@each_dtype
@pytest.mark.parametrize("shape", [(), (1, 1), (3, 5), (0, 4), (2, 3, 4)], ids=str)
def test_an_array_of_any_shape_is_updated(shape, dtype):
    weight, gradient, velocity = three(shape, dtype)
    right, _ = in_numpy(weight, gradient, velocity)
    momentum_step(weight, gradient, velocity)
    assert bits(weight) == bits(right)


# 0.5 * 2 - 0.25 * 4 = 0 and 0.5 * 2 - 0.25 * (-4) = 2, both exact in binary.
@host
@each_dtype
def test_an_update_equals_one_computed_by_hand(dtype):
    weight, velocity = np.array([1, 1], dtype), np.array([2, 2], dtype)
    gradient = np.array([4, -4], dtype)
    momentum_step(
        weight, gradient, velocity, learning_rate=0.25, hyperparameters=(0.5,)
    )
    assert (weight.tolist(), velocity.tolist()) == ([1.0, 3.0], [0.0, 2.0])


@host
@each_dtype
@each_size
@pytest.mark.parametrize("name", ["weight", "gradient", "velocity"])
def test_the_bytes_on_both_sides_are_not_touched(name, size, dtype):
    names = ("weight", "gradient", "velocity")
    values = dict(zip(names, three(size, dtype), strict=True))
    buffers = {key: poisoned(value) for key, value in values.items()}
    momentum_step(**{key: inside(buffers[key], value) for key, value in values.items()})
    outside = [buffers[name][:5], buffers[name][5 + size :]]
    assert b"".join(part.tobytes() for part in outside).strip(b"\xa5") == b""


@host
@each_dtype
@each_size
def test_an_unaligned_array_is_updated(size, dtype):
    values = three(size, dtype)
    right, _ = in_numpy(*values)
    weight, gradient, velocity = [inside(poisoned(value), value) for value in values]
    momentum_step(weight, gradient, velocity)
    assert bits(weight) == bits(right)


@host
@each_dtype
@each_size
def test_the_gradient_is_not_written(size, dtype):
    weight, gradient, velocity = three(size, dtype)
    before = bits(gradient)
    momentum_step(weight, gradient, velocity)
    assert bits(gradient) == before


# A tensor of several chunks, tensors smaller than a chunk, and empty ones.
@host
@each_dtype
def test_many_tensors_are_updated_in_one_call(dtype):
    shapes = [(n,) for n in (*range(40), 200_000, 0, 1, 70_001, 4097)]
    arrays, gradients = drawn(MOMENTUM, shapes, dtype)
    right = expected(MOMENTUM, arrays, gradients, scalars(MOMENTUM.rule))
    assert all_bits(
        updated(MOMENTUM, arrays, gradients, scalars(MOMENTUM.rule))
    ) == all_bits(right)


@host
def test_tensors_of_several_types_are_updated_in_one_call():
    parts = [drawn(MOMENTUM, [(33,), (2, 40)], dtype) for dtype in DTYPES]
    arrays = Arrays(
        [w for part, _ in parts for w in part.weights],
        [[v for part, _ in parts for v in part.slots[0]]],
    )
    gradients = [g for _, part in parts for g in part]
    right = expected(MOMENTUM, arrays, gradients, scalars(MOMENTUM.rule))
    assert all_bits(
        updated(MOMENTUM, arrays, gradients, scalars(MOMENTUM.rule))
    ) == all_bits(right)


@host
def test_an_update_of_no_tensors_is_accepted():
    native.update(Options(), [], [], learning_rate=0.1)


@host
@each_dtype
def test_a_gradient_of_special_numbers_gives_the_weight_of_numpy(dtype):
    weight, _, velocity = three(33, dtype)
    right = in_numpy(weight, special(dtype), velocity)
    momentum_step(weight, special(dtype), velocity)
    assert [bits(weight), bits(velocity)] == [bits(array) for array in right]


@host
@each_dtype
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_special_number_stays_in_its_place(value, dtype):
    weight, gradient, velocity = three(33, dtype)
    gradient[17] = value
    momentum_step(weight, gradient, velocity)
    finite = np.isfinite(weight.astype("float64"))
    assert np.flatnonzero(~finite).tolist() == [17]


# 0 * 0 - 1 * g = -g, the smallest positive number with a negative sign.
@host
@each_dtype
def test_a_subnormal_gradient_is_not_flushed_to_0(dtype):
    smallest = np.array(1, f"uint{8 * dtype.itemsize}").view(dtype)
    weight, velocity = np.zeros(33, dtype), np.zeros(33, dtype)
    gradient = np.full(33, smallest, dtype)
    momentum_step(weight, gradient, velocity, learning_rate=1.0, hyperparameters=(0.0,))
    assert bits(weight) == bits(np.full(33, -smallest, dtype))


# -0 + 0 is 0, and -0 - 0 is -0.
@host
@each_dtype
def test_the_sign_of_0_is_that_of_numpy(dtype):
    velocity = np.array([0.0, 0.0, -0.0, -0.0], dtype)
    gradient = np.array([0.0, -0.0, 0.0, -0.0], dtype)
    weight = np.full(4, -0.0, dtype)
    right = in_numpy(weight, gradient, velocity)
    momentum_step(weight, gradient, velocity)
    assert [bits(weight), bits(velocity)] == [bits(array) for array in right]


# 3 times 0.1 differs between float64 and float32.
@host
def test_rate_and_momentum_are_rounded_to_the_type_of_the_arrays():
    weight, gradient, velocity = np.zeros((3, 1), "float32")
    gradient[0], velocity[0] = 3, 7
    right = np.float32(7) * np.float32(0.9) - np.float32(3) * np.float32(0.1)
    momentum_step(weight, gradient, velocity)
    assert velocity[0] == right


# 256 + 1 is halfway between two bfloat16 numbers, and 256 is the even one. 258 + 1 is
# halfway between 258 and 260.
@host
def test_bfloat16_rounds_a_half_to_even():
    weight = np.array([256, 258], DTYPES[2])
    native.update(Options(), [weight], [np.full(2, -1, DTYPES[2])], learning_rate=1.0)
    assert weight.tolist() == [256.0, 260.0]


# Every bfloat16 number times a rate whose product has many bits to round.
@host
def test_every_bfloat16_is_rounded_as_ml_dtypes_does():
    gradient = np.arange(2**16, dtype="uint16").view(DTYPES[2])
    arrays = Arrays([normal(2**16, DTYPES[2])], [[normal(2**16, DTYPES[2], 1)]])
    right = expected(MOMENTUM, arrays, [gradient], scalars(MOMENTUM.rule))
    assert all_bits(
        updated(MOMENTUM, arrays, [gradient], scalars(MOMENTUM.rule))
    ) == all_bits(right)


# On torch, Keras adds -rate * gradient in one operation, which rounds once if the
# processor has FMA. The product with a power of two is exact, so here one rounding and
# two give the same result. The rate of 0.1 below shows the difference.
@pytest.mark.parametrize("size", [1, 33, 1000])
def test_five_updates_equal_those_of_keras(size):
    found, right = five_updates(normal(size, "float32"), 0.125)
    assert np.array_equal(found, right)


# With FMA an update differs by the rounding of rate * gradient, which is below 1 here,
# and by the roundings that follow. These are at most three roundings of numbers below
# 8, each half of 2**-21, in each of five updates. The velocity carries each of them
# into the weight up to five times. The other backends fuse nothing in an eager step.
@pytest.mark.parametrize("size", [1, 33, 1000])
def test_five_updates_at_0_1_equal_those_of_keras_but_for_the_rounding_of_torch(size):
    found, right = five_updates(normal(size, "float32"), 0.1)
    tolerance = 5 * 5 * 3 * 2**-22 if BACKEND == "torch" else 0.0
    assert np.abs(found - right).max() <= tolerance


def five_updates(start, rate):
    """Return a weight after five updates by our optimizer and by Keras's."""
    variable = keras.Variable(start)
    optimizer = keras.optimizers.SGD(rate, momentum=0.9)
    optimizer.build([variable])
    weight, velocity = start.copy(), np.zeros_like(start)
    for seed in range(1, 6):
        gradient = normal(start.shape, "float32", seed)
        optimizer.apply([keras.ops.convert_to_tensor(gradient)], [variable])
        momentum_step(weight, gradient, velocity, learning_rate=rate)
    return weight, to_numpy(variable)
