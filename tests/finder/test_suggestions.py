"""The suggestions are those of fastai, and the default is between two of them."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example
from hypothesis import given
from hypothesis import strategies as st

from finder import slow_rules
from kerasched.finder import suggest

CURVES = json.loads(
    (Path(__file__).parents[1] / "data" / "lr_find.json").read_text(encoding="utf-8")
)["curves"]
THEIR_NAMES = {
    "valley": "valley",
    "steepest": "steep",
    "minimum": "minimum",
    "slide": "slide",
}

pytestmark = pytest.mark.host


def rates_of(count):
    return np.geomspace(1e-7, 10.0, max(count, 2))[:count]


@pytest.mark.parametrize("rule", THEIR_NAMES)
@pytest.mark.parametrize("name", CURVES)
def test_fastai_suggests_the_same(name, rule):
    curve = CURVES[name]
    found = suggest(curve["rates"], curve["losses"], curve["num_it"])[rule]
    # fastai stores rates as float32, hence 1e-6.
    expected = curve["suggestions"][THEIR_NAMES[rule]]
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    rates = np.array(curve["rates"]) / (10 if rule == "minimum" else 1)
    nearest = [np.abs(np.log(rates / value)).argmin() for value in (found, expected)]
    assert nearest[0] == nearest[1]


@pytest.mark.parametrize("name", CURVES)
def test_the_middle_is_halfway_between_fastais_valley_and_minimum(name):
    curve, theirs = CURVES[name], CURVES[name]["suggestions"]
    found = suggest(curve["rates"], curve["losses"], curve["num_it"])["middle"]
    # On a logarithmic axis. fastai stores rates as float32, hence 1e-6.
    logs = np.log([theirs["valley"], theirs["minimum"]])
    np.testing.assert_allclose(np.log(found), logs.mean(), atol=1e-6)


# The rules use 21 of 26 losses. The longest fall ends at index 20 and so starts at -1.
# The valley is int(7) + int(3.5) after the start. The smallest loss is the last one.
def test_the_middle_of_a_steady_decrease():
    rates, losses = np.geomspace(1.0, 10.0**2.5, 26), np.arange(26.0, 0.0, -1.0)
    valley, minimum = 10.0**0.9, 10.0**2.0 / 10
    found = suggest(rates, losses, 1)
    np.testing.assert_allclose(found["valley"], valley, rtol=1e-6)
    np.testing.assert_allclose(found["middle"], 10.0**0.95, rtol=1e-6)
    assert minimum == 10.0


# Multiples of 1/64, which often have ties, and arbitrary numbers.
LOSSES = st.integers(-64, 640).map(lambda n: n / 64) | st.floats(-1e3, 1e3, width=32)
WILD = st.sampled_from([math.inf, -math.inf, math.nan])
WALKS = st.lists(st.integers(-8, 6), min_size=10, max_size=140).map(
    lambda steps: (8 + np.cumsum(steps) / 64).tolist()
)


@given(
    WALKS | st.lists(LOSSES, max_size=140) | st.lists(LOSSES | WILD, max_size=60),
    st.integers(0, 150),
)
@example([2.3 - 0.02 * step for step in range(100)], 100)
@example([1.0] * 40, 40)
@example([2.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0], 7)
def test_the_slow_rules_suggest_the_same(losses, steps):
    rates = rates_of(len(losses))
    found = suggest(rates, losses, steps)
    del found["middle"]  # fastai does not have this rule.
    assert found == slow_rules.suggestions(rates, losses, steps)


@pytest.mark.parametrize(
    ("count", "rules"),
    [
        (0, set()),
        (5, set()),
        (6, {"valley", "minimum", "middle"}),
        (7, {"valley", "minimum", "middle", "steepest"}),
        (20, {"valley", "minimum", "middle", "steepest"}),
        (21, {"valley", "minimum", "middle", "steepest", "slide"}),
    ],
)
def test_a_rule_without_enough_losses_suggests_nothing(count, rules):
    # Fewer than 10 steps are not shortened at the start; the last five are dropped.
    found = suggest(rates_of(count), np.arange(count, 0, -1), 1)
    assert {name for name, rate in found.items() if rate is not None} == rules


def test_losses_after_a_nan_are_ignored():
    losses = np.linspace(3.0, 1.0, 60)
    cut = suggest(rates_of(100)[:45], losses[:45], 100)
    losses[40] = math.nan  # The 45 losses above end with five that are dropped.
    assert suggest(rates_of(100)[:60], losses, 100) == cut
