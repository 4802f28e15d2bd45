"""A corrupted config either raises with the argument's name or gives finite rates."""

import copy
import json
import re

import keras
import numpy as np
import pytest
from drawing import schedules
from hypothesis import HealthCheck
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st
from support import calls_of

import kerasched
from kerasched.errors import MAX_STEP

# Calls use float32 and may compile operations, so only one config in so many is called.
ONE_IN = 25
MOST_CALLS = 2**20  # A limit, as no config may make a schedule hang.


def deep(levels):
    value = 0.1
    for _ in range(levels):
        value = [value]
    return value


INNER = [
    keras.saving.serialize_keras_object(entry.example)
    for entry in kerasched.list_schedules()
]
WRONG = [None, True, False, "", "a", "nan", "1e-3", [], {}, [0.1], [[1]], [None]]
WRONG += [
    deep(120),
    {"config": {}},
    {"class_name": "X", "config": {}},
    {"class_name": 5, "config": 5},
    {"class_name": "__numpy__", "config": {}},
    {"class_name": "Adam", "config": {}},
]
NUMBERS = [0, 1, -1, 2, 0.5, -0.5, float("nan"), float("inf"), -float("inf")]
NUMBERS += [1e39, 3.4e38, -3.4e38, 1.7e308, 1e19, 1e-30, 1e-38, 1e-45, 1e-320]
NUMBERS += [MAX_STEP, MAX_STEP + 1, 2**30, 2**24 + 1, 10**30, 10**400, 1000, 7.25]
NUMBERS += [1 + 1e-15]


@st.composite
def mutated(draw):
    """Draw the class and the config of a schedule, with one to three errors in it."""
    entry = draw(st.sampled_from(kerasched.list_schedules()))
    schedule = draw(st.just(entry.example) | schedules(entry))
    config = json.loads(json.dumps(schedule.get_config()))
    for _ in range(draw(st.integers(1, 3))):
        config = changed(draw, config)
    return entry.cls, config


def changed(draw, config):
    """Return a config with one value replaced, removed or added."""
    config = copy.deepcopy(config)
    holder, key = draw(st.sampled_from(list(places(config)) or [(config, "name")]))
    what = draw(st.sampled_from(["number"] * 6 + ["wrong"] * 3 + ["less", "more"]))
    if what == "less" and (isinstance(holder, list) or key in holder):
        del holder[key]
    elif what == "more" and isinstance(holder, dict):
        holder[draw(st.sampled_from(["rate", "decay_steps", "config"]))] = 0.1
    elif what == "wrong":
        holder[key] = draw(st.sampled_from(WRONG) | st.sampled_from(INNER))
    else:
        holder[key] = draw(st.sampled_from(NUMBERS) | st.floats() | st.integers())
    return config


def places(value):
    """Return every position in a config, except inside deeply nested values."""
    stack = [(value, 0)]
    while stack:
        holder, depth = stack.pop()
        keys = holder if isinstance(holder, dict) else range(len(holder))
        for key in keys:
            yield holder, key
            if isinstance(holder[key], (dict, list)) and depth < 8:
                stack.append((holder[key], depth + 1))


def assert_finite(rates, what):
    assert np.isfinite(rates).all(), (what, rates)
    assert (rates >= 0.0).all(), (what, rates)


def built(cls, config):
    """Return the schedule of a config, or None if it raises with an argument's name."""
    try:
        return cls.from_config(config)
    except (TypeError, ValueError) as error:
        text = " ".join([str(error), *getattr(error, "__notes__", [])])
    assert re.search("[Aa]rgument", text), text
    return None


so_often = pytest.mark.parametrize(
    "examples", [200, pytest.param(20_000, marks=pytest.mark.slow)]
)


@so_often
def test_a_corrupted_config_is_refused_or_gives_finite_rates(examples):
    seen = []

    @settings(
        max_examples=examples,
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(mutated(), st.integers(0, MAX_STEP))
    def law(pair, anywhere):
        cls, config = pair
        steps = np.array([0, 1, anywhere, MAX_STEP])
        schedule, exact, rates = None, False, np.zeros(1)

        def make():
            nonlocal schedule, exact, rates
            schedule = built(cls, config)
            # The rates of another library's schedule are not checked.
            exact = schedule is not None and schedule.exact
            rates = schedule.evaluate(steps) if exact else rates

        assert calls_of(make) < MOST_CALLS, config
        assert_finite(rates, schedule)
        seen.append(exact)
        if exact and sum(seen) % ONE_IN == 0:
            called = schedule(steps.astype("int32"))
            assert_finite(keras.ops.convert_to_numpy(called), schedule)

    law()
    assert sum(seen) > examples / 10
