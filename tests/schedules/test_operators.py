"""Each operator returns a registered schedule."""

import operator

import keras
import numpy as np
import pytest

from kerasched import Chain
from kerasched import Clip
from kerasched import Constant
from kerasched import CosineDecay
from kerasched import Difference
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
        (np.float32(0.5) * A, Scale(A, 0.5)),
        (np.float64(2) * A, Scale(A, 2.0)),
        (A / 2, Scale(A, 0.5)),
        (A / np.int64(4), Scale(A, 0.25)),
        (A + 1e-5, Sum((A, Constant(1e-5)))),
        (1e-5 + A, Sum((Constant(1e-5), A))),
        (np.float64(0.5) + A, Sum((Constant(0.5), A))),
        (A + 0, A),
        (0 + A, A),
        (A - 0.0, A),
        (+A, A),
        (sum([A]), A),
        (sum([A, B]), Sum((A, B))),
        (0.3 - A, Difference(Constant(0.3), A)),
        (Constant(0.3) - A, Difference(Constant(0.3), A)),
        (Constant(0.3) + -0.1, Difference(Constant(0.3), Constant(0.1))),
        (A - -0.1, Sum((A, Constant(0.1)))),
        (THEIRS - A, Difference(THEIRS, A)),
        (A - THEIRS, Difference(A, THEIRS)),
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
    with pytest.raises(ValueError, match="then") as caught:
        schedule.then(B)
    assert str(caught.value) == (
        "Argument `schedule` of schedule.then(after) must be a schedule that changes "
        f"and then stops. Received: schedule={schedule!r}. Give the step yourself: "
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
    # 0.1 * 0.5**k < 0.01 from k = 4 on, so the rate is constant from step 40.
    schedule = StepDecay(0.1, 10, end_learning_rate=0.01)
    assert 40 <= schedule.constant_after <= 60
    assert schedule.evaluate(schedule.constant_after) == 0.01


@pytest.mark.parametrize("other", ["a", None, [1], True])
def test_only_schedules_and_numbers_combine(other):
    with pytest.raises(TypeError):
        A + other
    with pytest.raises(TypeError):
        A - other
    with pytest.raises(TypeError):
        other - A
    with pytest.raises(TypeError):
        A * other


@pytest.mark.parametrize("other", [True, "a", None, [1], 1j, B, np.ones(2)], ids=repr)
def test_only_numbers_divide(other):
    with pytest.raises(TypeError):
        A / other


@pytest.mark.parametrize("divisor", [0, 0.0, -2, float("nan")])
def test_a_divisor_is_above_0(divisor):
    with pytest.raises(ValueError, match="divisor") as caught:
        A / divisor
    assert str(caught.value) == (
        "Argument `divisor` of schedule / divisor must be a number above 0. "
        f"Received: divisor={divisor}"
    )


@pytest.mark.parametrize("number", [2, 0.1, np.float64(2), A, B], ids=repr)
def test_a_schedule_is_no_divisor(number):
    with pytest.raises(TypeError, match="A schedule cannot be a divisor") as caught:
        number / A
    assert str(caught.value).endswith(f"Received: {number!r} / {A!r}")


def test_a_power_of_a_schedule_is_refused():
    with pytest.raises(TypeError, match="unsupported operand"):
        A**2


def test_arithmetic_has_the_values_of_its_operands():
    a, b = A.evaluate(STEPS), B.evaluate(STEPS)
    made = {
        "a + 1e-5": (A + 1e-5, a + 1e-5),
        "1e-5 + a": (1e-5 + A, a + 1e-5),
        "b - 1e-3": (B.clip(low=1e-3) - 1e-3, np.maximum(b, 1e-3) - 1e-3),
        "0.3 - b": (0.3 - B, 0.3 - b),
        "a / 10": (A / 10, a * (1 / 10)),
        "sum": (sum([A, B, 0.25]), a + b + 0.25),
    }
    for name, (schedule, expected) in made.items():
        np.testing.assert_array_equal(schedule.evaluate(STEPS), expected, name)


def test_a_difference_that_may_be_negative_raises_with_the_step():
    with pytest.raises(ValueError, match="subtracted") as caught:
        LinearDecay(0.1, 100) - 0.05
    # From step 100 on the rate is 0 - 0.05. The error names one of the tested steps.
    text = str(caught.value)
    assert text.startswith(
        "Argument `subtracted` of Difference must be a schedule that is never above "
        "`schedule`, as no rate is negative. Received: "
        "subtracted=Constant(learning_rate=0.05). At step "
    )
    assert text.endswith(
        " the rate would be -0.05. To use 0 instead, write "
        "schedule.clip(low=0.05) - 0.05"
    )


def test_a_difference_is_refused_if_its_bounds_do_not_exclude_negatives():
    # 0.1 * left - 0.05 * left is never negative, but the bounds are 0 - 0.05.
    one, other = LinearDecay(0.1, 100), LinearDecay(0.05, 100)
    with pytest.raises(ValueError, match="By their bounds, a rate could be -0.05") as e:
        one - other
    assert str(e.value).endswith("write Difference(schedule, subtracted, low=0.0)")
    assert Difference(one, other, low=0.0).evaluate(50) == 0.025


def test_a_difference_from_an_unknown_schedule_is_never_negative():
    # 0.5 * 0.5**(step / 10) - 0.2 starts at 0.3 and is negative from step 14 on.
    difference = THEIRS - Constant(0.2)
    assert difference.evaluate([0, 20]).tolist() == pytest.approx([0.3, 0.0])
    assert difference.bounds[0] == 0.0


def test_rounding_of_bounds_does_not_refuse_a_difference():
    # 0.1 + 0.2 is 0.30000000000000004.
    difference = Constant(0.3) - (Constant(0.1) + 0.2)
    assert difference.evaluate(0) == 0.0


@pytest.mark.parametrize("schedule", [A, 2 * A, A - 0.0], ids=repr)
def test_the_negative_of_a_schedule_is_refused(schedule):
    with pytest.raises(ValueError, match="Subtract it from a number or a schedule"):
        operator.neg(schedule)


def test_several_operators_give_one_flat_schedule():
    c = LinearDecay(0.3, 9)
    assert A + B + c == A + (B + c) == Sum((A, B, c))
    assert A * B * c == A * (B * c) == Product((A, B, c))
    assert 2 * (0.25 * A) == (A * 0.25) * 2 == A / 4 * 2 == Scale(A, 0.5)
    high = Constant(1.0)
    assert high - A - 0.5 == Difference(high, Sum((A, Constant(0.5))))


def test_a_named_part_keeps_its_name():
    named = Sum((A, B), name="mine")
    assert (named + A).schedules == (named, A)
    assert (named + A).schedules[0].name == "mine"
    assert (2 * Scale(A, 0.5, name="half")).schedule.name == "half"


def test_hundreds_of_terms_are_one_sum():
    total = sum(LinearDecay(0.001, 100 + i) for i in range(400))
    assert len(total.schedules) == 400
    assert total.evaluate(0) == pytest.approx(0.4, rel=1e-12)
    assert hash(total) == hash(Sum.from_config(total.get_config()))
    assert repr(total).count("LinearDecay") == 400
    scaled = A
    for _ in range(400):
        scaled = 0.99 * scaled
    assert scaled.evaluate(0) == pytest.approx(0.1 * 0.99**400, rel=1e-12)
