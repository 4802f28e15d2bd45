"""The bounds that a schedule gives for its rates, compared to hand computation."""

import math
import sys

import keras
import pytest

from kerasched import Chain
from kerasched import Chebyshev
from kerasched import Constant
from kerasched import CosineRestarts
from kerasched import CosineWave
from kerasched import Difference
from kerasched import Eden
from kerasched import ExponentialDecay
from kerasched import FromFunction
from kerasched import InverseTimeDecay
from kerasched import LinearDecay
from kerasched import Maximum
from kerasched import Minimum
from kerasched import Noam
from kerasched import Noise
from kerasched import OneCycle
from kerasched import PerEpoch
from kerasched import PiecewiseConstant
from kerasched import PiecewiseInterpolation
from kerasched import Repeat
from kerasched import Scale
from kerasched import Schedule
from kerasched import TanhDecay
from kerasched import Triangular
from kerasched import Warmup
from kerasched.schedules.from_function import one_over_step

pytestmark = pytest.mark.host

LINE = LinearDecay(0.8, 4, 0.2)
FOREIGN = keras.optimizers.schedules.CosineDecay(0.1, 90)
HALF_THE_LARGEST = sys.float_info.max / 2
UNKNOWN = (-math.inf, math.inf)

ROWS = [
    (Constant(0.3), (0.3, 0.3)),
    (LINE, (0.2, 0.8)),
    (LinearDecay(0.2, 4, 0.8), (0.2, 0.8)),
    (CosineWave(0.1, 0.9, 3), (0.1, 0.9)),
    # a progress of (1 - tanh(0)) / 2 = 1/2 at first, and the end
    (TanhDecay(0.8, 4, 0.0, 0.0, 3.0), (0.0, 0.4)),
    # progress from 0 to 1/2, then a jump to the end
    (TanhDecay(0.8, 4, 0.0, -50.0, 0.0), (0.0, 0.8)),
    # the value before a boundary at 0 is never used
    (PiecewiseConstant((0, 5), (0.9, 0.5, 0.7)), (0.5, 0.7)),
    # the peak lies between two steps, so the nearest steps give the maximum
    (PiecewiseInterpolation((0, 1.5, 3), (0.0, 0.3, 0.0)), (0.0, 0.2)),
    # at max / 25 / 1e4 and at max
    (OneCycle(1.0, 100), (4e-6, 1.0)),
    # doubled every 2**29 steps, until 2**31 - 1, one step short of four times
    (ExponentialDecay(0.1, 2**29, 2.0), (0.1, 0.1 * 2.0 ** (4.0 - 2.0**-29))),
    # 1 + 3 at the last possible step
    (InverseTimeDecay(0.8, 2**31 - 1, 3.0), (0.2, 0.8)),
    # 0.5 / sqrt(n) at n = 4, and at n = 2**31
    (Noam(4, 4), (2.0**-16.5, 0.25)),
    # 0.8 / curvature at the two outer nodes of four
    (
        Chebyshev(0.8, 4, 0.2, 1.0),
        (
            0.8 / (0.6 + 0.4 * math.cos(math.pi / 8)),
            0.8 / (0.6 - 0.4 * math.cos(math.pi / 8)),
        ),
    ),
    (Triangular(0.1, 0.5, 4), (0.1, 0.5)),
    # t * 2**-t / 2 is largest at t = 1 and 2: a quarter of the height
    (Triangular(0.1, 0.5, 2, mode="exp_range", gamma=0.5), (0.1, 0.2)),
    # the height may grow until the last step; it is limited to half the largest number
    (Triangular(0.0, 1.0, 2, mode="exp_range", gamma=1.5), (0.0, HALF_THE_LARGEST)),
    # the third of three cycles has the highest peak: 0.2 + 0.4 * 2**2
    (CosineRestarts(0.6, 10, 2.0, 2.0, 0.2, cycle_limit=3), (0.2, 1.8)),
    (CosineRestarts(0.6, 10, 2.0, 0.5, 0.2), (0.2, 0.6)),
    # cycles of 2**29 steps, of which there are four up to the last step
    (Repeat(Constant(0.1), 2**29, decay_rate=2.0), (0.1, 0.8)),
    (Repeat(LINE, 4, decay_rate=0.5, cycle_limit=3), (0.05, 0.8)),
    # cycles of 2**29 and 2**30 steps, and a part of the third
    (Repeat(LinearDecay(0.8, 2**29, 0.4), 2**29, 2.0, 0.5), (0.1, 0.8)),
    (Warmup(LINE, 4), (0.0, 0.8)),
    (Warmup(LINE, 4, 0.9), (0.2, 0.9)),
    (Warmup(LINE, 0), (0.2, 0.8)),
    (Chain((LINE, Constant(0.1)), (2,)), (0.1, 0.8)),
    (LINE + LINE, (0.4, 1.6)),
    (LINE * LINE, (0.04, 0.64)),
    (LINE * 0.0, (0.0, 0.0)),
    (1.0 - LINE, (0.2, 0.8)),
    (Difference(LINE, Constant(0.5), 0.0), (0.0, 0.3)),
    (Difference(LINE, Constant(0.5), 0.4), (0.4, 0.4)),
    (Minimum((LINE, Constant(0.5))), (0.2, 0.5)),
    (Maximum((LINE, Constant(0.5))), (0.5, 0.8)),
    (Minimum((FOREIGN, LINE)), (-math.inf, 0.8)),
    (1.0 - Scale(FOREIGN, 2.0), (0.0, math.inf)),
    (LINE.clip(0.3, 0.5), (0.3, 0.5)),
    (LINE.clip(0.9), (0.9, 0.9)),
    (LINE.shift(-5), (0.2, 0.8)),
    (PerEpoch(LINE, 10), (0.2, 0.8)),
    (Noise(LINE, 0.5, 1), (0.1, 1.2)),
    # without a warmup the first rate is the highest; the last step is still in epoch 0
    (Eden(0.8, 2**31 - 1, 1.0, 2**31 - 1, 0), (0.8 * 2.0**-0.5, 0.8)),
    # the upper bound ignores the decay, and the lower bound assumes that it has ended
    (
        Eden(0.8, 4, 1.0, 2**31 - 1, 4, 0.5),
        (0.8 * 2.0 * (2**31 - 1) ** -0.5 * 2.0**-0.25, 0.8),
    ),
    (FromFunction(one_over_step), UNKNOWN),
    (FromFunction(one_over_step).clip(0.0, 1.0), (0.0, 1.0)),
    (Scale(FOREIGN, 2.0), UNKNOWN),
    (0.0 * Scale(FOREIGN, 2.0), (0.0, 0.0)),
    (Chain((FOREIGN, LINE), (5,)), UNKNOWN),
]


@pytest.mark.parametrize(("schedule", "bounds"), ROWS, ids=lambda value: repr(value))
def test_bounds_are_those_computed_by_hand(schedule, bounds):
    # A few roundings of float64.
    assert schedule.bounds == pytest.approx(bounds, rel=1e-14, abs=1e-16)


def test_a_schedule_without_declared_bounds_has_none():
    class Mine(Schedule):
        def value(self, step, xp):
            return -1.0

    assert Mine().bounds == UNKNOWN


def test_bounds_do_not_call_schedules_of_another_library(monkeypatch):
    monkeypatch.setattr(type(FOREIGN), "__call__", None)
    assert (Scale(FOREIGN, 2.0) + LINE).bounds == UNKNOWN
