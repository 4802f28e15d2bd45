"""optax.schedules, as schedules; a step is an update, as in optax."""

import math
from collections.abc import Mapping
from itertools import accumulate
from types import SimpleNamespace
from typing import Literal

from kerasched.compat.arguments import AnyWhole
from kerasched.compat.arguments import CosineCycles
from kerasched.compat.arguments import DecayRate
from kerasched.compat.arguments import RisingMilestones
from kerasched.compat.arguments import Scales
from kerasched.compat.arguments import Schedules
from kerasched.compat.arguments import WholeCount
from kerasched.compat.arguments import WholeSteps
from kerasched.compat.porting import InvalidArgumentError
from kerasched.compat.porting import metric_driven
from kerasched.compat.porting import port
from kerasched.compat.shared import chain
from kerasched.compat.shared import warmup_then
from kerasched.schedules import Chain
from kerasched.schedules import Constant
from kerasched.schedules import CosineDecay
from kerasched.schedules import ExponentialDecay
from kerasched.schedules import PiecewiseConstant
from kerasched.schedules import PiecewiseInterpolation
from kerasched.schedules import PolynomialDecay
from kerasched.schedules import Schedule
from kerasched.schedules.arguments import Positive
from kerasched.schedules.arguments import Rate
from kerasched.schedules.arguments import Share

reduce_on_plateau = metric_driven("optax.contrib.reduce_on_plateau")
contrib = SimpleNamespace(reduce_on_plateau=reduce_on_plateau)


@port
def constant_schedule(value: Rate) -> Schedule:
    """optax's constant_schedule."""
    return Constant(value)


@port
def polynomial_schedule(
    init_value: Rate,
    end_value: Rate,
    power: Positive,
    transition_steps: AnyWhole,
    transition_begin: AnyWhole = 0,
) -> Schedule:
    """optax's polynomial_schedule; constant if transition_steps is 0."""
    if transition_steps <= 0:
        return Constant(init_value)
    decay = PolynomialDecay(init_value, transition_steps, end_value, power)
    return _delayed(decay, transition_begin)


@port
def linear_schedule(
    init_value: Rate,
    end_value: Rate,
    transition_steps: AnyWhole,
    transition_begin: AnyWhole = 0,
) -> Schedule:
    """optax's linear_schedule; constant if transition_steps is 0."""
    steps = (transition_steps, transition_begin)
    return polynomial_schedule(init_value, end_value, 1.0, *steps)


@port
def exponential_decay(
    init_value: Rate,
    transition_steps: AnyWhole,
    decay_rate: DecayRate,
    transition_begin: AnyWhole = 0,
    staircase: bool = False,
    end_value: Rate | None = None,
) -> Schedule:
    """optax's exponential_decay; constant if its steps or its rate are 0."""
    if transition_steps <= 0 or decay_rate == 0:
        return Constant(init_value)
    how = (transition_steps, decay_rate, staircase)
    decay: Schedule = ExponentialDecay(init_value, *how)
    if end_value is not None:
        falls = decay_rate < 1.0
        decay = decay.clip(end_value) if falls else decay.clip(high=end_value)
    return _delayed(decay, transition_begin)


@port
def cosine_decay_schedule(
    init_value: Rate,
    decay_steps: WholeSteps,
    alpha: Rate = 0.0,
    exponent: Positive = 1.0,
) -> Schedule:
    """optax's cosine_decay_schedule, where alpha is a fraction of the start."""
    return CosineDecay(init_value, decay_steps, init_value * alpha, exponent)


@port
def piecewise_constant_schedule(
    init_value: Rate, boundaries_and_scales: Scales | None = None
) -> Schedule:
    """optax's piecewise_constant_schedule: each scale multiplies the rate before."""
    steps, rates = _boundaries_and_rates(init_value, boundaries_and_scales)
    return PiecewiseConstant(steps, rates)


@port
def piecewise_interpolate_schedule(
    interpolate_type: Literal["linear", "cosine"],
    init_value: Rate,
    boundaries_and_scales: Scales | None = None,
) -> Schedule:
    """optax's piecewise_interpolate_schedule: each scale multiplies the rate before."""
    steps, rates = _boundaries_and_rates(init_value, boundaries_and_scales)
    return PiecewiseInterpolation((0, *steps), rates, interpolate_type)


@port
def linear_onecycle_schedule(
    transition_steps: WholeSteps,
    peak_value: Rate,
    pct_start: Share = 0.3,
    pct_final: Share = 0.85,
    div_factor: Positive = 25.0,
    final_div_factor: Positive = 1e4,
) -> Schedule:
    """optax's linear_onecycle_schedule: up, down to the start, and far below it."""
    scales = {
        int(pct_start * transition_steps): div_factor,
        int(pct_final * transition_steps): 1.0 / div_factor,
        transition_steps: 1.0 / final_div_factor,
    }
    start = peak_value / div_factor
    return piecewise_interpolate_schedule("linear", start, scales)


@port
def cosine_onecycle_schedule(
    transition_steps: WholeSteps,
    peak_value: Rate,
    pct_start: Share = 0.3,
    div_factor: Positive = 25.0,
    final_div_factor: Positive = 1e4,
) -> Schedule:
    """optax's cosine_onecycle_schedule: up, and down to far below the start."""
    scales = {
        int(pct_start * transition_steps): div_factor,
        transition_steps: 1.0 / (div_factor * final_div_factor),
    }
    start = peak_value / div_factor
    return piecewise_interpolate_schedule("cosine", start, scales)


@port
def warmup_constant_schedule(
    init_value: Rate, peak_value: Rate, warmup_steps: AnyWhole
) -> Schedule:
    """optax's warmup_constant_schedule; constant if warmup_steps is 0."""
    return linear_schedule(init_value, peak_value, warmup_steps)


@port
def warmup_cosine_decay_schedule(
    init_value: Rate,
    peak_value: Rate,
    warmup_steps: WholeCount,
    decay_steps: WholeSteps,
    end_value: Rate = 0.0,
    exponent: Positive = 1.0,
) -> Schedule:
    """optax's warmup_cosine_decay_schedule: decay_steps include the warmup."""
    if decay_steps <= warmup_steps:
        what = f"above `warmup_steps`, which is {warmup_steps}: they include it"
        raise InvalidArgumentError("decay_steps", what, decay_steps)
    end = end_value if peak_value else 0.0
    decay = CosineDecay(peak_value, decay_steps - warmup_steps, end, exponent)
    return warmup_then(init_value, warmup_steps, peak_value, decay)


@port
def warmup_exponential_decay_schedule(
    init_value: Rate,
    peak_value: Rate,
    warmup_steps: WholeCount,
    transition_steps: AnyWhole,
    decay_rate: DecayRate,
    transition_begin: AnyWhole = 0,
    staircase: bool = False,
    end_value: Rate | None = None,
) -> Schedule:
    """optax's warmup_exponential_decay_schedule: a line, then exponential_decay."""
    how = (transition_begin, staircase, end_value)
    decay = exponential_decay(peak_value, transition_steps, decay_rate, *how)
    return warmup_then(init_value, warmup_steps, peak_value, decay)


@port
def sgdr_schedule(cosine_kwargs: CosineCycles) -> Schedule:
    """optax's sgdr_schedule: one warmup_cosine_decay_schedule after the other."""
    schedules = [warmup_cosine_decay_schedule(**kwargs) for kwargs in cosine_kwargs]
    ends = [*accumulate(round(kwargs["decay_steps"]) for kwargs in cosine_kwargs)]
    return Chain(schedules, ends[:-1])


@port
def join_schedules(schedules: Schedules, boundaries: RisingMilestones) -> Schedule:
    """optax's join_schedules: schedules that each count from their own boundary."""
    return chain(schedules, boundaries, "schedules", "boundaries")


def _delayed(schedule: Schedule, begin: int) -> Schedule:
    """Return a schedule that holds its first rate until it begins."""
    return schedule.shift(-begin) if begin > 0 else schedule


def _boundaries_and_rates(
    start: float, boundaries_and_scales: Mapping[int, float] | None
) -> tuple[list[int], list[float]]:
    """Return the boundaries in order, the first rate, and the rate from each on."""
    items = sorted((boundaries_and_scales or {}).items())
    scales = [scale for _, scale in items]
    rates = [start * math.prod(scales[:i]) for i in range(len(scales) + 1)]
    return [boundary for boundary, _ in items], rates
