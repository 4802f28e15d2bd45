"""Noise is a pure function of seed and step with identical bits on every backend."""

import numpy as np
import pytest
from formulas import bits as expected_bits
from support import compiled_calls

import kerasched
from kerasched import Constant
from kerasched import Noise
from kerasched.schedules.host_math import HostMath
from kerasched.schedules.noise import hashed
from kerasched.schedules.step_math import StepMath

STEPS = np.array([0, 1, 2, 1000, 2**24 + 1, 2**31 - 1])


@pytest.mark.parametrize("seed", [0, 1, 42, 2**31 - 1])
def test_bits_are_those_of_the_published_hash_on_the_host_and_on_the_backend(seed):
    expected = [expected_bits(int(step), seed) for step in STEPS]
    with np.errstate(over="ignore"):
        on_host = hashed(STEPS, seed, HostMath)
    assert (np.asarray(on_host).astype("int64") % 2**32).tolist() == expected

    def on_backend(step):
        return hashed(step, seed, StepMath)

    for call in [on_backend, *compiled_calls(on_backend).values()]:
        bits = np.asarray(
            kerasched.schedules.step_math.ops.convert_to_numpy(
                call(StepMath.to_steps(STEPS))
            )
        )
        assert (bits.astype("int64") % 2**32).tolist() == expected


def test_the_factor_uses_the_highest_24_bits():
    # u = bits / 2**23 - 1, and the rate 0.5 * (1 + 0.25 * u)
    for step in STEPS.tolist():
        u = (expected_bits(step, 7) >> 8) / 2**23 - 1
        rate = Noise(Constant(0.5), 0.25, 7).evaluate(step)
        assert rate == pytest.approx(0.5 * (1 + 0.25 * u), rel=1e-15)


def test_factors_are_evenly_spread_around_1():
    rates = Noise(Constant(1.0), 1.0, 3).evaluate(np.arange(100_000))
    counts, _ = np.histogram(rates, bins=20, range=(0.0, 2.0))
    # 5000 in each of 20 bins, within six standard deviations, each 70, of a fair draw
    assert abs(counts - 5000).max() < 420
    assert rates.mean() == pytest.approx(1.0, abs=0.01)


@pytest.mark.parametrize("other", [1, 2, 2**20])
def test_another_seed_gives_other_numbers(other):
    steps = np.arange(10_000)
    one, two = (Noise(Constant(1.0), 1.0, s).evaluate(steps) for s in (0, other))
    assert abs(np.corrcoef(one, two)[0, 1]) < 0.05
    assert abs(np.corrcoef(one[1:], two[:-1])[0, 1]) < 0.05


def test_steps_outside_of_start_and_end_have_no_noise():
    changed = Noise(Constant(0.5), 1.0, 1, 3, 6).evaluate(np.arange(9)) != 0.5
    assert changed.tolist() == [False] * 3 + [True] * 3 + [False] * 3
