"""Every schedule gives the values of its row, which were computed by hand."""

import numpy as np
import pytest
from rows import ROWS
from rows import formula

import kerasched
from kerasched import Constant
from kerasched import CosineDecay
from kerasched import CosineRestarts
from kerasched import CosineWave
from kerasched import LinearDecay
from kerasched import OneCycle
from kerasched import PerEpoch
from kerasched import PolynomialDecay
from kerasched import SlantedTriangular
from kerasched import StepDecay
from kerasched import Triangular
from kerasched import Warmup

each_entry = pytest.mark.parametrize(
    "entry", kerasched.list_schedules(), ids=lambda entry: entry.name
)
VALUES = [(name, *pair) for name, row in ROWS.items() for pair in row.values]
each_pair = pytest.mark.parametrize(("name", "schedule", "values"), VALUES)


@each_pair
def test_schedule_has_the_values_computed_by_hand(name, schedule, values):
    steps, expected = list(values), list(values.values())
    # 1e-15 of the peak allows for a few roundings in float64.
    np.testing.assert_allclose(
        schedule.evaluate(steps), expected, rtol=1e-14, atol=1e-15
    )


@each_pair
def test_formula_has_the_values_computed_by_hand(name, schedule, values):
    if schedule.exact:
        rates = [float(formula(schedule)(step)) for step in values]
        np.testing.assert_allclose(rates, [*values.values()], rtol=1e-14, atol=1e-15)


def test_every_registered_schedule_has_its_row():
    assert set(ROWS) == {e.cls.__name__ for e in kerasched.list_schedules()}


@each_entry
def test_a_row_has_values_of_its_schedule_and_a_formula(entry):
    row = ROWS[entry.cls.__name__]
    assert any(values for _, values in row.values)
    assert {type(schedule) for schedule, _ in row.values} == {entry.cls}
    assert callable(row.formula) == entry.example.exact


@pytest.mark.parametrize("steps", [1, 2, 4])
def test_halved_rates_are_exact(steps):
    schedule = PerEpoch(StepDecay(0.1, decay_steps=2, decay_rate=0.5), steps)
    rates = schedule.evaluate(np.arange(6) * steps).tolist()
    assert rates == [0.1, 0.1, 0.05, 0.05, 0.025, 0.025]


def test_a_default_start_makes_the_first_update_a_no_op():
    assert Warmup(Constant(0.1), 10).evaluate(0) == 0.0


# The smallest normal float32 is 1.2e-38, and the largest 3.4e38.
@pytest.mark.parametrize(("start", "end"), [(100.0, 2e-38), (2e-38, 100.0)])
def test_an_exponential_ramp_stays_finite_whichever_end_is_tiny(start, end):
    ramp = Warmup(Constant(end), 4, start, "exponential")
    expected = [start, start**0.75 * end**0.25, (start * end) ** 0.5, end]
    steps = [0, 1, 2, 4]
    np.testing.assert_allclose(ramp.evaluate(steps), expected, rtol=1e-13)
    # An exponent of 92 in float32 has an error of 4e-6.
    for step, rate in zip(steps, expected, strict=True):
        assert float(ramp(step)) == pytest.approx(rate, rel=1e-5)


@pytest.mark.parametrize(
    "schedule",
    [
        LinearDecay(0.1, 100, 0.3),
        PolynomialDecay(0.1, 100, 0.3, power=2.0),
        CosineDecay(0.1, 100, 0.3),
    ],
)
def test_the_end_is_reached_exactly_and_held(schedule):
    assert schedule.evaluate([100, 101, 2**31 - 1]).tolist() == [0.3, 0.3, 0.3]
    assert schedule.evaluate(99) != 0.3


@pytest.mark.parametrize(
    ("schedule", "values"),
    [
        (CosineWave(0.6, 0.0, 4), {0: 0.8, 1: 0.85, 2: 0.9, 4: 0.8}),
        (
            CosineRestarts(0.6, 4, 1.0, 0.5, 0.1, cycle_limit=2),
            {0: 0.8, 2: 0.85, 4: 0.8, 6: 0.85, 8: 0.9},
        ),
        (SlantedTriangular(0.6, 11, 0.25, 4.0), {0: 0.9, 2: 0.8, 5: 0.85, 8: 0.9}),
        (Triangular(0.1, 0.6, 2, 4), {0: 0.9, 1: 0.85, 2: 0.8, 4: 0.85, 6: 0.9}),
        (
            OneCycle(0.6, 8, 0.25, shape="linear"),
            {0: 0.9, 1: 0.85, 2: 0.8, 5: 0.85, 8: 0.9},
        ),
    ],
)
def test_momentum_is_low_where_the_rate_is_high(schedule, values):
    momentum = schedule.momentum(low=0.8, high=0.9)
    rates = momentum.evaluate(list(values))
    np.testing.assert_allclose(rates, list(values.values()), rtol=1e-14)
    steps = np.arange(10)
    assert momentum.evaluate(steps).argmin() == schedule.evaluate(steps).argmax()
