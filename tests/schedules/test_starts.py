"""The starts of cycles equal those of exact fractions for any multiplier."""

import math
from fractions import Fraction

import numpy as np
import pytest

from kerasched.errors import MAX_STEP
from kerasched.schedules import starts
from kerasched.schedules.ratios import simplest
from kerasched.schedules.starts import starts_of

pytestmark = pytest.mark.host

RANDOM = np.random.default_rng(3)
CASES = [
    # many integer starts: first is a power of the denominator, or close to one
    *[(2**30, 1.5), (2**30 - 1, 1.5), (2**31 - 1, 1.5), (3**19, 4 / 3), (10**9, 1.1)],
    *[(1, 2.0), (1, 3.0), (7, 10.0), (10, 1e300), (1, 1.7976931348623157e308)],
    *[(1, 1.05), (10, 1.03), (391, 1.01)],
    # multipliers of seventeen digits
    *[(int(RANDOM.integers(1, 10**6)), 1.02 + RANDOM.random()) for _ in range(20)],
]


def exactly(first, multiplier, count):
    start, length = Fraction(0), Fraction(first)
    for _ in range(count):
        yield start, length
        start += length
        length *= multiplier


@pytest.mark.parametrize(("first", "factor"), CASES)
def test_starts_are_those_of_exact_fractions(first, factor):
    multiplier = simplest(factor)
    found = starts_of(first, multiplier, 10_000)
    expected = list(exactly(first, multiplier, len(found)))
    assert expected[-2][0] <= MAX_STEP < expected[-1][0]
    for start, (time, length) in zip(found, expected, strict=True):
        assert (start.floor, start.ceiling) == (math.floor(time), math.ceil(time))
        assert start.beyond == pytest.approx(float(time - start.floor), abs=1e-16)
        assert start.short == pytest.approx(float(start.ceiling - time), abs=1e-16)
        length = min(length, Fraction(starts.FAR))
        assert start.length == pytest.approx(float(length), rel=1e-15)


SHRINKING = [
    *[(first, factor) for first in (1, 16, 10**6) for factor in (0.5, 0.9, 2 / 3)],
    *[(2**30, 0.5), (2**31 - 1, 0.99), (1000, 1e-300), (10, 0.97)],
    *[(int(RANDOM.integers(1, 10**5)), 0.95 * RANDOM.random()) for _ in range(20)],
]


@pytest.mark.parametrize(("first", "factor"), SHRINKING)
def test_starts_of_cycles_that_shrink_are_those_of_exact_fractions(first, factor):
    multiplier = simplest(factor)
    found = starts_of(first, multiplier, 10_000)
    expected = list(exactly(first, multiplier, len(found)))
    end = min(math.ceil(first / (1 - multiplier)), MAX_STEP + 1)
    assert expected[-2][0] <= end - 1 < expected[-1][0]
    for start, (time, length) in zip(found, expected, strict=True):
        assert (start.floor, start.ceiling) == (math.floor(time), math.ceil(time))
        assert start.beyond == pytest.approx(float(time - start.floor), abs=1e-16)
        assert start.short == pytest.approx(float(start.ceiling - time), abs=1e-16)
        assert start.length == pytest.approx(float(length), rel=1e-14)


def test_only_the_requested_starts_are_computed():
    for most in (1, 2, 33, 34, 50):
        assert len(starts_of(10, simplest(1.01), most)) == most


def test_more_bits_are_used_where_few_are_not_enough(monkeypatch):
    asked, rounded = [], starts._rounded

    def with_few_bits(*arguments):
        asked.append(arguments[-1])
        return rounded(*arguments[:-1], arguments[-1] // 4)

    expected = starts_of(10, simplest(1.01), 1000)
    monkeypatch.setattr(starts, "_rounded", with_few_bits)
    found = starts_of(10, simplest(1.01), 1000)
    assert asked == [128, 256]  # 2**32 steps need more than 32 bits.
    assert [one[:2] for one in found] == [one[:2] for one in expected]
