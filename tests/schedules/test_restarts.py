"""Every cycle starts at the exact step, for all cycles up to step 2**31."""

import math

import numpy as np
import pytest
from formulas import meant
from formulas import starts
from rows import formula
from support import calls_of

from kerasched import Constant
from kerasched import CosineDecay
from kerasched import CosineRestarts
from kerasched import LinearDecay
from kerasched import Repeat
from kerasched.errors import MAX_STEP

PEAK = 0.1


def restarts(first, factor):
    return CosineRestarts(PEAK, first, factor)


def repeated_cosine(first, factor):
    return Repeat(CosineDecay(PEAK, first), first, factor)


def repeated_line(first, factor):
    return Repeat(LinearDecay(PEAK, first), first, factor)


def exact_starts(first, factor):
    """Return the starts of all cycles except the first."""
    return starts(first, meant(factor))[1:-1]


def restarts_with_limit(first, factor):
    return CosineRestarts(PEAK, first, factor, cycle_limit=4000)


def repeated_with_limit(first, factor):
    return Repeat(LinearDecay(PEAK, first), first, factor, cycle_limit=4000)


every_kind = pytest.mark.parametrize("kind", [restarts, repeated_cosine, repeated_line])
every_kind_of_limit = pytest.mark.parametrize(
    "kind", [restarts_with_limit, repeated_with_limit]
)
every_cycle = pytest.mark.parametrize(
    ("first", "factor"),
    [(first, factor) for first in (1, 5, 9, 10, 150, 391) for factor in (1.5, 2, 3)]
    + [(5, 10), (10, 10), (10, 1.01), (7, 1.3), (10, 1e300)],
)


@pytest.mark.host
@every_kind
@every_cycle
def test_a_cycle_that_begins_at_a_whole_step_begins_at_its_peak(kind, first, factor):
    whole = [int(start) for start in exact_starts(first, factor) if start == int(start)]
    rates = kind(first, factor).evaluate(np.array(whole, "int64"))
    np.testing.assert_array_equal(rates, PEAK)


@pytest.mark.host
@every_kind
@every_cycle
@pytest.mark.parametrize("offset", [-1, 0])
def test_rates_at_a_boundary_are_those_of_exact_fractions(kind, first, factor, offset):
    begins = [math.ceil(start) for start in exact_starts(first, factor)]
    steps = [begin + offset for begin in begins]
    schedule = kind(first, factor)
    expected = [float(formula(schedule)(step)) for step in steps]
    # As in test_accuracy.
    np.testing.assert_allclose(
        schedule.evaluate(steps), expected, rtol=1e-12, atol=1e-15 * PEAK
    )


@pytest.mark.host
@every_kind_of_limit
@pytest.mark.parametrize("factor", [0.5, 0.9, 0.25, 0.6, 0.123456789, 1e-300])
@pytest.mark.parametrize("first", [1, 3, 16, 1000, 2**31 - 1])
def test_cycles_that_shrink_have_the_rates_of_exact_fractions(kind, first, factor):
    schedule = kind(first, factor)
    begins = [math.ceil(start) for start in starts(first, meant(factor))]
    steps = np.unique(np.add.outer(begins, [-1, 0, 1]).clip(0, MAX_STEP))
    expected = [float(formula(schedule)(step)) for step in steps.tolist()]
    # As in test_accuracy.
    np.testing.assert_allclose(
        schedule.evaluate(steps), expected, rtol=1e-12, atol=1e-15 * PEAK
    )


@every_kind_of_limit
@pytest.mark.parametrize(
    ("first", "factor", "step"), [(16, 0.5, s) for s in (0, 16, 24, 28, 30, 31)]
)
def test_each_shorter_cycle_begins_at_its_peak_on_the_backend(
    kind, first, factor, step
):
    assert float(kind(first, factor)(step)) == np.float32(PEAK)


@every_kind_of_limit
def test_a_cycle_shorter_than_any_float32_gives_no_nan(kind):
    schedule = kind(16, 1e-300)
    assert float(schedule(16)) == np.float32(PEAK)
    assert float(schedule(17)) == 0.0


def assert_alike(schedule, first, numbers):
    """Check that the cycles with these numbers start and end like the first one."""
    begins = numbers * first
    np.testing.assert_array_equal(schedule.evaluate(begins), PEAK)
    ends = begins + first - 1
    rates = schedule.evaluate(ends[ends <= MAX_STEP])
    np.testing.assert_array_equal(rates, schedule.evaluate(first - 1))


def in_blocks(last, size=2**20):
    """Yield the numbers up to the last one in arrays of `size`."""
    for start in range(0, last + 1, size):
        yield np.arange(start, min(start + size, last + 1))


@pytest.mark.host
@every_kind
@pytest.mark.parametrize("first", [150, 391, 2**20 + 1])
def test_every_cycle_of_one_length_begins_at_its_multiple(kind, first):
    for numbers in in_blocks(MAX_STEP // first):
        assert_alike(kind(first, 1), first, numbers)


@pytest.mark.host
@every_kind
@pytest.mark.parametrize("first", [1, 5, 9, 10])
def test_short_cycles_of_one_length_begin_at_their_multiples(kind, first):
    last = MAX_STEP // first
    some = np.random.default_rng(7).integers(0, last + 1, 200_000)
    ends = np.arange(20_000)
    powers = 2 ** np.arange(32)[:, None] // first + np.arange(-5, 6)
    for numbers in (ends, last - ends, some, np.clip(powers.ravel(), 0, last)):
        assert_alike(kind(first, 1), first, numbers)


# All 2**31 cycles of one step would take minutes; the windows above sample them.
@pytest.mark.host
@pytest.mark.slow
@pytest.mark.parametrize("first", [9, 10])
def test_every_short_cycle_of_one_length_begins_at_its_multiple(first):
    schedule = restarts(first, 1)
    for numbers in in_blocks(MAX_STEP // first):
        assert_alike(schedule, first, numbers)


# Steps at which Keras restarts early, because of a float32 logarithm, or at which timm
# and torch miss a restart.
MISSED = [
    *[(10, 2, 10 * (2**cycle - 1)) for cycle in (13, 15, 17, 18, 19, 20)],
    *[(10, 3, step) for step in (1210, 295240, 2657200, 7971610)],
    *[(10, 10, step) for step in (1110, 1111110)],
    (5, 3, 147620),
]


@every_kind
@pytest.mark.parametrize(("first", "factor", "step"), MISSED)
def test_restarts_that_other_libraries_miss_are_exact_on_the_backend(
    kind, first, factor, step
):
    schedule = kind(first, factor)
    assert float(schedule(step)) == np.float32(PEAK)
    # One of hundreds of steps before the end, the rate is on a line to 0 or below it.
    assert 0.0 < float(schedule(step - 1)) < PEAK / 700


@pytest.mark.parametrize(
    ("schedule", "steps"),
    [
        (Repeat(Constant(0.1), 5, 1.0, 2.0, 10_000), (49_999, 50_000, MAX_STEP)),
        # Its cycles end before step 10.
        (Repeat(LinearDecay(0.2, 5, 0.1), 5, 0.5, 2.0, 10_000), (10, MAX_STEP)),
    ],
    ids=["alike", "shorter"],
)
def test_peaks_that_grow_stay_finite_after_the_last_cycle(schedule, steps):
    for step in steps:
        assert 1e30 < float(schedule(step)) < math.inf
        assert 1e300 < schedule.evaluate(step) < math.inf


def test_an_end_of_zero_is_held_after_the_peaks_have_overflowed():
    schedule = Repeat(LinearDecay(0.1, 4), 4, 2.0, decay_rate=1e20, cycle_limit=20)
    after = schedule.constant_after + 1
    assert float(schedule(after)) == schedule.evaluate(after) == 0.0


@pytest.mark.parametrize("factor", [1.00001, 1.001, 1.0025])
def test_too_many_cycles_are_refused_before_they_are_counted(factor, monkeypatch):
    monkeypatch.setattr("kerasched.schedules.cycles.starts_of", None)
    with pytest.raises(ValueError, match="there are at most 4096 cycles"):
        CosineRestarts(0.1, 10, factor)


@pytest.mark.host
@pytest.mark.parametrize("factor", [1.0035, 1.0035 + 1e-15, 1.006, 1.01])
def test_many_cycles_are_counted_in_a_few_calls_each(factor):
    # There are up to 4096 cycles. A quadratic algorithm would need 4096**2 calls.
    assert calls_of(lambda: CosineRestarts(0.1, 10, factor)) < 32 * 4096
