"""Properties of every registered schedule with any valid arguments."""

import json

import keras
import numpy as np
import pytest
from drawing import any_schedule
from drawing import schedules
from drawing import turns
from hypothesis import HealthCheck
from hypothesis import assume
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st

import kerasched
from kerasched import Chain
from kerasched import Clip
from kerasched import Constant
from kerasched import Difference
from kerasched import Maximum
from kerasched import Minimum
from kerasched import PerEpoch
from kerasched import PerUpdate
from kerasched import Product
from kerasched import Repeat
from kerasched import Scale
from kerasched import Shift
from kerasched import Sum
from kerasched import Warmup
from kerasched.errors import MAX_STEP
from kerasched.schedules.arguments import checks_of

pytestmark = pytest.mark.host

# Larger rates may overflow when they are multiplied again.
HUGE = 1e100

for_every_schedule = pytest.mark.parametrize(
    "entry", kerasched.list_schedules(), ids=lambda entry: entry.name
)
so_often = pytest.mark.parametrize(
    "examples", [8, pytest.param(30, marks=pytest.mark.slow)]
)


def check_all(examples, law, *drawn):
    """Check a property for `examples` examples, which are the same in each run."""
    run = settings(
        max_examples=examples,
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
    )
    run(given(*drawn)(law))()


def steps_of(schedule):
    """Return 0, steps around each integer argument and 2**24, and the last step."""
    end = schedule.constant_after or 0
    places = [0, 10, 100, end, *turns(schedule), 2**24 + 5, MAX_STEP]
    around = np.add.outer(sorted(places), np.arange(-3, 4))
    return np.unique(np.clip(around, 0, MAX_STEP))


def is_moderate(schedule):
    return all(
        child.evaluate(steps_of(schedule)).max() < HUGE for child in inside(schedule)
    )


def inside(schedule):
    for child in schedule.children:
        yield child
        yield from inside(child)


@for_every_schedule
@so_often
def test_rates_are_finite_and_never_negative(entry, examples):
    def law(schedule):
        assume(is_moderate(schedule))
        rates = schedule.evaluate(steps_of(schedule))
        assert np.isfinite(rates).all()
        assert (rates >= 0.0).all()

    check_all(examples, law, schedules(entry))


@for_every_schedule
@so_often
def test_the_same_step_gives_the_same_rate_alone_and_in_an_array(entry, examples):
    def law(schedule):
        steps = steps_of(schedule)[-30:]
        together = schedule.evaluate(steps)
        alone = [schedule.evaluate(step) for step in steps.tolist()]
        np.testing.assert_array_equal(together, schedule.evaluate(steps))
        np.testing.assert_array_equal(together, alone)

    check_all(examples, law, schedules(entry))


@for_every_schedule
@so_often
def test_rates_are_constant_from_constant_after_on(entry, examples):
    def law(schedule):
        end = schedule.constant_after
        end = MAX_STEP if end is None else min(end, MAX_STEP)
        after = [step for step in steps_of(schedule).tolist() if step >= end]
        rates = schedule.evaluate([end, *after])
        np.testing.assert_array_equal(rates, rates[0])

    check_all(examples, law, schedules(entry))


@for_every_schedule
@so_often
def test_a_config_restores_an_equal_schedule(entry, examples):
    def law(schedule):
        config = json.dumps(keras.saving.serialize_keras_object(schedule))
        restored = keras.saving.deserialize_keras_object(json.loads(config))
        assert restored == schedule
        assert hash(restored) == hash(schedule)
        assert restored.get_config() == schedule.get_config()

    check_all(examples, law, schedules(entry))


@for_every_schedule
@so_often
def test_the_repr_is_code_for_an_equal_schedule(entry, examples):
    def law(schedule):
        made = eval(repr(schedule), vars(kerasched).copy())
        assert made == schedule
        assert made.name == schedule.name

    check_all(examples, law, schedules(entry))


def assert_within_bounds(schedule):
    assume(is_moderate(schedule))
    low, high = schedule.bounds
    rates = schedule.evaluate(steps_of(schedule))
    # Two rounded fractions of one may add up to 4 roundings, in each schedule of a
    # tree.
    rounding = 4 * np.finfo("float64").eps * high * (1 + len([*inside(schedule)]))
    assert rates.min() >= low - rounding
    assert rates.max() <= high + rounding


@for_every_schedule
@so_often
def test_rates_lie_within_their_bounds(entry, examples):
    check_all(5 * examples, assert_within_bounds, schedules(entry))


@so_often
def test_rates_of_deep_trees_lie_within_their_bounds(examples):
    check_all(10 * examples, assert_within_bounds, any_schedule(depth=3))


@for_every_schedule
@so_often
def test_bounds_are_known_for_every_exact_schedule(entry, examples):
    def law(schedule):
        low, high = schedule.bounds
        assert type(low) is type(high) is float
        if schedule.exact:
            assert 0.0 <= low <= high
            assert high < np.inf or not is_moderate(schedule)
        else:
            assert low <= high

    check_all(examples, law, schedules(entry))


# The schedules that do not reach their bounds, with the reason.
WIDER = {
    "cosine_restarts": "The end lies after the last step of a cycle.",
    "eden": "The decay during the warmup is not computed for each step.",
    "from_function": "The bounds of a function are unknown.",
    "minimum": "The crossing of a rise and a fall is not computed.",
    "noise": "The largest number is not drawn.",
}


@for_every_schedule
def test_the_example_reaches_its_bounds(entry):
    schedule = entry.example
    end = min(schedule.constant_after or 0, MAX_STEP)
    rates = schedule.evaluate([*range(3000), end, MAX_STEP])
    distance = np.abs(np.subtract(schedule.bounds, (rates.min(), rates.max()))).max()
    reached = distance <= 1e-9 * rates.max()
    assert reached != (entry.name in WIDER), (schedule.bounds, distance)


# Each function returns an equivalent schedule.
SAME = {
    "a chain of one": lambda s: Chain((s,), ()),
    "a sum of one": lambda s: Sum((s,)),
    "the lowest of one": lambda s: Minimum((s,)),
    "the highest of one": lambda s: Maximum((s,)),
    "less nothing": lambda s: Difference(s, Constant(0.0)),
    "a product of one": lambda s: Product((s,)),
    "once": lambda s: Scale(s, 1.0),
    "without bounds": Clip,
    "not moved": lambda s: Shift(s, 0),
    "without warmup": lambda s: Warmup(s, 0),
    "epochs of one step": lambda s: PerEpoch(s, 1),
    "updates of one batch": lambda s: PerUpdate(s, 1),
}


@for_every_schedule
@so_often
def test_wrappers_without_effect_give_the_same_rates(entry, examples):
    def law(schedule, name):
        steps = steps_of(schedule)
        same = SAME[name](schedule)
        np.testing.assert_array_equal(same.evaluate(steps), schedule.evaluate(steps))
        assert same.constant_after == schedule.constant_after

    check_all(examples, law, schedules(entry), st.sampled_from(sorted(SAME)))


@pytest.mark.parametrize("combine", [Sum, Product])
@so_often
def test_sums_and_products_do_not_depend_on_the_order(combine, examples):
    def law(one, other):
        steps = np.union1d(steps_of(one), steps_of(other))
        there, back = combine((one, other)), combine((other, one))
        np.testing.assert_array_equal(there.evaluate(steps), back.evaluate(steps))

    check_all(5 * examples, law, any_schedule(), any_schedule())


@for_every_schedule
@so_often
def test_the_first_cycle_is_the_schedule_that_is_repeated(entry, examples):
    def law(schedule, length):
        steps = steps_of(schedule)
        first = steps[steps < length]
        repeated = Repeat(schedule, length, decay_rate=0.5)
        np.testing.assert_array_equal(
            repeated.evaluate(first), schedule.evaluate(first)
        )
        np.testing.assert_array_equal(
            repeated.evaluate(first + length), 0.5 * schedule.evaluate(first)
        )

    check_all(examples, law, schedules(entry), st.integers(1, 2**20))


@pytest.mark.slow
@for_every_schedule
def test_every_argument_is_drawn_with_many_values(entry):
    seen = {}

    def law(schedule):
        for name in checks_of(entry.cls):
            seen.setdefault(name, set()).add(getattr(schedule, name))

    def alike():
        fixed = {"function"}  # The strategies do not draw functions.
        return [n for n in checks_of(entry.cls) if len(seen[n]) < 2 and n not in fixed]

    for examples in (10, 80):  # For most schedules few draws are enough.
        check_all(examples, law, schedules(entry))
        if not alike():
            break
    assert alike() == []
