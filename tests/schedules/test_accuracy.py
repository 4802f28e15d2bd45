"""`evaluate` agrees with each formula in 50 digits, up to the last possible step."""

import numpy as np
import pytest
from rows import formula
from support import SCHEDULES

import kerasched
from kerasched.errors import MAX_STEP
from kerasched.errors import Integer
from kerasched.errors import Optional
from kerasched.schedules.arguments import Counted
from kerasched.schedules.arguments import checks_of

pytestmark = pytest.mark.host

POINTS = 2000


def is_length(check):
    check = check.check if isinstance(check, Optional) else check
    return isinstance(check, Integer) and not isinstance(check, Counted)


def longest(entry):
    """Yield the example with each length in turn at the maximum of the class."""
    for argument, check in checks_of(entry.cls).items():
        for length in (MAX_STEP, 2**30) * is_length(check):
            try:
                schedule = entry.cls(**{**entry.example_arguments, argument: length})
            except ValueError:
                continue
            yield f"{entry.name} with the longest {argument}", schedule
            break


LONGEST = dict(pair for e in kerasched.list_schedules() for pair in longest(e))
EXACT = {n: s for n, s in {**SCHEDULES, **LONGEST}.items() if s.exact}


def points_of(schedule):
    """Return random steps: half of them up to the end, half of any magnitude."""
    random = np.random.default_rng(17)
    end = min(schedule.constant_after or 1000, MAX_STEP - 1)
    before = random.integers(0, end + 2, POINTS // 2)
    anywhere = np.exp(random.uniform(0.0, np.log(2.0**31), POINTS // 2))
    return np.concatenate([before, anywhere.astype("int64")])


@pytest.mark.parametrize("name", EXACT)
def test_evaluate_agrees_with_the_formula_in_50_digits(name):
    value, steps = formula(EXACT[name]), points_of(EXACT[name])
    distinct, place = np.unique(steps, return_inverse=True)
    expected = np.array([float(value(step)) for step in distinct.tolist()])[place]
    # Allows for a few hundred roundings in float64, or one rounding of the peak.
    np.testing.assert_allclose(
        EXACT[name].evaluate(steps),
        expected,
        rtol=1e-12,
        atol=1e-15 * expected.max(),
    )
