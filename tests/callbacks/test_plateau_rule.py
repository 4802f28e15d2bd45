"""The plateau's state machine, with results computed by hand."""

import json
import math

import pytest

from callbacks.originals import RULES
from kerasched.callbacks import ReduceOnPlateau
from kerasched.callbacks.plateau_rule import PlateauRule
from kerasched.callbacks.plateau_rule import moved

pytestmark = pytest.mark.host

NAN = math.nan


def actions(rule, values):
    """Return the indices of values that reduce the rate and of those that raise it."""
    state, found = rule.start(), {"reduce": [], "increase": []}
    for index, value in enumerate(values):
        state, action = rule.step(state, value)
        if action:
            found[action].append(index)
        json.dumps(state, allow_nan=False)
    return found["reduce"], found["increase"]


def reductions(values, **options):
    return actions(PlateauRule(**options), values)[0]


def test_patience_counts_values_without_improvement():
    # The first value is an improvement, the next three are not.
    assert reductions([1.0] * 9, patience=3) == [3, 6]


@pytest.mark.parametrize("patience", [0, 1])
def test_a_patience_of_zero_acts_like_one(patience):
    assert reductions([1.0] * 4, patience=patience) == [1, 2, 3]


@pytest.mark.parametrize("cooldown", [0, 1])
def test_the_value_that_ends_a_cooldown_counts(cooldown):
    assert reductions([1.0] * 7, patience=2, cooldown=cooldown) == [2, 4, 6]
    assert reductions([1.0] * 11, patience=2, cooldown=3) == [2, 6, 10]


# The epochs between reductions of a constant metric, as observed with the originals.
GAPS = {
    "torch": ({"patience": 3, "cooldown": 4}, [4, 12, 20]),
    "keras": ({"patience": 2, "cooldown": 3}, [2, 6, 10]),
    "optax": ({"patience": 2, "cooldown": 3}, [2, 7, 12]),
    "paddle": ({"patience": 2, "cooldown": 3}, [3, 9, 15]),
}


@pytest.mark.parametrize("library", GAPS)
def test_reductions_are_as_far_apart_as_in_the_original(library):
    arguments, expected = GAPS[library]
    rule = ReduceOnPlateau("loss", **RULES[library](**arguments)).rule
    assert actions(rule, [1.0] * 21)[0][:3] == expected


def test_a_value_in_a_cooldown_may_be_the_best_one():
    values = [1.0, 1.0, 0.1, 0.5, 0.5]
    options = {"patience": 1, "cooldown": 3}
    # If 0.1 counts as the best value, 0.5 after the cooldown is no improvement.
    assert reductions(values, **options) == [1, 4]
    # If it does not count, 0.5 improves on 1.0.
    assert reductions(values, watch_in_cooldown=False, **options) == [1]


def test_a_difference_must_be_above_the_absolute_delta():
    # After 1.0 the values are below the best by 0.25, 0.25 and 0.5. Only the last
    # exceeds the delta.
    values = [1.0, 0.75, 0.75, 0.25]
    assert reductions(values, patience=1, min_delta=0.25) == [1, 2]
    assert reductions(values, patience=1, min_delta=0.125) == [2]
    upwards = [-value for value in values]
    assert reductions(upwards, patience=1, min_delta=0.25, mode="max") == [1, 2]


def test_a_difference_must_be_above_the_fraction():
    assert reductions([8.0, 4.0, 3.0, 1.0], patience=1, relative_delta=0.5) == [1]
    up = {"patience": 1, "relative_delta": 0.5, "mode": "max"}
    assert reductions([8.0, 12.0, 13.0], **up) == [1]


def test_both_deltas_add():
    # To improve on 8.0 a value must be below 8 * 0.5 - 1 = 3.
    both = {"patience": 1, "relative_delta": 0.5, "min_delta": 1.0}
    assert reductions([8.0, 3.0, 2.5], **both) == [1]


def test_a_window_is_judged_by_its_mean():
    # The means of the last two values: 4, 3, 2, 3.5, 5.
    values = [4.0, 2.0, 2.0, 5.0, 5.0]
    assert reductions(values, patience=2, window=2) == [4]
    assert reductions(values, patience=2) == [3]


def test_accumulated_values_count_as_one():
    # The means of pairs: 3, 2, 2, 2.
    values = [4.0, 2.0, 1.0, 3.0, 2.0, 2.0, 0.0, 4.0]
    assert reductions(values, patience=2, accumulation_size=2) == [7]
    assert reductions([1.0, 1.0, 1.0, NAN], patience=1, accumulation_size=2) == [3]


def test_consecutive_improvements_increase_the_rate():
    rule = PlateauRule(patience=2, increases=True)
    # Values 0 to 3 improve, 4 and 5 do not, 6 does, 7 does not, 8 and 9 do.
    values = [9.0, 8.0, 7.0, 6.0, 6.0, 6.0, 5.0, 5.0, 4.0, 3.0]
    assert actions(rule, values) == ([5], [1, 3, 9])
    assert actions(PlateauRule(patience=2), values) == ([5], [])


def test_an_increase_has_a_cooldown_of_its_own():
    rule = PlateauRule(patience=2, increases=True, increase_cooldown=3, cooldown=9)
    assert actions(rule, [float(-i) for i in range(10)]) == ([], [1, 5, 9])


BEFORE_THE_BEST = [NAN, NAN, 1.0, 0.5]


@pytest.mark.parametrize("mode", ["min", "max"])
def test_a_nan_counts_as_no_improvement(mode):
    sign = 1.0 if mode == "min" else -1.0
    values = [sign * value for value in [1.0, NAN, math.inf, 0.5]]
    assert reductions(values, patience=2, mode=mode) == [2]
    # The first finite number is the best so far. Keras would keep the NaN.
    assert reductions(BEFORE_THE_BEST, patience=3) == []


def test_a_nan_reduces_immediately_or_is_ignored():
    values = [1.0, NAN, NAN, 1.0, 1.0, 1.0]
    assert reductions(values, patience=3, on_nan="reduce", cooldown=3) == [1, 2]
    assert reductions(values, patience=3, on_nan="ignore") == [5]
    # The mean of the window is still finite.
    assert reductions(values, patience=4, window=3) == [4]


def test_an_infinitely_good_value_is_the_best():
    assert reductions([1.0, math.inf, 2.0], patience=1, mode="max") == [2]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ((1.0, 0.5, 0.0, math.inf, 0.0), 0.5),
        ((1.0, 0.5, 0.75, math.inf, 0.0), 0.75),  # At least the lower bound,
        ((0.5, 0.5, 0.75, math.inf, 0.0), 0.5),  # and no increase up to it.
        ((1.0, 2.0, 0.0, 1.5, 0.0), 1.5),
        ((2.0, 2.0, 0.0, 1.5, 0.0), 2.0),
        ((1.0, 0.5, 0.0, math.inf, 0.5), 1.0),  # A change of at most eps is left out.
        ((1.0, 0.5, 0.0, math.inf, 0.25), 0.5),
    ],
)
def test_a_rate_stays_within_its_bounds(arguments, expected):
    assert moved(*arguments) == expected
