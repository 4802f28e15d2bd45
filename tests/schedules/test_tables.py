"""Long tables are looked up, so a compiled step does not grow with the table."""

import keras
import numpy as np
import pytest
from ops import operations
from support import TORCH_NOTE
from support import compiled_calls

from kerasched import MultiStepDecay
from kerasched import PiecewiseConstant
from kerasched import PiecewiseInterpolation
from kerasched import Schedule
from kerasched.errors import MAX_STEP
from kerasched.schedules.step_math import FEW

# torch.compile guards each number of a tuple, which takes minutes for hundreds.
MANY = 2 * FEW if keras.backend.backend() == "torch" else 5000


def pieces(count):
    values = [0.1 + 0.001 * (i * 7 % 13) for i in range(count)]
    return PiecewiseConstant(range(10, 10 * count, 10), values)


def milestones(count):
    return MultiStepDecay(0.1, range(10, 10 * count, 10), 0.999)


def points(count, shape="linear"):
    values = [0.1 + 0.001 * (i * 7 % 13) for i in range(count)]
    return PiecewiseInterpolation([7.5 * i for i in range(count)], values, shape)


KINDS = {
    "pieces": pieces,
    "milestones": milestones,
    "lines": points,
    "waves": lambda count: points(count, "cosine"),
}


@pytest.mark.filterwarnings(TORCH_NOTE)
@pytest.mark.parametrize("kind", KINDS)
def test_a_compiled_step_does_not_grow_with_the_table(kind):
    few, many = operations(KINDS[kind](FEW + 4)), operations(KINDS[kind](MANY))
    assert many == few
    assert 3 <= many < 150


@pytest.mark.filterwarnings(TORCH_NOTE)
def test_operations_are_counted():
    class Mine(Schedule):
        count: int

        def value(self, step, xp):
            rate = xp.real(step)
            for _ in range(self.count):
                rate = xp.sin(rate) + 0.5
            return rate

    assert operations(Mine(9)) - operations(Mine(5)) >= 4


@pytest.mark.filterwarnings(TORCH_NOTE)
@pytest.mark.parametrize("dtype", ["int32", "int64"])
def test_boundaries_of_a_long_table_are_exact(dtype):
    if (keras.backend.backend(), dtype) == ("jax", "int64"):
        pytest.skip("JAX has 64 bits only under jax_enable_x64")
    boundaries = np.sort([*range(5, 105, 5), 2**24 + 1, 2**30 + 1, MAX_STEP - 1])
    values = [1.0 + i for i in range(len(boundaries) + 1)]
    schedule = PiecewiseConstant(boundaries, values)
    steps = np.add.outer(boundaries, [-1, 0, 1])
    expected = np.add.outer(np.arange(1.0, len(values)), [0, 1, 1])
    np.testing.assert_array_equal(schedule.evaluate(steps), expected)
    for call in (schedule, *compiled_calls(lambda step: schedule(step)).values()):
        rates = call(keras.ops.convert_to_tensor(steps, dtype))
        np.testing.assert_array_equal(keras.ops.convert_to_numpy(rates), expected)
        one = call(keras.ops.convert_to_tensor(int(steps[-1, 1]), dtype))
        assert float(one) == expected[-1, 1]


@pytest.mark.parametrize("shape", ["linear", "cosine"])
def test_a_segment_of_a_table_equals_that_of_its_two_points(shape):
    table = points(50, shape)
    for index in (0, 1, 20, 48):
        places, rates = table.steps[index : index + 2], table.values[index : index + 2]
        alone = PiecewiseInterpolation(places, rates, shape)
        steps = np.arange(np.ceil(places[0]), np.ceil(places[1]))
        np.testing.assert_array_equal(table.evaluate(steps), alone.evaluate(steps))
        called = [keras.ops.convert_to_numpy(s(steps)) for s in (table, alone)]
        # The sines of different vectors may differ in the last place.
        np.testing.assert_allclose(*called, rtol=3e-7)


@pytest.mark.parametrize("more", [0, 40])
@pytest.mark.parametrize("shape", ["linear", "cosine"])
def test_points_closer_than_float32_resolution_give_finite_rates(shape, more):
    # Step 0 has the rate of the first point. From step 1 on the last two points apply.
    places = [0.0, 1e-300, 2.0, *range(10, 10 + more)]
    schedule = PiecewiseInterpolation(places, [0.5, 1.0, 0.25, *[0.25] * more], shape)
    expected = [0.5, 0.625, 0.25]
    steps = np.arange(3)
    np.testing.assert_allclose(schedule.evaluate(steps), expected, rtol=1e-15)
    rates = keras.ops.convert_to_numpy(schedule(steps))
    np.testing.assert_allclose(rates, expected, rtol=1e-6)
