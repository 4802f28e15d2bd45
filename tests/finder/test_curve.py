"""The smoothed curve in the finder's plot follows the losses."""

import math
import statistics

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kerasched.finder.picture import curve_through

pytestmark = pytest.mark.host


def windows(values, half):
    for i in range(len(values)):
        width = min(half, i, len(values) - 1 - i)
        yield [values[k] for k in range(i - width, i + width + 1)]


@given(st.lists(st.floats(-1e3, 1e3), max_size=60), st.integers(2, 200))
def test_it_is_a_mean_of_medians(losses, steps):
    medians = [statistics.median(part) for part in windows(losses, steps // 30)]
    means = [math.fsum(part) / len(part) for part in windows(medians, steps // 60)]
    # 1e-9 allows for a float64 sum of at most 13 numbers below 1e3.
    np.testing.assert_allclose(curve_through(losses, steps), means, atol=1e-9)


def test_it_does_not_lag_behind_a_straight_line():
    losses = [3.0 - step / 50 for step in range(100)]
    # 1e-12 allows for the rounding of the mean.
    np.testing.assert_allclose(curve_through(losses, 100), losses, atol=1e-12)


@pytest.mark.parametrize("wild", [1e9, -1e9, math.inf, math.nan])
def test_a_single_outlier_is_ignored(wild):
    losses = [1.0] * 100
    losses[50] = wild
    assert curve_through(losses, 100) == [1.0] * 100


# Windows are centred, so the first of seven losses with four NaN is around step 60. The
# first mean of three medians that includes it is one step earlier.
def test_it_is_infinite_where_the_losses_are_nan():
    curve = curve_through([1.0] * 60 + [math.nan] * 40, 100)
    assert curve == [1.0] * 59 + [math.inf] * 41


def test_it_goes_through_the_first_and_the_last_loss():
    curve = curve_through([5.0, *[1.0] * 98, 7.0], 100)
    assert (curve[0], curve[-1]) == (5.0, 7.0)


def test_a_short_sweep_is_not_smoothed():
    assert curve_through([3.0, 1.0, 2.0], 3) == [3.0, 1.0, 2.0]
