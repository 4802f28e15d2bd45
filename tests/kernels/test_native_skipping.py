"""The compiled update skips a step with a non-finite gradient."""

import numpy as np
import pytest

from kerasched.kernels.options import Options
from kernels.arrays import DTYPES
from kernels.arrays import all_bits
from kernels.arrays import drawn
from kernels.arrays import needs_extension
from kernels.arrays import scalars
from kernels.arrays import special
from kernels.arrays import update
from kernels.expected import expected

pytestmark = [needs_extension, pytest.mark.host]
each_dtype = pytest.mark.parametrize("dtype", DTYPES, ids=str)
MOMENTUM = {"rule": "sgd_momentum", "unscales": True, "skips_nonfinite": True}
OPTIONS = {
    "momentum": {},
    "norm": {"clipnorm": 0.5},
    "global norm": {"global_clipnorm": 0.5},
    "sum": {"gradient_accumulation_steps": 2, "use_ema": True, "ema_momentum": 0.5},
    "sum and norm": {"gradient_accumulation_steps": 2, "global_clipnorm": 0.5},
}
each_option = pytest.mark.parametrize("more", OPTIONS.values(), ids=OPTIONS)
SHAPES = [(3,), (0,), (9000,), ()]


def run(options, arrays, gradients, iterations=1):
    """Run a step on arrays in place, and return whether it was not skipped."""
    numbers = scalars(options.rule, iterations=iterations, loss_scale=8.0)
    return update(options, arrays, gradients, numbers)


@each_dtype
@each_option
@pytest.mark.parametrize("iterations", [0, 1])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_one_non_finite_number_skips_the_step(value, iterations, more, dtype):
    options = Options(**MOMENTUM, **more)
    places = [(0, 0), (0, 2), (2, 0), (2, 4095), (2, 4096), (2, 8999), (3, 0)]
    for tensor, index in places:
        arrays, gradients = drawn(options, SHAPES, dtype)
        before = all_bits(arrays)
        gradients[tensor].reshape(-1)[index] = value
        assert not run(options, arrays, gradients, iterations)
        assert all_bits(arrays) == before


@each_dtype
@each_option
@pytest.mark.parametrize("iterations", [0, 1])
def test_a_finite_step_equals_one_without_the_check(iterations, more, dtype):
    options = Options(**MOMENTUM, **more)
    arrays, gradients = drawn(options, SHAPES, dtype)
    numbers = scalars(options.rule, iterations=iterations, loss_scale=8.0)
    right = expected(options, arrays, gradients, numbers)
    assert run(options, arrays, gradients, iterations)
    for found, wanted in zip(arrays.flat(), right.flat(), strict=True):
        # The kernel sums a norm in a different order than NumPy.
        rough = {2: 2e-2, 4: 1e-5, 8: 1e-13}[dtype.itemsize]
        np.testing.assert_allclose(
            found.astype("float64"), wanted.astype("float64"), rough, rough
        )


@each_dtype
@each_option
def test_the_largest_and_the_smallest_numbers_count_as_finite(more, dtype):
    options = Options(**MOMENTUM, **more)
    arrays, gradients = drawn(options, [(33,)], dtype)
    numbers = special(dtype)
    gradients[0] = np.where(np.isfinite(numbers), numbers, dtype.type(0))
    before = all_bits(arrays)
    assert run(options, arrays, gradients)
    assert all_bits(arrays) != before


@each_dtype
def test_without_the_option_no_step_is_skipped(dtype):
    options = Options("sgd_momentum")
    arrays, gradients = drawn(options, [(33,)], dtype)
    gradients[0] = np.full(33, np.inf, dtype)
    assert run(options, arrays, gradients)
    assert np.isinf(arrays.weights[0].astype("float64")).all()


# Large enough for chunks of several blocks.
@each_dtype
def test_every_number_of_a_long_tensor_is_checked(dtype):
    options = Options(**MOMENTUM)
    arrays, gradients = drawn(options, [(300_000,)], dtype)
    edges = [at + off for at in range(0, 300_000, 1024) for off in (-1, 0)]
    for index in (*edges[1:], *range(9000, 9400), 123_457, 299_999):
        gradients[0][index] = np.inf
        assert not run(options, arrays, gradients)
        gradients[0][index] = 0
    assert run(options, arrays, gradients)


@each_dtype
def test_each_number_of_a_long_tensor_is_in_its_norm(dtype):
    options = Options(global_clipnorm=1.0)
    for index in (0, 1023, 1024, 4095, 4096, 8191, 8192, 9374, 9375, 20_000, 299_999):
        arrays, gradients = drawn(options, [(300_000,)], dtype)
        arrays.weights[0][:] = gradients[0][:] = 0
        gradients[0][index] = 1024
        assert update(options, arrays, gradients, scalars(learning_rate=1.0))
        assert arrays.weights[0][index] == -1
