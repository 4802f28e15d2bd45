"""The schedulers of timm.scheduler, one function each."""

import math
from collections.abc import Callable
from functools import partial
from typing import Any
from typing import Literal

from kerasched.compat.arguments import DecayRate
from kerasched.compat.arguments import Times
from kerasched.compat.arguments import WholeCount
from kerasched.compat.arguments import WholeSteps
from kerasched.compat.porting import InvalidArgumentError
from kerasched.compat.porting import port
from kerasched.compat.porting import refuse_unused
from kerasched.compat.shared import hold_then
from kerasched.compat.shared import multi_step
from kerasched.compat.shared import warmup_then
from kerasched.errors import LARGEST
from kerasched.errors import MAX_STEP
from kerasched.errors import SMALLEST
from kerasched.schedules import Constant
from kerasched.schedules import CosineDecay
from kerasched.schedules import ExponentialAnnealing
from kerasched.schedules import LinearDecay
from kerasched.schedules import PiecewiseConstant
from kerasched.schedules import PolynomialDecay
from kerasched.schedules import PowerDecay
from kerasched.schedules import Repeat
from kerasched.schedules import Schedule
from kerasched.schedules import StepDecay
from kerasched.schedules import TanhDecay
from kerasched.schedules.arguments import Part
from kerasched.schedules.arguments import Positive
from kerasched.schedules.arguments import Rate
from kerasched.schedules.progress import power
from kerasched.schedules.ratios import simplest


@port
def CosineLRScheduler(
    lr: Rate,
    t_initial: WholeSteps,
    lr_min: Rate = 0.0,
    cycle_mul: Positive = 1.0,
    cycle_decay: Positive = 1.0,
    cycle_limit: WholeCount = 1,
    warmup_t: WholeCount = 0,
    warmup_lr_init: Rate = 0.0,
    warmup_prefix: bool = False,
    k_decay: Positive = 1.0,
) -> Schedule:
    """timm's CosineLRScheduler, exact at every restart."""
    decay = partial(CosineDecay, decay_steps=t_initial, k_decay=k_decay)
    how = (cycle_mul, cycle_decay, cycle_limit)
    cycles = _repeat(decay, lr, lr_min, *how)
    return _with_warmup(cycles, warmup_t, warmup_lr_init, warmup_prefix, lr)


@port
def TanhLRScheduler(
    lr: Rate,
    t_initial: WholeSteps,
    lb: float = -7.0,
    ub: float = 3.0,
    lr_min: Rate = 0.0,
    cycle_mul: Positive = 1.0,
    cycle_decay: Positive = 1.0,
    cycle_limit: WholeCount = 1,
    warmup_t: WholeCount = 0,
    warmup_lr_init: Rate = 0.0,
    warmup_prefix: bool = False,
) -> Schedule:
    """timm's TanhLRScheduler, exact at every restart."""
    if not lb < ub:
        if ub == 3.0:  # The default: the caller gave `lb`.
            what = f"below `ub`, which is {ub}"
            raise InvalidArgumentError("lb", what, lb)
        raise InvalidArgumentError("ub", f"above `lb`, which is {lb}", ub)
    decay = partial(TanhDecay, decay_steps=t_initial, lower=lb, upper=ub)
    how = (cycle_mul, cycle_decay, cycle_limit)
    cycles = _repeat(decay, lr, lr_min, *how)
    target = lr if warmup_prefix else float(cycles.evaluate(warmup_t))
    return _with_warmup(cycles, warmup_t, warmup_lr_init, warmup_prefix, target)


@port
def PolyLRScheduler(
    lr: Rate,
    t_initial: WholeSteps,
    power: Positive = 0.5,
    lr_min: Rate = 0.0,
    cycle_mul: Positive = 1.0,
    cycle_decay: Positive = 1.0,
    cycle_limit: WholeCount = 1,
    warmup_t: WholeCount = 0,
    warmup_lr_init: Rate = 0.0,
    warmup_prefix: bool = False,
    k_decay: Positive = 1.0,
) -> Schedule:
    """timm's PolyLRScheduler, exact at every restart."""
    decay = partial(
        PolynomialDecay, decay_steps=t_initial, power=power, k_decay=k_decay
    )
    how = (cycle_mul, cycle_decay, cycle_limit)
    cycles = _repeat(decay, lr, lr_min, *how)
    return _with_warmup(cycles, warmup_t, warmup_lr_init, warmup_prefix, lr)


@port
def StepLRScheduler(
    lr: Rate,
    decay_t: Positive,
    decay_rate: DecayRate = 1.0,
    warmup_t: WholeCount = 0,
    warmup_lr_init: Rate = 0.0,
    warmup_prefix: bool = True,
) -> Schedule:
    """timm's StepLRScheduler; decay_t need not be an integer, such as 2.4 epochs."""
    if decay_t > MAX_STEP:
        what = f"at most {MAX_STEP}"
        raise InvalidArgumentError("decay_t", what, decay_t)
    if decay_rate == 0.0:
        steps: Schedule = PiecewiseConstant((math.ceil(decay_t),), (lr, 0.0))
    elif decay_t == int(decay_t):
        steps = StepDecay(lr, int(decay_t), decay_rate)
    else:
        steps = _fractional_steps(lr, decay_t, decay_rate)
    return _with_warmup(steps, warmup_t, warmup_lr_init, warmup_prefix, lr)


@port
def MultiStepLRScheduler(
    lr: Rate,
    decay_t: Times,
    decay_rate: Rate = 1.0,
    warmup_t: WholeCount = 0,
    warmup_lr_init: Rate = 0.0,
    warmup_prefix: bool = True,
) -> Schedule:
    """timm's MultiStepLRScheduler: each drop is a step before its milestone."""
    early = [max(0, math.ceil(milestone) - 1) for milestone in decay_t]
    steps = multi_step(lr, early, "decay_rate", decay_rate)
    return _with_warmup(steps, warmup_t, warmup_lr_init, warmup_prefix, lr)


@port
def WSDLRScheduler(
    lr: Rate,
    t_initial: WholeSteps,
    decay_t: WholeSteps,
    lr_min: Rate = 0.0,
    stable_fn: Literal["constant", "rsqrt", "power"] = "constant",
    stable_timescale: Positive | None = None,
    stable_power: Positive | None = None,
    decay_fn: Literal["linear", "1-sqrt", "cosine", "power", "exp"] = "1-sqrt",
    decay_power: Positive | None = None,
    decay_ratio: Part | None = None,
    warmup_t: WholeCount = 0,
    warmup_lr_init: Rate = 0.0,
) -> Schedule:
    """timm's WSDLRScheduler: warmup, a plateau that may fall, and a decay from it."""
    hold = t_initial - decay_t
    if hold < 0:
        what = f"at most `t_initial`, which is {t_initial}"
        raise InvalidArgumentError("decay_t", what, decay_t)
    decay = _decay_function(decay_fn, decay_t, decay_power, decay_ratio)
    plateau = _plateau(lr, stable_fn, stable_timescale, stable_power, warmup_t)
    if plateau is None:
        rest = hold_then(lr, hold, decay(lr, end_learning_rate=lr_min))
    else:
        plateau = plateau.clip(low=lr_min)
        rest = plateau * hold_then(1.0, hold, decay(1.0))
        if lr_min:
            rest = rest + hold_then(0.0, hold, decay(0.0, end_learning_rate=lr_min))
    return _with_warmup(rest, warmup_t, warmup_lr_init, True, lr)


def _repeat(
    decay: Callable[..., Any],
    lr: float,
    lr_min: float,
    multiplier: float,
    decay_rate: float,
    limit: int,
) -> Schedule:
    """Return a decay in cycles, in which only the start is multiplied by decay_rate."""
    if limit < 1:
        return Constant(lr_min)
    if limit == 1:
        return decay(lr, end_learning_rate=lr_min)

    def repeated(start: float, end: float, rate: float) -> Schedule:
        one = decay(start, end_learning_rate=end)
        try:
            return Repeat(one, one.decay_steps, multiplier, rate, limit)
        except ValueError:
            what = "1, or so far from it that the cycles can be counted"
            raise InvalidArgumentError("cycle_mul", what, multiplier) from None

    if decay_rate == 1.0 or lr_min == 0.0:
        return repeated(lr, lr_min, decay_rate)
    return repeated(lr, 0.0, decay_rate) + repeated(0.0, lr_min, 1.0)


def _with_warmup(
    schedule: Schedule, steps: int, start: float, prefix: bool, target: float
) -> Schedule:
    """Return a line to a target, then the schedule from its start or from that step."""
    after = schedule if prefix else schedule.shift(steps)
    return warmup_then(start, steps, target, after)


def _fractional_steps(lr: float, length: float, rate: float) -> Schedule:
    """Return drops at every multiple of a length that is not an integer."""
    exact = simplest(length)
    if exact.denominator > 10_000:
        what = "a number of fewer digits, so that each drop's step can be counted"
        raise InvalidArgumentError("decay_t", what, length)
    drops, period = exact.denominator, exact.numerator
    starts = sorted({math.ceil(i * exact) for i in range(1, drops)} - {period})
    rates = [lr * power(rate, start // exact) for start in (0, *starts)]
    factor = power(rate, drops)
    if factor < SMALLEST:  # It is 0 in float32.
        return PiecewiseConstant((*starts, period), (*rates, 0.0))
    if not all(number <= LARGEST for number in (*rates, factor)):
        what = "so small that the rate stays finite"
        raise InvalidArgumentError("decay_rate", what, rate)
    return Repeat(PiecewiseConstant(starts, rates), period, decay_rate=factor)


def _plateau(
    lr: float,
    name: str,
    timescale: float | None,
    power: float | None,
    warmup_t: int,
) -> Schedule | None:
    """Return the plateau, None for a constant one."""
    if name != "power":
        refuse_unused('It belongs to stable_fn="power"', stable_power=power)
    if name == "constant":
        refuse_unused("The plateau is constant", stable_timescale=timescale)
        return None
    timescale = warmup_t if timescale is None else timescale
    if not timescale > 0:
        what = "above 0, as there is no warmup to take it from"
        raise InvalidArgumentError("stable_timescale", what, timescale)
    power = 0.5 if power is None else power
    return PowerDecay(lr * timescale**power, -power, timescale)


def _decay_function(
    name: str, steps: int, power: float | None, ratio: float | None
) -> Callable[..., Any]:
    """Return a function that returns the decay from a start to an end."""
    k_decay = 0.5 if power is None else power
    exponential_ratio = 0.1 if ratio is None else ratio
    decays: dict[str, Callable[..., Schedule]] = {
        "linear": LinearDecay,
        "1-sqrt": partial(PolynomialDecay, k_decay=0.5),
        "cosine": CosineDecay,
        "power": partial(PolynomialDecay, k_decay=k_decay),
        "exp": partial(ExponentialAnnealing, ratio=exponential_ratio),
    }
    if name != "power":
        refuse_unused('It belongs to decay_fn="power"', decay_power=power)
    if name != "exp":
        refuse_unused('It belongs to decay_fn="exp"', decay_ratio=ratio)
    return partial(decays[name], decay_steps=steps)
