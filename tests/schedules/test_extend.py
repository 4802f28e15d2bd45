"""extend moves a schedule's end: past rates stay and the rest is stretched."""

import re
import warnings

import keras
import numpy as np
import pytest
from hypothesis import assume
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st

from kerasched import SWALR
from kerasched import Chain
from kerasched import Clip
from kerasched import Constant
from kerasched import CosineDecay
from kerasched import CosineWave
from kerasched import FlatCosine
from kerasched import InverseSqrtDecay
from kerasched import Knee
from kerasched import LinearDecay
from kerasched import Minimum
from kerasched import MultiStepDecay
from kerasched import OneCycle
from kerasched import PerEpoch
from kerasched import PerUpdate
from kerasched import PiecewiseConstant
from kerasched import PiecewiseInterpolation
from kerasched import PolynomialDecay
from kerasched import Product
from kerasched import Rex
from kerasched import Scale
from kerasched import Shift
from kerasched import SlantedTriangular
from kerasched import StepDecay
from kerasched import Sum
from kerasched import TanhDecay
from kerasched import Warmup
from kerasched import WarmupStableDecay
from kerasched.schedules.decay import Decay
from kerasched.schedules.progress import Progress

pytestmark = pytest.mark.host

HALVES = (Constant(0.1), LinearDecay(0.1, 100))
BASE = LinearDecay(0.1, 100)
MOVABLE = "Argument `schedule` of extend must be a schedule whose end can be moved. "
SHORT = "large enough that each remaining phase has a step"


@pytest.mark.parametrize(
    ("old", "new_total", "step", "expected"),
    [
        # The value at step 50 is half of the initial value.
        (BASE, 200, 0, LinearDecay(0.1, 200)),
        (BASE, 200, 50, Chain((BASE, LinearDecay(0.05, 150)), (50,))),
        (BASE, 60, 50, Chain((BASE, LinearDecay(0.05, 10)), (50,))),
        (Warmup(BASE, 10), 210, 0, Warmup(LinearDecay(0.1, 200), 10)),
        (Warmup(BASE, 10), 210, 7, Warmup(LinearDecay(0.1, 200), 10)),
        (
            Warmup(BASE, 10),
            210,
            60,
            Warmup(Chain((BASE, LinearDecay(0.05, 150)), (50,)), 10),
        ),
        # Only a ramp, which is at half of its height at step 5 of 10.
        (
            Warmup(Constant(0.1), 10),
            25,
            5,
            Chain(
                (Warmup(Constant(0.1), 10), Warmup(Constant(0.1), 20, 0.05)),
                (5,),
            ),
        ),
        # From step 20 on, 80 steps of the first part and 100 of the second become
        # twice as long.
        (Chain(HALVES, (100,)), 380, 20, Chain((HALVES[0], BASE.extend(200)), (180,))),
        (
            Chain(HALVES, (100,)),
            300,
            150,
            Chain((HALVES[0], BASE.extend(200, 50)), (100,)),
        ),
        (
            PiecewiseConstant((10, 30, 40), (4.0, 3.0, 2.0, 1.0)),
            60,
            20,
            PiecewiseConstant((10, 40, 60), (4.0, 3.0, 2.0, 1.0)),
        ),
        (
            MultiStepDecay(1.0, (10, 30)),
            60,
            0,
            PiecewiseConstant((20, 60), (1, 0.1, 0.1**2)),
        ),
        (OneCycle(0.1, 100), 300, 0, OneCycle(0.1, 300).compose()),
        (FlatCosine(0.1, 100), 300, 0, FlatCosine(0.1, 300).compose()),
        (SWALR(0.1, 0.05), 30, 0, CosineDecay(0.1, 30, 0.05)),
        # The plateau is extended, or the decay if it has already begun.
        (WarmupStableDecay(0.1, 10, 20, 30), 90, 0, WarmupStableDecay(0.1, 10, 50, 30)),
        (
            WarmupStableDecay(0.1, 10, 20, 30),
            55,
            29,
            WarmupStableDecay(0.1, 10, 19, 26),
        ),
        (WarmupStableDecay(0.1, 10, 20, 30), 35, 5, WarmupStableDecay(0.1, 10, 0, 25)),
        (
            WarmupStableDecay(0.1, 0, 20, 30),
            80,
            35,
            Warmup(Chain((HALVES[0], LinearDecay(0.1, 30).extend(60, 15)), (20,)), 0),
        ),
        (Knee(0.1, 10, 20, 60), 90, 15, WarmupStableDecay(0.1, 10, 50, 30)),
        (2 * BASE, 200, 0, 2 * LinearDecay(0.1, 200)),
        (BASE.clip(0.01), 200, 50, BASE.extend(200, 50).clip(0.01)),
        # The shorter part ends half-way, before and after the extension.
        (
            BASE + CosineDecay(0.1, 200),
            400,
            0,
            LinearDecay(0.1, 200) + CosineDecay(0.1, 400),
        ),
        (
            BASE * CosineDecay(0.1, 200),
            300,
            150,
            BASE * CosineDecay(0.1, 200).extend(300, 150),
        ),
        (
            1.0 - BASE - CosineDecay(0.1, 200),
            400,
            0,
            1.0 - LinearDecay(0.1, 200) - CosineDecay(0.1, 400),
        ),
        (
            Minimum((BASE, CosineDecay(0.1, 200))),
            300,
            150,
            Minimum((BASE, CosineDecay(0.1, 200).extend(300, 150))),
        ),
        (BASE.shift(20), 180, 30, BASE.extend(200, 50).shift(20)),
        (BASE.shift(-20), 220, 10, LinearDecay(0.1, 200).shift(-20)),
        (PerEpoch(BASE, 7), 1400, 355, PerEpoch(BASE.extend(200, 50), 7)),
        (PerUpdate(BASE, 4), 800, 200, PerUpdate(BASE.extend(200, 50), 4)),
    ],
)
def test_each_kind_of_schedule_is_extended(old, new_total, step, expected):
    assert old.extend(new_total, step) == expected


def test_future_points_are_stretched_from_the_current_rate():
    # At step 20 the rate is half-way from 0 to 4. 10 and 30 steps become 20 and 60.
    old = PiecewiseInterpolation((10, 30, 50), (0.0, 4.0, 1.0))
    rest = PiecewiseInterpolation((0, 20, 60), (2.0, 4.0, 1.0))
    assert old.extend(80, 20) == Chain((old, rest), (20,))


def test_points_that_are_all_in_the_future_are_moved():
    old = PiecewiseInterpolation((10, 30), (0.0, 4.0), "cosine")
    assert old.extend(60) == PiecewiseInterpolation((20, 60), (0.0, 4.0), "cosine")


def test_a_hyperbolic_tangent_continues_on_the_same_curve():
    # A hyperbolic tangent with lower=-1 starts far below the initial rate.
    old = TanhDecay(0.1, 100, lower=-1.0, upper=3.0)
    rest = TanhDecay(0.1, 150, lower=1.0, upper=3.0)
    assert old.extend(200, 50) == Chain((old, rest), (50,))


def test_the_name_is_kept():
    assert LinearDecay(0.1, 100, name="mine").extend(200, 50).name == "mine"
    assert LinearDecay(0.1, 100, name="mine").extend(200).name == "mine"


def test_a_schedule_can_be_extended_repeatedly():
    twice = BASE.extend(200, 50).extend(110, 100)
    # The rate is 0.05 at step 50. At step 100 a third of the steps to 200 are done.
    # Then it takes 10 steps to 0.
    assert twice.evaluate([49, 50, 100]).tolist() == pytest.approx(
        [0.051, 0.05, 0.05 * 2 / 3]
    )
    np.testing.assert_allclose(
        twice.evaluate([105, 110, 999]), [0.05 / 3, 0, 0], atol=1e-15
    )


rates = st.floats(1e-6, 1.0)
lengths = st.integers(2, 400)
decays = st.one_of(
    st.builds(LinearDecay, rates, lengths, rates),
    st.builds(PolynomialDecay, rates, lengths, rates, st.floats(0.2, 4.0)),
    st.builds(CosineDecay, rates, lengths, rates, st.floats(0.5, 2), st.floats(0.5, 2)),
    st.builds(Rex, rates, lengths, rates),
    st.builds(TanhDecay, rates, lengths, rates),
    st.builds(SWALR, rates, rates, lengths),
)
made_of_phases = st.one_of(
    st.builds(OneCycle, rates, lengths),
    st.builds(FlatCosine, rates, lengths),
    st.builds(SlantedTriangular, rates, st.integers(20, 400)),
    st.builds(WarmupStableDecay, rates, lengths, lengths, lengths, rates),
    st.builds(lambda rate, a, b: Knee(rate, a, b, a + b + 9), rates, lengths, lengths),
    st.builds(PiecewiseConstant, st.just((50, 90)), st.tuples(rates, rates, rates)),
)


def made_of(inner):
    return st.one_of(
        st.builds(Warmup, inner, lengths, rates),
        st.builds(Warmup, st.builds(Constant, rates), lengths, rates),
        st.builds(lambda a, b, at: Chain((a, b), (at,)), inner, inner, lengths),
        st.builds(Scale, inner, rates),
        st.builds(Clip, inner, rates),
        st.builds(Shift, inner, st.integers(-50, 50)),
        st.builds(lambda a, b: Sum((a, b)), inner, inner),
        st.builds(lambda a, b: Product((a, b)), inner, inner),
    )


def assert_extended(old, part, more):
    """Extend a schedule at a fraction of its steps, and check the new schedule."""
    end = old.constant_after
    step = int(part * end)
    total = step + more
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            new = old.extend(total, step)
        except ValueError as error:
            assume(SHORT not in str(error) and MOVABLE not in str(error))
            raise
    past = np.arange(step)
    np.testing.assert_array_equal(new.evaluate(past), old.evaluate(past))
    # Both rates are float64 with some tens of roundings.
    np.testing.assert_allclose(new.evaluate(step), old.evaluate(step), rtol=1e-9)
    assert new.constant_after == total
    held = new.evaluate([total, total + 1, total + 10_000])
    np.testing.assert_allclose(held, old.evaluate(end), rtol=1e-9, atol=1e-15)


parts = st.floats(0, 1, exclude_max=True)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(decays, parts, st.integers(1, 3000))
def test_a_decay_can_be_extended_at_any_step(old, part, more):
    assert_extended(old, part, more)


@settings(max_examples=150, deadline=None, derandomize=True)
@given(
    st.recursive(st.one_of(decays, made_of_phases), made_of, max_leaves=3),
    parts,
    st.integers(200, 4000),
)
def test_the_past_is_kept_the_join_is_smooth_and_the_end_is_reached(old, part, more):
    assume(old.constant_after)
    assert_extended(old, part, more)


def test_a_curve_that_cannot_be_joined_warns_of_its_jump():
    class Half(Decay):
        """A decay that starts at half of its initial rate, like the rest of it."""

        def curve(self, progress):
            def half():
                return 0.5 * progress.left

            return Progress(progress.xp, lambda: 1.0 - half(), half)

    # The rate at step 50 is a quarter of 0.1. The rest starts at half of that.
    text = "The rate jumps at step 50, from 0.025 to 0.0125: the new curve does not"
    with pytest.warns(UserWarning, match=re.escape(text)) as caught:
        keras.saving.register_keras_serializable("test")(Half)(0.1, 100).extend(200, 50)
    assert len(caught) == 1
    assert caught[0].filename == __file__


NO_END = (
    "Argument `schedule` of extend must be a schedule that ends. Received: schedule="
)


@pytest.mark.parametrize(
    ("old", "new_total", "step", "text"),
    [
        (CosineWave(0.1, 0.01, 20), 200, 0, f"{NO_END}CosineWave("),
        (InverseSqrtDecay(0.1), 200, 0, f"{NO_END}InverseSqrtDecay("),
        (BASE.then(CosineWave(0.1, 0.0, 9)), 200, 0, f"{NO_END}Chain("),
        (
            Chain((CosineWave(0.1, 0.0, 9), BASE), (50,)),
            200,
            0,
            f"{NO_END}CosineWave(",
        ),
        (
            Warmup(keras.optimizers.schedules.CosineDecay(0.1, 90), 10),
            200,
            0,
            f"{NO_END}Warmup(",
        ),
        (
            Constant(0.1),
            200,
            0,
            "Argument `schedule` of extend must be a schedule that changes. Received: "
            "schedule=Constant(learning_rate=0.1)",
        ),
        (
            StepDecay(0.1, 10, end_learning_rate=0.01),
            200,
            0,
            f"{MOVABLE}Received: schedule=StepDecay(",
        ),
        (Constant(0.1).shift(-5), 200, 0, f"{MOVABLE}Received: schedule=Shift("),
        (
            BASE,
            50,
            50,
            "Argument `new_total` of extend must be above `step`, which is 50. "
            "Received: new_total=50",
        ),
        (
            BASE,
            200,
            100,
            "Argument `step` of extend must be below 100, where the schedule ends. "
            "Received: step=100. Add what comes next with then(schedule)",
        ),
        (BASE, 0, 0, "Argument `new_total` of extend must be a positive integer. "),
        (BASE, 9, -1, "Argument `step` of extend must be a non-negative integer. "),
        (
            Warmup(BASE, 10),
            10,
            5,
            f"Argument `new_total` of extend must be {SHORT}. Received: new_total=10",
        ),
        (WarmupStableDecay(0.1, 10, 20, 30), 10, 5, f"{SHORT}. Received: new_total=10"),
        (PiecewiseConstant((10, 11), (3, 2, 1)), 5, 0, f"{SHORT}. Received: new_tota"),
        (BASE.shift(-20), 20, 0, f"{SHORT}. Received: new_total=20"),
        (
            Warmup(PerEpoch(BASE, 7), 1),
            701 + 8,
            0,
            "Argument `new_total` of extend must be such that PerEpoch has a whole "
            "number of 7 steps. Received: new_total=709",
        ),
    ],
)
def test_an_invalid_extension_raises_with_the_reason(old, new_total, step, text):
    with pytest.raises(ValueError, match=re.escape(text)):
        old.extend(new_total, step)


def test_past_schedules_may_be_of_any_kind():
    old = Chain((CosineWave(0.1, 0.0, 9), BASE), (50,))
    assert old.extend(250, 50) == Chain((old.schedules[0], BASE.extend(200)), (50,))
