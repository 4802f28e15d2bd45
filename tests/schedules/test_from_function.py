"""FromFunction saves the registered name of a function and not its code."""

import json

import keras
import numpy as np
import pytest
from support import BACKEND
from support import compiled_calls

from kerasched import FromFunction
from kerasched import Repeat
from kerasched import Warmup


@keras.saving.register_keras_serializable("test_from_function")
def halved(step):
    return 0.4 * 0.5**step


@keras.saving.register_keras_serializable("test_from_function")
def always(step):
    return 0.25


SCHEDULE = FromFunction(halved)


def test_the_config_contains_only_the_name():
    config = json.loads(json.dumps(SCHEDULE.get_config()))
    assert config == {"function": "test_from_function>halved", "name": None}
    assert FromFunction.from_config(config) == SCHEDULE


def test_evaluate_calls_the_function_in_float64():
    assert SCHEDULE.evaluate([0, 1, 3]).tolist() == [0.4, 0.2, 0.05]


def test_the_function_receives_the_step_as_a_float32_tensor():
    for call in [SCHEDULE, *compiled_calls(SCHEDULE).values()]:
        rate = call(keras.ops.convert_to_tensor(3, "int32"))
        assert keras.backend.standardize_dtype(rate.dtype) == "float32"
        assert float(rate) == pytest.approx(0.05, rel=1e-6)


def test_the_function_is_called_for_each_item_of_an_array():
    rates = keras.ops.convert_to_numpy(SCHEDULE(np.array([[0, 1], [2, 3]])))
    np.testing.assert_allclose(rates, [[0.4, 0.2], [0.1, 0.05]], rtol=1e-6)


CALLS = []


@keras.saving.register_keras_serializable("test_from_function")
def counted(step):
    CALLS.append(step)
    return 0.25


def test_a_scalar_step_needs_no_loop(monkeypatch):
    monkeypatch.setattr("kerasched.schedules.step_math.ops.map", None)
    assert float(FromFunction(always)(3)) == 0.25


@pytest.mark.parametrize(
    "around",
    [
        lambda schedule: Repeat(schedule, 3, cycle_limit=2),
        lambda schedule: Warmup(schedule, 3, 0.01),
        lambda schedule: Warmup(schedule, 3, 0.01, "exponential"),
    ],
    ids=["repeat", "warmup", "exponential"],
)
def test_an_outer_schedule_calls_the_inner_one_once(around):
    schedule = FromFunction(counted)
    for _ in range(6):
        schedule = around(schedule)
    CALLS.clear()
    schedule(1)
    assert len(CALLS) == 1


def test_an_exponential_ramp_leads_to_the_value_of_a_function():
    schedule = Warmup(FromFunction(always), 2, 0.01, "exponential")
    assert schedule.evaluate([0, 1, 2]).tolist() == pytest.approx([0.01, 0.05, 0.25])
    for call in [schedule, *compiled_calls(schedule).values()]:
        rates = [float(call(keras.ops.convert_to_tensor(i, "int32"))) for i in range(3)]
        assert rates == pytest.approx([0.01, 0.05, 0.25], rel=1e-6)


def test_a_function_may_return_a_plain_number():
    for call in [FromFunction(always), *compiled_calls(FromFunction(always)).values()]:
        assert float(call(keras.ops.convert_to_tensor(3, "int32"))) == 0.25


def test_a_tree_with_a_function_is_not_exact():
    assert not SCHEDULE.exact
    assert not Warmup(SCHEDULE, 3).exact
    assert Warmup(SCHEDULE, 4).evaluate([0, 2, 5]).tolist() == pytest.approx(
        [0.0, 0.2, 0.2]
    )


@pytest.mark.skipif(BACKEND != "jax", reason="optax needs JAX")
def test_a_schedule_can_be_used_in_optax():
    import jax
    import jax.numpy as jnp
    import optax

    from kerasched import StepDecay

    optimizer = optax.sgd(StepDecay(0.5, 2))
    weights, gradient = jnp.zeros(()), jnp.ones(())
    state, changes = optimizer.init(weights), []
    for _ in range(5):
        update, state = jax.jit(optimizer.update)(gradient, state, weights)
        changes.append(-float(update))
    assert changes == [0.5, 0.5, 0.25, 0.25, 0.125]
