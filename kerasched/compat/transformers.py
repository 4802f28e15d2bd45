"""The schedules of transformers' optimization module.

`lr`, the optimizer's rate, replaces the optimizer as an argument. A step is an
optimizer update, and num_training_steps includes the warmup. A number of steps may be a
float with an integer value, such as 0.1 * 1000. Those that follow a metric,
"reduce_lr_on_plateau" and "greedy", raise an error that names a callback to use.
"""

import inspect
import math
from collections.abc import Callable
from typing import Any
from typing import Literal

from kerasched.compat.arguments import Keywords
from kerasched.compat.arguments import WholeCount
from kerasched.compat.porting import InvalidArgumentError
from kerasched.compat.porting import metric_driven
from kerasched.compat.porting import port
from kerasched.compat.porting import refuse_unused
from kerasched.compat.shared import hold_then
from kerasched.compat.shared import warmup_then
from kerasched.errors import MAX_STEP
from kerasched.errors import Choice
from kerasched.schedules import Chain
from kerasched.schedules import Constant
from kerasched.schedules import CosineDecay
from kerasched.schedules import CosineWave
from kerasched.schedules import InverseSqrtDecay
from kerasched.schedules import LinearDecay
from kerasched.schedules import PiecewiseInterpolation
from kerasched.schedules import PolynomialDecay
from kerasched.schedules import Schedule
from kerasched.schedules.arguments import Positive
from kerasched.schedules.arguments import Rate

MOST_CYCLES = 4096  # Of hard restarts: each one is a piece of the schedule.

get_reduce_on_plateau_schedule = metric_driven(
    "transformers.get_reduce_on_plateau_schedule"
)
get_greedy_schedule = metric_driven("transformers.get_greedy_schedule")


@port
def get_constant_schedule(lr: Rate) -> Schedule:
    """transformers' get_constant_schedule."""
    return Constant(lr)


@port
def get_constant_schedule_with_warmup(
    lr: Rate, num_warmup_steps: WholeCount
) -> Schedule:
    """transformers' get_constant_schedule_with_warmup: a line from 0, then lr."""
    return warmup_then(0.0, num_warmup_steps, lr, Constant(lr))


@port
def get_linear_schedule_with_warmup(
    lr: Rate, num_warmup_steps: WholeCount, num_training_steps: WholeCount
) -> Schedule:
    """transformers' get_linear_schedule_with_warmup: a line from 0, a line to 0."""
    steps = num_training_steps - num_warmup_steps
    decay = LinearDecay(lr, steps) if steps > 0 else Constant(0.0)
    return warmup_then(0.0, num_warmup_steps, lr, decay)


@port
def get_cosine_schedule_with_warmup(
    lr: Rate,
    num_warmup_steps: WholeCount,
    num_training_steps: WholeCount,
    num_cycles: Rate = 0.5,
) -> Schedule:
    """transformers' get_cosine_schedule_with_warmup, which rises again at the end."""
    steps = max(1, num_training_steps - num_warmup_steps)
    wave = _cosine_wave(lr, 0.0, steps, num_cycles)
    return warmup_then(0.0, num_warmup_steps, lr, wave)


@port
def get_cosine_with_hard_restarts_schedule_with_warmup(
    lr: Rate,
    num_warmup_steps: WholeCount,
    num_training_steps: WholeCount,
    num_cycles: Positive = 1,
) -> Schedule:
    """transformers' get_cosine_with_hard_restarts_schedule_with_warmup."""
    steps = max(1, num_training_steps - num_warmup_steps)
    if num_cycles > MOST_CYCLES:
        what = f"at most {MOST_CYCLES}"
        raise InvalidArgumentError("num_cycles", what, num_cycles)
    if steps / num_cycles > MAX_STEP:
        what = f"such that a cycle has at most {MAX_STEP} steps"
        raise InvalidArgumentError("num_cycles", what, num_cycles)
    cycles = math.ceil(num_cycles)
    points = [i * steps / num_cycles for i in range(cycles + 1) for _ in (0, 1)][1:-1]
    waves = PiecewiseInterpolation(points, (lr, 0.0) * cycles, "cosine")
    decay = Chain((waves, Constant(0.0)), (steps,))
    return warmup_then(0.0, num_warmup_steps, lr, decay)


@port
def get_polynomial_decay_schedule_with_warmup(
    lr: Rate,
    num_warmup_steps: WholeCount,
    num_training_steps: WholeCount,
    lr_end: Rate = 1e-7,
    power: Positive = 1.0,
) -> Schedule:
    """transformers' get_polynomial_decay_schedule_with_warmup."""
    if not lr > lr_end:
        if lr_end == 1e-7:  # The default: the caller gave `lr`.
            what = f"above `lr_end`, which is {lr_end}"
            raise InvalidArgumentError("lr", what, lr)
        raise InvalidArgumentError("lr_end", f"below `lr`, which is {lr}", lr_end)
    steps = num_training_steps - num_warmup_steps
    decay = PolynomialDecay(lr, steps, lr_end, power) if steps > 0 else Constant(lr_end)
    return warmup_then(0.0, num_warmup_steps, lr, decay)


@port
def get_inverse_sqrt_schedule(
    lr: Rate, num_warmup_steps: WholeCount, timescale: Positive | None = None
) -> Schedule:
    """transformers' get_inverse_sqrt_schedule; timescale is the warmup or 10000."""
    timescale = num_warmup_steps or 10_000 if timescale is None else timescale
    return warmup_then(0.0, num_warmup_steps, lr, InverseSqrtDecay(lr, timescale))


@port
def get_cosine_with_min_lr_schedule_with_warmup(
    lr: Rate,
    num_warmup_steps: WholeCount,
    num_training_steps: WholeCount,
    num_cycles: Rate = 0.5,
    min_lr: Rate | None = None,
    min_lr_rate: Rate | None = None,
) -> Schedule:
    """transformers' get_cosine_with_min_lr_schedule_with_warmup; it rises again."""
    low = _minimum_rate(lr, min_lr, min_lr_rate)
    steps = max(1, num_training_steps - num_warmup_steps)
    wave = _cosine_wave(lr, low, steps, num_cycles)
    return warmup_then(0.0, num_warmup_steps, lr, wave)


@port
def get_cosine_with_min_lr_schedule_with_warmup_lr_rate(
    lr: Rate,
    num_warmup_steps: WholeCount,
    num_training_steps: WholeCount,
    num_cycles: Rate = 0.5,
    min_lr: Rate | None = None,
    min_lr_rate: Rate | None = None,
    warmup_lr_rate: Rate | None = None,
) -> Schedule:
    """transformers' get_cosine_with_min_lr_schedule_with_warmup_lr_rate.

    It counts steps from 1: the peak is at num_warmup_steps - 1 and the minimum at
    num_training_steps - 1, after which the rate rises again.
    """
    low = _minimum_rate(lr, min_lr, min_lr_rate)
    steps = max(1, num_training_steps - num_warmup_steps)
    wave = _cosine_wave(lr, low, steps, num_cycles).shift(1)
    if num_warmup_steps == 0:
        return wave
    first = 1.0 / num_warmup_steps if warmup_lr_rate is None else warmup_lr_rate
    rise: Schedule = Constant(lr * first)
    if num_warmup_steps > 1:
        rise = LinearDecay(lr * first, num_warmup_steps - 1, lr)
    return Chain((rise, wave), (num_warmup_steps,))


@port
def get_wsd_schedule(
    lr: Rate,
    num_warmup_steps: WholeCount,
    num_decay_steps: WholeCount,
    num_training_steps: WholeCount | None = None,
    num_stable_steps: WholeCount | None = None,
    warmup_type: Literal["linear", "cosine", "1-sqrt"] = "linear",
    decay_type: Literal["linear", "cosine", "1-sqrt"] = "cosine",
    min_lr_ratio: Rate = 0.0,
    num_cycles: Rate = 0.5,
) -> Schedule:
    """transformers' get_wsd_schedule: the warmup begins at min_lr_ratio * lr.

    If warmup and decay together are longer than num_training_steps, the decay begins
    during the warmup and applies after it, as in the original.
    """
    low = lr * min_lr_ratio
    before = num_warmup_steps + num_decay_steps
    stable = _stable_steps(before, num_training_steps, num_stable_steps)
    if decay_type != "cosine":
        refuse_unused('It belongs to decay_type="cosine"', 0.5, num_cycles=num_cycles)
    rest: Schedule = Constant(low)
    if num_decay_steps:
        curve = FALLS[decay_type](lr, num_decay_steps, low, num_cycles)
        rest = Chain((curve, rest), (num_decay_steps,))
    rest = rest.shift(-stable) if stable < 0 else hold_then(lr, stable, rest)
    if num_warmup_steps == 0:
        return rest
    rise = RISES[warmup_type](low, num_warmup_steps, lr)
    return Chain((rise, rest), (num_warmup_steps,))


RISES: dict[str, Callable[..., Schedule]] = {
    "linear": LinearDecay,
    "cosine": CosineDecay,
    "1-sqrt": lambda low, steps, lr: PolynomialDecay(low, steps, lr, power=0.5),
}
FALLS: dict[str, Callable[..., Schedule]] = {
    "linear": lambda lr, steps, low, cycles: LinearDecay(lr, steps, low),
    "cosine": lambda lr, steps, low, cycles: _cosine_wave(
        lr, low, steps, cycles, "num_decay_steps"
    ),
    "1-sqrt": lambda lr, steps, low, cycles: PolynomialDecay(
        lr, steps, low, k_decay=0.5
    ),
}

SCHEDULERS = {
    "linear": get_linear_schedule_with_warmup,
    "cosine": get_cosine_schedule_with_warmup,
    "cosine_with_restarts": get_cosine_with_hard_restarts_schedule_with_warmup,
    "polynomial": get_polynomial_decay_schedule_with_warmup,
    "constant": get_constant_schedule,
    "constant_with_warmup": get_constant_schedule_with_warmup,
    "inverse_sqrt": get_inverse_sqrt_schedule,
    "reduce_lr_on_plateau": get_reduce_on_plateau_schedule,
    "cosine_with_min_lr": get_cosine_with_min_lr_schedule_with_warmup,
    "cosine_warmup_with_min_lr": get_cosine_with_min_lr_schedule_with_warmup_lr_rate,
    "warmup_stable_decay": get_wsd_schedule,
    "greedy": get_greedy_schedule,
}


@port
def get_scheduler(
    name: Any,
    lr: Rate,
    num_warmup_steps: WholeCount | None = None,
    num_training_steps: WholeCount | None = None,
    scheduler_specific_kwargs: Keywords | None = None,
) -> Schedule:
    """transformers' get_scheduler: a schedule by its name.

    As in the original, arguments that a schedule does not use are ignored, because a
    script passes the same arguments to each.
    """
    name = getattr(name, "value", name)
    name = Choice(tuple(SCHEDULERS))("transformers.get_scheduler", "name", name)
    function = SCHEDULERS[name]
    specific = dict(scheduler_specific_kwargs or {})
    if name in ("constant", "constant_with_warmup"):
        specific = {}
    steps = {
        "num_warmup_steps": num_warmup_steps,
        "num_training_steps": num_training_steps,
    }
    taken = inspect.signature(function).parameters
    used = {key: value for key, value in steps.items() if key in taken}
    if specific.get("num_stable_steps") is not None:
        del used["num_training_steps"]
    for key, value in used.items():
        if value is None:
            what = f"given for the schedule {name!r}"
            raise InvalidArgumentError(key, what, value)
    return function(lr, **used, **specific)


def _cosine_wave(
    lr: float,
    low: float,
    steps: int,
    cycles: float,
    argument: str = "num_training_steps",
) -> CosineWave | Constant:
    """Return a cosine wave with some cycles in the steps, a constant for 0 cycles."""
    if cycles == 0.0:
        return Constant(lr)
    if cycles == 0.5 and steps > MAX_STEP // 2:
        what = f"such that the decay has at most {MAX_STEP // 2} steps"
        raise InvalidArgumentError(argument, what, steps)
    try:
        return CosineWave(lr, low, steps, cycles)
    except ValueError:
        what = "a number of fewer digits, so that each step's phase can be counted"
        raise InvalidArgumentError("num_cycles", what, cycles) from None


def _minimum_rate(lr: Rate, min_lr: float | None, min_lr_rate: float | None) -> float:
    """Return the minimum, given as a rate or as a fraction of `lr`."""
    if min_lr is None and min_lr_rate is not None:
        return lr * min_lr_rate
    if min_lr is not None and min_lr_rate is None:
        return min_lr
    what = "given, or `min_lr_rate`, but not both"
    raise InvalidArgumentError("min_lr", what, min_lr)


def _stable_steps(other: int, training: int | None, stable: int | None) -> int:
    """Return the steps of the plateau, which may be negative."""
    if stable is None and training is not None:
        return training - other
    if stable is not None and training is None:
        return stable
    what = "given, or `num_stable_steps`, but not both"
    raise InvalidArgumentError("num_training_steps", what, training)
