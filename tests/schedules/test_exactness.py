"""Calls on the backend agree with `evaluate` for steps up to 2**31 - 1."""

import keras
import numpy as np
import pytest
from keras import ops
from support import BACKEND
from support import SCHEDULES
from support import STEPS
from support import TORCH_NOTE
from support import compiled_calls
from support import steps_of
from support import tolerance

from kerasched import Constant
from kerasched import CosineDecay
from kerasched import ExponentialDecay
from kerasched import PiecewiseConstant
from kerasched import StepDecay

FAR = [*(2**24 + np.arange(10)), 2**31 - 2]

by_name = pytest.mark.parametrize("name", SCHEDULES)


# One array of steps for all schedules, so that operations compile for one shape only.
EVERY_STEP = np.unique(np.concatenate([steps_of(s) for s in SCHEDULES.values()]))


def assert_close(schedule, called):
    error = np.abs(ops.convert_to_numpy(called) - schedule.evaluate(EVERY_STEP))
    error /= tolerance(schedule, EVERY_STEP)
    worst = int(np.argmax(error))
    assert error[worst] <= 1.0, (EVERY_STEP[worst], error[worst])


@by_name
def test_call_agrees_with_evaluate(name):
    assert_close(SCHEDULES[name], SCHEDULES[name](ops.convert_to_tensor(EVERY_STEP)))


@pytest.fixture(scope="module")
def compiled():
    """The outputs of one function that calls all schedules, for each compiler."""

    def everything(step):
        return [schedule(step) for schedule in SCHEDULES.values()]

    return {
        way: dict(zip(SCHEDULES, call(ops.convert_to_tensor(EVERY_STEP)), strict=True))
        for way, call in compiled_calls(everything).items()
    }


@by_name
@pytest.mark.filterwarnings(TORCH_NOTE)
def test_compiled_call_agrees_with_evaluate(name, compiled):
    for found in compiled.values():
        assert_close(SCHEDULES[name], found[name])


@by_name
def test_scalar_call_agrees_with_array_call(name):
    schedule = SCHEDULES[name]
    steps = steps_of(schedule)[::18]
    called = [float(schedule(ops.convert_to_tensor(step))) for step in steps]
    at_once = ops.convert_to_numpy(schedule(ops.convert_to_tensor(EVERY_STEP)))
    at_once = at_once[np.searchsorted(EVERY_STEP, steps)]
    # The sine or exponential of a vector may differ from a scalar's in the last place.
    np.testing.assert_allclose(called, at_once, rtol=1e-6, atol=1e-12)


@pytest.mark.filterwarnings(TORCH_NOTE)
@pytest.mark.parametrize("step", FAR)
def test_step_decay_is_exact_past_2_to_the_24(step):
    # A wrong index would change the rate by 1e-5 at 2**24, which has 5.6 million
    # indices, and by 1e-8 for 7e8 indices. The expected rate uses Python's integers.
    rate = 1 - 1e-5 if step < 2**30 else 1 - 1e-8
    expected = rate ** (int(step) // 3)
    schedule = StepDecay(1.0, decay_steps=3, decay_rate=rate)
    for name, call in {"eager": schedule, **compiled_calls(schedule)}.items():
        value = float(call(ops.convert_to_tensor(np.int32(step))))
        assert abs(value - expected) <= 4e-6 * expected, name
    assert abs(schedule.evaluate(step) - expected) <= 1e-9 * expected


@pytest.mark.filterwarnings(TORCH_NOTE)
@pytest.mark.parametrize("step", FAR)
def test_the_index_of_a_staircase_is_exact(step):
    # The rate jumps by a factor of 1e6 at exactly this step, which float32 cannot
    # represent.
    boundary = int(step)
    schedule = PiecewiseConstant([boundary], [1.0, 1e-6])
    around = np.array([boundary - 1, boundary, boundary + 1], "int32")
    for call in (schedule, *compiled_calls(schedule).values()):
        values = ops.convert_to_numpy(call(ops.convert_to_tensor(around)))
        np.testing.assert_array_equal(values, np.array([1.0, 1e-6, 1e-6], "float32"))


def test_the_last_possible_step_does_not_overflow():
    schedule = ExponentialDecay(1.0, 2**31 - 1, 0.5)
    assert float(schedule(2**31 - 1)) == pytest.approx(0.5, rel=1e-6)
    assert schedule.shift(1000).evaluate(2**31 - 1) == 0.5


def test_long_decays_keep_their_accuracy():
    schedule = ExponentialDecay(1.0, 1, 1 - 1e-9)
    step = 2**31 - 1
    assert float(schedule(step)) == pytest.approx(schedule.evaluate(step), rel=2e-6)


@pytest.mark.parametrize("shape", [(), (1,), (0,), (2, 3)])
def test_results_have_the_shape_of_the_steps(shape):
    for schedule in (Constant(0.1), StepDecay(0.1, 2), CosineDecay(0.1, 5)):
        steps = np.zeros(shape, "int32")
        assert tuple(schedule(steps).shape) == shape
        assert schedule.evaluate(steps).shape == shape
        assert schedule.evaluate(steps).dtype == "float64"


def test_results_are_float32_tensors_of_the_backend():
    for schedule in (Constant(0.1), StepDecay(0.1, 2)):
        value = schedule(3)
        assert ops.is_tensor(value)
        assert keras.backend.standardize_dtype(value.dtype) == "float32"


@pytest.mark.parametrize(
    "floatx", [pytest.param("float16", marks=pytest.mark.slow), "bfloat16"]
)
def test_results_are_float32_under_a_half_floatx(floatx):
    steps = np.array([5, 2**24 + 1])
    before = keras.config.floatx()
    keras.config.set_floatx(floatx)
    try:
        for schedule in SCHEDULES.values():
            value = schedule(steps)
            assert keras.backend.standardize_dtype(value.dtype) == "float32"
            expected, within = schedule.evaluate(steps), tolerance(schedule, steps)
            difference = keras.ops.convert_to_numpy(value) - expected
            assert (abs(difference) <= within).all(), schedule
    finally:
        keras.config.set_floatx(before)


@pytest.mark.skipif(
    BACKEND == "jax", reason="JAX has float64 only under jax_enable_x64"
)
def test_results_are_float64_if_floatx_is():
    schedule = CosineDecay(0.1, 7, 0.01)
    keras.config.set_floatx("float64")
    try:
        value = schedule(ops.convert_to_tensor(np.int32(3)))
        assert keras.backend.standardize_dtype(value.dtype) == "float64"
        assert float(value) == pytest.approx(schedule.evaluate(3), rel=1e-15)
    finally:
        keras.config.set_floatx("float32")


STEPS_OF_MANY_KINDS = [
    7,
    np.int64(7),
    np.uint8(7),
    np.array(7, "int16"),
    7.0,
    7.9,
    np.float32(7.5),
]


@pytest.mark.parametrize("step", STEPS_OF_MANY_KINDS, ids=repr)
def test_a_step_may_be_any_real_number_and_is_rounded_down(step):
    schedule = PiecewiseConstant([7, 8], [0.1, 0.2, 0.3])
    assert float(schedule(step)) == np.float32(0.2)
    assert schedule.evaluate(step) == 0.2


@pytest.mark.parametrize(
    "dtype", ["int8", "uint8", "int16", "int32", "int64", "uint32", "float32"]
)
def test_a_step_may_be_a_tensor_of_any_type(dtype):
    schedule = PiecewiseConstant([7, 1000], [0.1, 0.2, 0.3])
    if (BACKEND, dtype) == ("jax", "int64"):
        dtype = "int32"  # JAX supports 64 bits only with jax_enable_x64.
    steps = ops.cast(ops.convert_to_tensor(np.array([6, 7, 8], "int32")), dtype)
    expected = np.array([0.1, 0.2, 0.2], "float32")
    np.testing.assert_array_equal(ops.convert_to_numpy(schedule(steps)), expected)


def test_a_step_may_be_a_variable():
    variable = keras.Variable(7, dtype="int32", trainable=False)
    schedule = PiecewiseConstant([7], [0.1, 0.2])
    assert float(schedule(variable)) == np.float32(0.2)


def test_a_negative_step_counts_as_zero():
    schedule = StepDecay(0.1, 2)
    assert schedule.evaluate([-1, -(2**31)]).tolist() == [0.1, 0.1]
    steps = ops.convert_to_tensor(np.array([-1, -(2**31)], "int32"))
    expected = np.full(2, 0.1, "float32")
    np.testing.assert_array_equal(ops.convert_to_numpy(schedule(steps)), expected)


@pytest.mark.parametrize("step", [2**31, 2.0**31, np.uint32(2**31), np.array([2**40])])
def test_a_step_past_31_bits_raises(step):
    message = "Argument `step` of a schedule must be a number of at most 2147483647"
    with pytest.raises(ValueError, match=message):
        StepDecay(0.1, 2)(step)
    with pytest.raises(ValueError, match=message):
        StepDecay(0.1, 2).evaluate(step)


def test_a_step_that_is_not_a_number_raises():
    with pytest.raises(ValueError, match="Argument `step` of a schedule"):
        StepDecay(0.1, 2).evaluate(float("nan"))
    with pytest.raises(TypeError, match="Argument `step` of a schedule"):
        StepDecay(0.1, 2).evaluate("7")


@by_name
def test_evaluate_does_not_use_the_backend(name, monkeypatch):
    def fail(*args, **kwargs):
        raise AssertionError("the backend was called")

    for function in ("convert_to_tensor", "cast", "where", "exp", "sin", "maximum"):
        monkeypatch.setattr(ops, function, fail)
    assert np.all(np.isfinite(SCHEDULES[name].evaluate(STEPS)))


@by_name
def test_values_are_finite_and_not_negative(name):
    values = SCHEDULES[name].evaluate(STEPS[STEPS < 10_000])
    assert np.all(np.isfinite(values))
    assert np.all(values >= 0.0)


@by_name
def test_values_do_not_change_from_constant_after_on(name):
    schedule = SCHEDULES[name]
    end = schedule.constant_after
    if end is None:
        assert len(np.unique(schedule.evaluate(STEPS))) > 5
        return
    values = schedule.evaluate(np.minimum(end + STEPS, 2**31 - 1))
    np.testing.assert_array_equal(values, values[0])


def test_a_rate_below_the_normal_numbers_is_0_on_the_host():
    falling = ExponentialDecay(1.0, 10, 0.5)
    # 708 / ln(2) is 1021.4 periods.
    steps = [10_000, 10_210, 10_220, 10_740, 2**31 - 1]
    assert falling.evaluate(steps).tolist() == [2.0**-1000, 2.0**-1021, 0.0, 0.0, 0.0]
    assert falling.evaluate(10_212) == pytest.approx(2.0**-1021.2, rel=1e-12)


def test_both_array_namespaces_have_the_same_names():
    from kerasched.schedules.host_math import HostMath
    from kerasched.schedules.step_math import StepMath

    host = {name for name in vars(HostMath) if not name.startswith("_")}
    step = {name for name in vars(StepMath) if not name.startswith("_")}
    assert host == step
