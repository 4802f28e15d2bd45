"""The plateau follows the rules of seven libraries, value by value.

tests/data/plateau.json contains their results for series of a metric: the rate after
each value, or for optax the scale.
"""

import json
from pathlib import Path

import keras
import numpy as np
import pytest

from callbacks.originals import RULES
from kerasched import StepDecay
from kerasched.callbacks import ReduceOnPlateau

TRACES = json.loads(
    (Path(__file__).parents[1] / "data" / "plateau.json").read_text(encoding="utf-8")
)
NOT_OF_THE_RULE = ("lr", "learning_rate", "monitor")

# A rate is stored as float32 and rounded at each change, of which there are up to 40.
ROUNDING = 40 * 2.0**-24


def arguments_of(trace):
    params = trace["params"]
    rule = {name: params[name] for name in params if name not in NOT_OF_THE_RULE}
    return RULES[trace["library"]](**rule)


def rate_of(trace):
    """Return the initial rate, or 1 for the scale of optax."""
    params = trace["params"]
    return params.get("lr", params.get("learning_rate", 1.0))


def metrics_of(trace):
    """Return the metric in the original's precision, which is float32 for optax."""
    return np.array(trace["metrics"], "float64").astype(trace["dtype"])


def name_of(trace):
    params = ",".join(f"{k}={v}" for k, v in trace["params"].items())
    return f"{trace['library']}-{params}-{trace['series']}-{trace['dtype']}"


def model_with(rate, make=keras.optimizers.SGD):
    model = keras.Sequential([keras.layers.Input((1,)), keras.layers.Dense(1)])
    model.compile(make(rate), "mse", jit_compile=False)
    return model


def rates_after(callback, model, metrics):
    """Return the rate after each epoch, for given values of the metric."""
    callback.set_model(model)
    callback.on_train_begin()
    rates = []
    for epoch, value in enumerate(metrics):
        callback.on_epoch_end(epoch, {"loss": float(value)})
        rates.append(float(keras.ops.convert_to_numpy(model.optimizer.learning_rate)))
    return rates


each_trace = pytest.mark.parametrize("trace", TRACES, ids=name_of)


@pytest.mark.filterwarnings("ignore:ReduceOnPlateau compares a negative")
@each_trace
def test_a_number_follows_the_original(trace):
    callback = ReduceOnPlateau("loss", **arguments_of(trace))
    rates = rates_after(callback, model_with(rate_of(trace)), metrics_of(trace))
    np.testing.assert_allclose(rates, trace["values"], rtol=ROUNDING)


@pytest.mark.filterwarnings("ignore:ReduceOnPlateau compares a negative")
@each_trace
def test_a_schedule_is_scaled_as_the_original_scales_its_rate(trace):
    callback = ReduceOnPlateau("loss", **arguments_of(trace))
    model = model_with(StepDecay(rate_of(trace), 1000))
    rates = rates_after(callback, model, metrics_of(trace))
    np.testing.assert_allclose(rates, trace["values"], rtol=ROUNDING)


@pytest.mark.host
@pytest.mark.parametrize("library", RULES)
def test_every_library_has_a_trace_in_which_the_rate_changes(library):
    mine = [trace for trace in TRACES if trace["library"] == library]
    assert any(len(set(trace["values"])) > 2 for trace in mine)


@pytest.mark.host
@each_trace
def test_a_restart_after_any_value_changes_nothing(trace):
    # Only the rule is tested. Its state is saved to JSON after each value.
    rule = ReduceOnPlateau("loss", **arguments_of(trace)).rule
    state, actions = rule.start(), []
    for value in metrics_of(trace):
        state, action = rule.step(json.loads(json.dumps(state)), float(value))
        actions.append(action)
    whole, expected = rule.start(), []
    for value in metrics_of(trace):
        whole, action = rule.step(whole, float(value))
        expected.append(action)
    assert actions == expected
