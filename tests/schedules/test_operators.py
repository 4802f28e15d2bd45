"""Each operator gives a registered schedule."""

import keras
import numpy as np
import pytest

from kerasched import Chain
from kerasched import Clip
from kerasched import Constant
from kerasched import CosineDecay
from kerasched import LinearDecay
from kerasched import PerEpoch
from kerasched import Product
from kerasched import Scale
from kerasched import Shift
from kerasched import StepDecay
from kerasched import Sum
from kerasched import Warmup

A, B = StepDecay(0.1, 10), CosineDecay(0.2, 30)
THEIRS = keras.optimizers.schedules.ExponentialDecay(0.5, 10, 0.5)
STEPS = np.arange(40)


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        (A + B, Sum((A, B))),
        (A * B, Product((A, B))),
        (2 * A, Scale(A, 2.0)),
        (A * 0.5, Scale(A, 0.5)),
        (A * np.float32(0.5), Scale(A, 0.5)),
        (A + THEIRS, Sum((A, THEIRS))),
        (THEIRS + A, Sum((THEIRS, A))),
        (THEIRS * A, Product((THEIRS, A))),
        (A.clip(0.01, 0.05), Clip(A, 0.01, 0.05)),
        (A.clip(high=0.05), Clip(A, 0.0, 0.05)),
        (A.shift(3), Shift(A, 3)),
        (B.then(A), Chain((B, A), (30,))),
        (B.then(THEIRS), Chain((B, THEIRS), (30,))),
    ],
    ids=repr,
)
def test_operator_gives_the_schedule_of_its_name(made, expected):
    assert made == expected


def test_values_are_combined_at_the_same_step():
    a, b = A.evaluate(STEPS), B.evaluate(STEPS)
    np.testing.assert_array_equal((A + B).evaluate(STEPS), a + b)
    np.testing.assert_array_equal((A * B).evaluate(STEPS), a * b)
    np.testing.assert_array_equal((2 * A).evaluate(STEPS), 2 * a)
    np.testing.assert_array_equal(A.clip(0.03, 0.06).evaluate(10), 0.05)
    np.testing.assert_array_equal(A.shift(3).evaluate(STEPS[:-3]), a[3:])
    np.testing.assert_array_equal(A.shift(-3).evaluate(STEPS[3:]), a[:-3])


def test_then_joins_at_the_end_and_counts_from_there():
    joined = LinearDecay(0.0, 100, 0.1).then(CosineDecay(0.1, 900))
    assert joined.evaluate([50, 100, 1000]).tolist() == [0.05, 0.1, 0.0]
    assert joined.evaluate(550) == pytest.approx(0.05, rel=1e-12)
    assert joined.constant_after == 1000


@pytest.mark.parametrize("schedule", [StepDecay(0.1, 10), Constant(0.1)], ids=repr)
def test_then_refuses_a_schedule_without_an_end(schedule):
    with pytest.raises(ValueError, match="self") as caught:
        schedule.then(B)
    assert str(caught.value) == (
        "Argument `self` of then must be a schedule that changes and then stops. "
        f"Received: self={schedule!r}. Give the step yourself: "
        "Chain((first, second), boundaries=(step,))"
    )


@pytest.mark.parametrize(
    ("schedule", "end"),
    [
        (Constant(0.1), 0),
        (A, None),
        (B, 30),
        (StepDecay(0.1, 10, 1.0), 0),
        (StepDecay(0.0, 10), 0),
        (StepDecay(0.1, 10, end_learning_rate=0.2), 0),
        (A + B, None),
        (B + LinearDecay(0.1, 50), 50),
        (B * Constant(0.1), 30),
        (2 * B, 30),
        (B.shift(10), 20),
        (B.shift(-10), 40),
        (B.shift(50), 0),
        (Warmup(B, 5), 35),
        (Warmup(Constant(0.1), 5), 5),
        (PerEpoch(B, 7), 210),
        (Chain((A, B), (5,)), 35),
        (Chain((B, A), (5,)), None),
    ],
    ids=repr,
)
def test_constant_after(schedule, end):
    assert schedule.constant_after == end


def test_a_bounded_decay_ends_within_two_periods_of_its_bound():
    # 0.1 * 0.5**k < 0.01 from k = 4 on, so the bound holds from step 40.
    schedule = StepDecay(0.1, 10, end_learning_rate=0.01)
    assert 40 <= schedule.constant_after <= 60
    assert schedule.evaluate(schedule.constant_after) == 0.01


@pytest.mark.parametrize("other", ["a", None, [1]])
def test_only_schedules_and_numbers_combine(other):
    with pytest.raises(TypeError):
        A + other
    with pytest.raises(TypeError):
        A * other


def test_a_number_is_not_added_by_accident():
    with pytest.raises(TypeError, match="unsupported operand"):
        A + 0.1
