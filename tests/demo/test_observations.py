"""The demo's observation on each epoch, and the JSON of its trace."""

import dataclasses
import json
import math

import pytest

from kerasched.demo.trace import Epoch
from kerasched.demo.trace import Reloaded
from kerasched.demo.trace import Scores
from kerasched.demo.trace import Stage
from kerasched.demo.trace import Trace
from kerasched.demo.trace import observe

pytestmark = pytest.mark.host

NOT_FINITE = "The loss is not finite: the rate is too high."
FAITHFUL = Reloaded(
    path="model.keras",
    predictions_equal=True,
    schedule_equal=True,
    iterations_saved=90,
    iterations_loaded=90,
    next_learning_rate=0.0125,
    next_learning_rate_expected=0.0125,
    iterations_after_next_step=91,
)


@pytest.mark.parametrize(
    ("losses", "rates", "sentence"),
    [
        pytest.param(
            [0.7],
            [0.1],
            "First epoch: nothing to compare with.",
            id="first",
        ),
        pytest.param([math.nan], [0.1], NOT_FINITE, id="first-nan"),
        # (0.75 - 1) / 1 = -0.25
        pytest.param([1.0, 0.75], [0.1, 0.1], "The loss fell by 25%.", id="fell"),
        # (0.75 - 0.5) / 0.5 = 0.5
        pytest.param(
            [0.5, 0.75],
            [0.1, 0.1],
            "The loss rose by 50%: the rate may be too high.",
            id="rose",
        ),
        # (127 - 128) / 128 = -0.0078, less than 0.01
        pytest.param(
            [128.0, 127.0],
            [0.1, 0.1],
            "Plateau: the loss changed by less than 1%.",
            id="plateau-falling",
        ),
        pytest.param(
            [128.0, 129.0],
            [0.1, 0.1],
            "Plateau: the loss changed by less than 1%.",
            id="plateau-rising",
        ),
        # (99 - 100) / 100 = -0.01, not less than 0.01
        pytest.param(
            [100.0, 99.0], [0.1, 0.1], "The loss fell by 1%.", id="fell-by-just-1%"
        ),
        pytest.param(
            [1.0, 0.75],
            [0.1, 0.05],
            "The loss fell by 25%; the rate was lowered.",
            id="fell-lowered",
        ),
        pytest.param(
            [1.0, 0.75],
            [0.05, 0.1],
            "The loss fell by 25%; the rate was raised.",
            id="fell-raised",
        ),
        pytest.param(
            [0.5, 0.75],
            [0.05, 0.1],
            "The loss rose by 50%: the rate may be too high; the rate was raised.",
            id="rose-raised",
        ),
        pytest.param(
            [128.0, 127.0],
            [0.1, 0.05],
            "Plateau: the loss changed by less than 1%; the rate was lowered.",
            id="plateau-lowered",
        ),
        # Only the last two epochs count: 1 -> 0.5 with the same rate.
        pytest.param(
            [9.0, 1.0, 0.5], [0.2, 0.1, 0.1], "The loss fell by 50%.", id="last-two"
        ),
        pytest.param(
            [0.0, 0.0],
            [0.1, 0.1],
            "Plateau: the loss changed by less than 1%.",
            id="stays-0",
        ),
        pytest.param([0.7, math.nan], [0.1, 0.1], NOT_FINITE, id="nan"),
        pytest.param([0.7, math.inf], [0.1, 0.05], NOT_FINITE, id="inf"),
        pytest.param([math.nan, math.nan], [0.1, 0.1], NOT_FINITE, id="nan-again"),
        pytest.param(
            [math.nan, 0.7],
            [0.1, 0.05],
            "The loss is finite again.",
            id="back-from-nan",
        ),
        pytest.param(
            [math.inf, 0.7],
            [0.1, 0.1],
            "The loss is finite again.",
            id="back-from-inf",
        ),
    ],
)
def test_an_epoch_is_compared_with_the_one_before(losses, rates, sentence):
    assert observe(losses, rates) == sentence


def full_trace(**changes):
    trace = Trace(
        backend="jax",
        source="table.csv",
        classes=("no", "yes"),
        steps_per_epoch=1,
        stages=[Stage("data", (2, 1), (0.5,), "table.csv")],
        epochs=[Epoch(1, 0.1, 0.7, 0.5, "First")],
        step_learning_rates=[0.1],
        step_losses=[0.7],
        training=Scores(2, 0.6, 0.5),
        held_out=Scores(1, 0.8, 0.0),
        reloaded=FAITHFUL,
    )
    return dataclasses.replace(trace, **changes)


def test_a_finite_trace_keeps_its_numbers_in_json():
    assert full_trace().to_json() == {
        "backend": "jax",
        "source": "table.csv",
        "classes": ["no", "yes"],
        "steps_per_epoch": 1,
        "stages": [
            {"name": "data", "shape": [2, 1], "sample": [0.5], "note": "table.csv"}
        ],
        "epochs": [
            {
                "epoch": 1,
                "learning_rate": 0.1,
                "loss": 0.7,
                "accuracy": 0.5,
                "observation": "First",
            }
        ],
        "step_learning_rates": [0.1],
        "step_losses": [0.7],
        "training": {"rows": 2, "loss": 0.6, "accuracy": 0.5},
        "held_out": {"rows": 1, "loss": 0.8, "accuracy": 0.0},
        "reloaded": dataclasses.asdict(FAITHFUL),
    }


def test_a_trace_without_results_has_null_values():
    trace = Trace("jax", "table.csv", ("no", "yes")).to_json()
    assert [trace["training"], trace["held_out"], trace["reloaded"]] == [None] * 3


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_step_loss_that_is_not_finite_becomes_null(value):
    trace = full_trace(step_losses=[0.7, value, 0.6])
    assert trace.to_json()["step_losses"] == [0.7, None, 0.6]


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_value_that_is_not_finite_becomes_null_at_any_depth(value):
    trace = full_trace(
        stages=[Stage("prediction", (1, 1), (value,))],
        epochs=[Epoch(1, 0.1, value, 0.5, "First")],
        training=Scores(2, value, 0.5),
    ).to_json()
    found = [
        trace["stages"][0]["sample"][0],
        trace["epochs"][0]["loss"],
        trace["training"]["loss"],
    ]
    assert found == [None, None, None]


def test_the_json_of_a_diverged_trace_is_strict_json():
    trace = full_trace(
        step_losses=[math.nan, math.inf], held_out=Scores(1, math.nan, 0)
    )
    json.dumps(trace.to_json(), allow_nan=False)


def test_a_restored_model_is_faithful():
    assert FAITHFUL.faithful is True


# The rate of a step in float32 is within 5e-6 of the float64 rate.
@pytest.mark.parametrize("rate", [0.0125 * (1 + 4e-6), 0.0125 * (1 - 4e-6)])
def test_a_rate_within_float32_rounding_is_faithful(rate):
    assert dataclasses.replace(FAITHFUL, next_learning_rate=rate).faithful is True


@pytest.mark.parametrize(
    "fact",
    [
        {"predictions_equal": False},
        {"schedule_equal": False},
        {"iterations_loaded": 89},
        {"iterations_loaded": 91},
        {"next_learning_rate": 0.025},
        {"next_learning_rate": 0.00625},
        {"next_learning_rate": 0.0125 * (1 + 6e-6)},
        {"next_learning_rate": 0.0125 * (1 - 6e-6)},
        {"next_learning_rate": math.nan},
        {"iterations_after_next_step": 90},
        {"iterations_after_next_step": 92},
    ],
    ids=lambda fact: "-".join(f"{name}={value}" for name, value in fact.items()),
)
def test_a_model_with_one_difference_is_not_faithful(fact):
    assert dataclasses.replace(FAITHFUL, **fact).faithful is False
