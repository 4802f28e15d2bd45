"""Ignite's parameter schedulers, with the values at the start of each iteration."""

from kerasched import CosineDecay
from kerasched import CosineRestarts
from kerasched import ExponentialDecay
from kerasched import PiecewiseInterpolation
from kerasched import Repeat
from kerasched import Triangular
from kerasched import Warmup
from migrating.original import original

REASONS = {}


@original("LinearCyclicalScheduler")
def linear(start_value, end_value, cycle_size):
    return Triangular(start_value, end_value, cycle_size // 2)


@original("LinearCyclicalScheduler")
def linear_shrinking(
    start_value, end_value, cycle_size, start_value_mult, end_value_mult
):
    half = cycle_size // 2
    starts = Repeat(
        Triangular(start_value, 0.0, half), cycle_size, 1.0, start_value_mult
    )
    ends = Repeat(Triangular(0.0, end_value, half), cycle_size, 1.0, end_value_mult)
    return starts + ends


@original("LinearCyclicalScheduler", monotonic=True)
def linear_monotonic(start_value, end_value, cycle_size, warmup_duration):
    return Triangular(start_value, end_value, cycle_size, warmup_duration)


@original("CosineAnnealingScheduler")
def cosine(start_value, end_value, cycle_size):
    return CosineRestarts(start_value, cycle_size, 1.0, end_learning_rate=end_value)


@original("CosineAnnealingScheduler")
def cosine_shrinking(
    start_value, end_value, cycle_size, start_value_mult, end_value_mult
):
    fall, rise = (
        CosineDecay(start_value, cycle_size),
        CosineDecay(0.0, cycle_size, end_value),
    )
    starts = Repeat(fall, cycle_size, 1.0, start_value_mult)
    return starts + Repeat(rise, cycle_size, 1.0, end_value_mult)


@original("PiecewiseLinear")
def piecewise_linear(milestones_values):
    return PiecewiseInterpolation(*zip(*milestones_values, strict=True))


@original("create_lr_scheduler_with_warmup(ExponentialLR)")
def exponential_with_warmup(lr, gamma, warmup_start_value, warmup_duration):
    decay = ExponentialDecay(lr, 1, gamma)
    return Warmup(decay, warmup_duration - 1, warmup_start_value)
