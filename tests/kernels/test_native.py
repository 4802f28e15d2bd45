"""The compiled momentum update, against the same formula in NumPy.

The two are equal to the last bit: every product and every sum is rounded once, in the
arrays' own type. The build's -ffp-contract=off is what holds it to that.
"""

import re

import keras
import numpy as np
import pytest

from kerasched.kernels.native import momentum_update

BACKEND = keras.backend.backend()
DTYPES = ("float32", "float64")
LEARNING_RATE, MOMENTUM = 0.1, 0.9
# Both sides of 4, 8, 16 and 32 lanes, and more than a cache's worth.
SIZES = (0, 1, 3, 4, 7, 8, 9, 15, 16, 17, 31, 32, 33, 1000, 70001)


def update(weight, gradient, velocity):
    momentum_update(
        weight, gradient, velocity, learning_rate=LEARNING_RATE, momentum=MOMENTUM
    )


def reference(weight, gradient, velocity, rate=LEARNING_RATE, momentum=MOMENTUM):
    """Return the new weight and velocity, in NumPy and in the arrays' own type."""
    real = weight.dtype.type
    with np.errstate(all="ignore"):
        velocity = velocity * real(momentum) - gradient * real(rate)
        return weight + velocity, velocity


def arrays(shape, dtype, count=3):
    """Return arrays of normal random numbers: a weight, a gradient and a velocity."""
    random = np.random.default_rng(np.prod(shape, dtype=int))
    return [np.asarray(random.standard_normal(shape), dtype) for _ in range(count)]


def bits(array):
    """Return the bytes, by which 0 and -0 differ and a NaN is equal to itself."""
    return array.tobytes()


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


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("size", SIZES)
def test_the_weight_equals_that_of_numpy(size, dtype):
    weight, gradient, velocity = arrays(size, dtype)
    expected, _ = reference(weight, gradient, velocity)
    update(weight, gradient, velocity)
    assert bits(weight) == bits(expected)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("size", SIZES)
def test_the_velocity_equals_that_of_numpy(size, dtype):
    weight, gradient, velocity = arrays(size, dtype)
    _, expected = reference(weight, gradient, velocity)
    update(weight, gradient, velocity)
    assert bits(velocity) == bits(expected)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(), (1, 1), (3, 5), (0, 4), (2, 3, 4)], ids=str)
def test_an_array_of_any_shape_is_updated(shape, dtype):
    weight, gradient, velocity = arrays(shape, dtype)
    expected, _ = reference(weight, gradient, velocity)
    update(weight, gradient, velocity)
    assert np.array_equal(weight, expected)


# 0.5 * 2 - 0.25 * 4 = 0, and 0.5 * 2 - 0.25 * (-4) = 2: exact in binary.
@pytest.mark.parametrize("dtype", DTYPES)
def test_an_update_equals_the_one_by_hand(dtype):
    weight, velocity = np.array([1, 1], dtype), np.array([2, 2], dtype)
    gradient = np.array([4, -4], dtype)
    momentum_update(weight, gradient, velocity, learning_rate=0.25, momentum=0.5)
    assert (weight.tolist(), velocity.tolist()) == ([1.0, 3.0], [0.0, 2.0])


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", ["weight", "gradient", "velocity"])
def test_the_bytes_on_both_sides_are_not_touched(name, size, dtype):
    values = dict(
        zip(("weight", "gradient", "velocity"), arrays(size, dtype), strict=True)
    )
    buffers = {key: poisoned(value) for key, value in values.items()}
    update(**{key: inside(buffers[key], value) for key, value in values.items()})
    outside = [buffers[name][:5], buffers[name][5 + size :]]
    assert b"".join(map(bits, outside)).strip(b"\xa5") == b""


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("size", SIZES)
def test_an_array_at_an_odd_place_is_updated(size, dtype):
    values = arrays(size, dtype)
    expected, _ = reference(*values)
    weight, gradient, velocity = [inside(poisoned(value), value) for value in values]
    update(weight, gradient, velocity)
    assert bits(weight) == bits(expected)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("size", SIZES)
def test_the_gradient_is_not_written(size, dtype):
    weight, gradient, velocity = arrays(size, dtype)
    before = bits(gradient)
    update(weight, gradient, velocity)
    assert bits(gradient) == before


def special_gradient(dtype):
    """Return 33 numbers, one in three of which is not an ordinary one."""
    info = np.finfo(dtype)
    special = [np.nan, np.inf, -np.inf, info.smallest_subnormal, -info.tiny / 2, -0.0]
    special += [info.max, -info.max, 0.0, info.tiny, info.eps]
    gradient = np.linspace(-1, 1, 33, dtype=dtype)
    gradient[::3] = special
    return gradient


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_gradient_of_special_numbers_gives_the_weight_of_numpy(dtype):
    weight, _, velocity = arrays(33, dtype)
    gradient = special_gradient(dtype)
    expected, _ = reference(weight, gradient, velocity)
    update(weight, gradient, velocity)
    assert np.array_equal(weight, expected, equal_nan=True)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_special_number_stays_in_its_place(value, dtype):
    weight, gradient, velocity = arrays(33, dtype)
    gradient[17] = value
    update(weight, gradient, velocity)
    assert np.flatnonzero(~np.isfinite(weight)).tolist() == [17]


# 0 * 0 - 1 * g = -g, the smallest number that there is.
@pytest.mark.parametrize("dtype", DTYPES)
def test_a_subnormal_gradient_is_not_taken_for_0(dtype):
    smallest = np.finfo(dtype).smallest_subnormal
    weight, velocity = np.zeros(33, dtype), np.zeros(33, dtype)
    gradient = np.full(33, smallest, dtype)
    momentum_update(weight, gradient, velocity, learning_rate=1.0, momentum=0.0)
    assert np.array_equal(weight, np.full(33, -smallest))


# A sum of -0 and 0 is 0; a difference of them is -0.
@pytest.mark.parametrize("dtype", DTYPES)
def test_the_sign_of_0_is_that_of_numpy(dtype):
    velocity = np.array([0.0, 0.0, -0.0, -0.0], dtype)
    gradient = np.array([0.0, -0.0, 0.0, -0.0], dtype)
    weight = np.full(4, -0.0, dtype)
    expected = reference(weight, gradient, velocity)
    update(weight, gradient, velocity)
    assert [bits(weight), bits(velocity)] == [bits(array) for array in expected]


# 0.1 in float64 times 3 is not what 0.1 in float32 times 3 is.
def test_rate_and_momentum_are_rounded_to_the_type_of_the_arrays():
    weight, gradient, velocity = np.zeros((3, 1), "float32")
    gradient[0], velocity[0] = 3, 7
    expected = np.float32(7) * np.float32(0.9) - np.float32(3) * np.float32(0.1)
    update(weight, gradient, velocity)
    assert velocity[0] == expected


# Keras's optimizer for torch adds -rate * gradient in one operation, which is rounded
# once where the processor can (FMA); the product of a power of two needs no rounding,
# so that once and twice are the same. The rate of 0.1 below shows the difference.
@pytest.mark.parametrize("size", [1, 33, 1000])
def test_five_updates_equal_those_of_keras(size):
    weight, *_ = arrays(size, "float32")
    found, expected = five_updates(weight, 0.125)
    assert np.array_equal(found, expected)


# An update by FMA differs by the rounding of rate * gradient, below 1 for these
# gradients, and by that of what comes after: at most three roundings of numbers below
# 8, each half of 2**-21, in each of five updates, and up to five times in the weight
# since the velocity is kept. Elsewhere, outside of a compiled step, nothing is fused.
@pytest.mark.parametrize("size", [1, 33, 1000])
def test_five_updates_at_0_1_equal_those_of_keras_but_for_the_rounding_of_torch(size):
    weight, *_ = arrays(size, "float32")
    found, expected = five_updates(weight, 0.1)
    tolerance = 5 * 5 * 3 * 2**-22 if BACKEND == "torch" else 0.0
    assert np.abs(found - expected).max() <= tolerance


def five_updates(start, rate):
    """Return a weight after five updates by this and by Keras's optimizer."""
    gradients = arrays(start.shape, "float32", count=5)
    variable = keras.Variable(start)
    optimizer = keras.optimizers.SGD(rate, momentum=MOMENTUM)
    optimizer.build([variable])
    weight, velocity = start.copy(), np.zeros_like(start)
    for gradient in gradients:
        optimizer.apply([keras.ops.convert_to_tensor(gradient)], [variable])
        momentum_update(
            weight, gradient, velocity, learning_rate=rate, momentum=MOMENTUM
        )
    return weight, keras.ops.convert_to_numpy(variable.value)


def whole(message):
    return f"^{re.escape(message)}$"


def three(**changes):
    """Return a weight, a gradient and a velocity of 6 float32, but for the changes."""
    names = ("weight", "gradient", "velocity")
    return {**{name: np.ones(6, "float32") for name in names}, **changes}


def read_only(shape=6):
    array = np.ones(shape, "float32")
    array.flags.writeable = False
    return array


def message(argument, requirement, received):
    return (
        f"Argument `{argument}` of momentum_update must be {requirement}. "
        f"Received: {argument}={received}"
    )


LINE = np.arange(18, dtype="float32")
TYPES = "a float32 or float64 array"
SHARED = "Arguments of momentum_update must not share memory"

REFUSED = {
    "gradient-shape": (
        three(gradient=np.ones(5, "float32")),
        message("gradient", "of the shape of `weight`", "shape (5,)"),
    ),
    "velocity-shape": (
        three(velocity=np.ones((6, 1), "float32")),
        message("velocity", "of the shape of `weight`", "shape (6, 1)"),
    ),
    "same-size-in-another-shape": (
        three(gradient=np.ones((2, 3), "float32")),
        message("gradient", "of the shape of `weight`", "shape (2, 3)"),
    ),
    "weight-float16": (
        three(weight=np.ones(6, "float16")),
        message("weight", TYPES, "an array of float16"),
    ),
    "gradient-int32": (
        three(gradient=np.ones(6, "int32")),
        message("gradient", TYPES, "an array of int32"),
    ),
    "velocity-complex64": (
        three(velocity=np.ones(6, "complex64")),
        message("velocity", TYPES, "an array of complex64"),
    ),
    "gradient-of-swapped-bytes": (
        three(gradient=np.ones(6, np.dtype("float32").newbyteorder())),
        message("gradient", TYPES, f"an array of {np.dtype('float32').newbyteorder()}"),
    ),
    "gradient-type-differs": (
        three(gradient=np.ones(6, "float64")),
        message("gradient", "of the type of `weight`", "an array of float64"),
    ),
    "velocity-type-differs": (
        three(velocity=np.ones(6, "float64")),
        message("velocity", "of the type of `weight`", "an array of float64"),
    ),
    "weight-strides": (
        three(weight=np.ones(12, "float32")[::2]),
        message("weight", "a contiguous array", "an array with strides"),
    ),
    "gradient-backwards": (
        three(gradient=np.ones(6, "float32")[::-1]),
        message("gradient", "a contiguous array", "an array with strides"),
    ),
    "velocity-strides": (
        three(velocity=np.ones((6, 2), "float32")[:, 0]),
        message("velocity", "a contiguous array", "an array with strides"),
    ),
    "gradient-broadcast": (
        three(gradient=np.broadcast_to(np.float32(1), 6)),
        message("gradient", "a contiguous array", "an array with strides"),
    ),
    "columns-first": (
        {name: np.ones((2, 3), "float32", order="F") for name in three()},
        message("weight", "a contiguous array", "an array with strides"),
    ),
    "gradient-unaligned": (
        three(gradient=np.frombuffer(bytes(25), "float32", 6, offset=1)),
        message(
            "gradient", "an aligned array", "an array between its type's addresses"
        ),
    ),
    "weight-read-only": (
        three(weight=read_only()),
        message("weight", "a writeable array", "a read-only array"),
    ),
    "velocity-read-only": (
        three(velocity=read_only()),
        message("velocity", "a writeable array", "a read-only array"),
    ),
    "weight-is-gradient": (three(weight=LINE[:6], gradient=LINE[:6]), SHARED),
    "weight-is-velocity": (three(weight=LINE[:6], velocity=LINE[:6]), SHARED),
    "gradient-is-velocity": (three(gradient=LINE[:6], velocity=LINE[:6]), SHARED),
    "weight-ends-in-gradient": (three(weight=LINE[:6], gradient=LINE[5:11]), SHARED),
    "gradient-ends-in-weight": (three(weight=LINE[5:11], gradient=LINE[:6]), SHARED),
    "weight-ends-in-velocity": (three(weight=LINE[:6], velocity=LINE[5:11]), SHARED),
    "velocity-ends-in-gradient": (
        three(gradient=LINE[5:11], velocity=LINE[:6]),
        SHARED,
    ),
}


@pytest.mark.parametrize(("given", "text"), REFUSED.values(), ids=REFUSED)
def test_an_array_that_does_not_fit_is_refused(given, text):
    with pytest.raises(ValueError, match=whole(text)):
        update(**given)


@pytest.mark.parametrize(("given", "text"), REFUSED.values(), ids=REFUSED)
def test_a_refused_call_writes_nothing(given, text):
    before = {name: bits(array) for name, array in given.items()}
    with pytest.raises(ValueError, match=whole(text)):
        update(**given)
    assert {name: bits(array) for name, array in given.items()} == before


@pytest.mark.parametrize("name", ["weight", "gradient", "velocity"])
@pytest.mark.parametrize("value", [[1.0] * 6, np.float32(1), None], ids=repr)
def test_what_is_not_an_array_is_refused(value, name):
    with pytest.raises(TypeError, match="incompatible function arguments"):
        update(**three(**{name: value}))


def test_a_gradient_that_may_not_be_written_is_read():
    given = three(gradient=read_only())
    expected, _ = reference(**given)
    update(**given)
    assert np.array_equal(given["weight"], expected)


# The last byte of one array is just before the first of the next.
@pytest.mark.parametrize("order", [(0, 1, 2), (0, 2, 1), (1, 0, 2), (2, 1, 0)], ids=str)
def test_neighbours_in_one_buffer_do_not_share_memory(order):
    buffer = np.linspace(-1, 1, 18, dtype="float32")
    weight, gradient, velocity = (buffer[6 * n : 6 * n + 6] for n in order)
    expected, _ = reference(weight, gradient, velocity)
    update(weight, gradient, velocity)
    assert np.array_equal(weight, expected)
