"""The schedules of transformers' optimization module.

`lr` stands where the original takes an optimizer. A step is an optimizer update, and
num_training_steps holds the warmup. Those that follow a metric, "reduce_lr_on_plateau"
and "greedy", are not here.
"""

import math
from collections.abc import Mapping
from typing import Any

from kerasched.compat.porting import chosen
from kerasched.compat.porting import holding
from kerasched.compat.porting import port
from kerasched.compat.porting import rising
from kerasched.compat.porting import without_effect
from kerasched.errors import message
from kerasched.schedules import Chain
from kerasched.schedules import Constant
from kerasched.schedules import CosineDecay
from kerasched.schedules import CosineWave
from kerasched.schedules import InverseSqrtDecay
from kerasched.schedules import LinearDecay
from kerasched.schedules import PiecewiseInterpolation
from kerasched.schedules import PolynomialDecay
from kerasched.schedules import Schedule


@port
def get_constant_schedule(lr: float) -> Schedule:
    """transformers' get_constant_schedule."""
    return Constant(lr)


@port
def get_constant_schedule_with_warmup(lr: float, num_warmup_steps: int) -> Schedule:
    """transformers' get_constant_schedule_with_warmup: a line from 0, then lr."""
    return rising(0.0, num_warmup_steps, lr, Constant(lr))


@port
def get_linear_schedule_with_warmup(
    lr: float, num_warmup_steps: int, num_training_steps: int
) -> Schedule:
    """transformers' get_linear_schedule_with_warmup: a line from 0, a line to 0."""
    steps = num_training_steps - num_warmup_steps
    decay = LinearDecay(lr, steps) if steps > 0 else Constant(0.0)
    return rising(0.0, num_warmup_steps, lr, decay)


@port
def get_cosine_schedule_with_warmup(
    lr: float, num_warmup_steps: int, num_training_steps: int, num_cycles: float = 0.5
) -> Schedule:
    """transformers' get_cosine_schedule_with_warmup, which comes up again."""
    steps = max(1, num_training_steps - num_warmup_steps)
    wave = CosineWave(lr, 0.0, steps, num_cycles)
    return rising(0.0, num_warmup_steps, lr, wave)


@port
def get_cosine_with_hard_restarts_schedule_with_warmup(
    lr: float, num_warmup_steps: int, num_training_steps: int, num_cycles: float = 1
) -> Schedule:
    """transformers' get_cosine_with_hard_restarts_schedule_with_warmup."""
    steps = max(1, num_training_steps - num_warmup_steps)
    cycles = math.ceil(num_cycles)
    points = [i * steps / num_cycles for i in range(cycles + 1) for _ in (0, 1)][1:-1]
    waves = PiecewiseInterpolation(points, (lr, 0.0) * cycles, "cosine")
    decay = Chain((waves, Constant(0.0)), (steps,))
    return rising(0.0, num_warmup_steps, lr, decay)


@port
def get_polynomial_decay_schedule_with_warmup(
    lr: float,
    num_warmup_steps: int,
    num_training_steps: int,
    lr_end: float = 1e-7,
    power: float = 1.0,
) -> Schedule:
    """transformers' get_polynomial_decay_schedule_with_warmup."""
    if not lr > lr_end:
        owner = "compat.transformers.get_polynomial_decay_schedule_with_warmup"
        raise ValueError(message(owner, "lr_end", f"below `lr`, which is {lr}", lr_end))
    steps = num_training_steps - num_warmup_steps
    decay = PolynomialDecay(lr, steps, lr_end, power) if steps > 0 else Constant(lr_end)
    return rising(0.0, num_warmup_steps, lr, decay)


@port
def get_inverse_sqrt_schedule(
    lr: float, num_warmup_steps: int, timescale: int | None = None
) -> Schedule:
    """transformers' get_inverse_sqrt_schedule: timescale is the warmup's, or 10000."""
    timescale = num_warmup_steps or 10_000 if timescale is None else timescale
    return rising(0.0, num_warmup_steps, lr, InverseSqrtDecay(lr, timescale))


@port
def get_cosine_with_min_lr_schedule_with_warmup(
    lr: float,
    num_warmup_steps: int,
    num_training_steps: int,
    num_cycles: float = 0.5,
    min_lr: float | None = None,
    min_lr_rate: float | None = None,
) -> Schedule:
    """transformers' get_cosine_with_min_lr_schedule_with_warmup; it comes up again."""
    low = _lowest(
        "get_cosine_with_min_lr_schedule_with_warmup", lr, min_lr, min_lr_rate
    )
    steps = max(1, num_training_steps - num_warmup_steps)
    return rising(0.0, num_warmup_steps, lr, CosineWave(lr, low, steps, num_cycles))


@port
def get_cosine_with_min_lr_schedule_with_warmup_lr_rate(
    lr: float,
    num_warmup_steps: int,
    num_training_steps: int,
    num_cycles: float = 0.5,
    min_lr: float | None = None,
    min_lr_rate: float | None = None,
    warmup_lr_rate: float | None = None,
) -> Schedule:
    """transformers' get_cosine_with_min_lr_schedule_with_warmup_lr_rate.

    It counts steps from 1: the peak is at num_warmup_steps - 1 and the least rate at
    num_training_steps - 1, after which it comes up again.
    """
    owner = "get_cosine_with_min_lr_schedule_with_warmup_lr_rate"
    low = _lowest(owner, lr, min_lr, min_lr_rate)
    steps = max(1, num_training_steps - num_warmup_steps)
    wave = CosineWave(lr, low, steps, num_cycles).shift(1)
    if num_warmup_steps == 0:
        return wave
    first = 1.0 / num_warmup_steps if warmup_lr_rate is None else warmup_lr_rate
    rise = rising(lr * first, num_warmup_steps - 1, lr, Constant(lr))
    if num_warmup_steps == 1:
        rise = Constant(lr * first)
    return Chain((rise, wave), (num_warmup_steps,))


@port
def get_wsd_schedule(
    lr: float,
    num_warmup_steps: int,
    num_decay_steps: int,
    num_training_steps: int | None = None,
    num_stable_steps: int | None = None,
    warmup_type: str = "linear",
    decay_type: str = "cosine",
    min_lr_ratio: float = 0.0,
    num_cycles: float = 0.5,
) -> Schedule:
    """transformers' get_wsd_schedule: the warmup begins at min_lr_ratio * lr.

    Where warmup and decay are longer than num_training_steps together, the decay begins
    before the warmup has ended and is seen from then on, as in the original.
    """
    owner, low = "transformers.get_wsd_schedule", lr * min_lr_ratio
    before = num_warmup_steps + num_decay_steps
    stable = _stable_steps(owner, before, num_training_steps, num_stable_steps)
    rise = chosen(owner, "warmup_type", warmup_type, RISES)
    fall = chosen(owner, "decay_type", decay_type, FALLS)
    if decay_type != "cosine" and num_cycles != 0.5:
        without_effect(
            owner, 'It belongs to decay_type="cosine"', num_cycles=num_cycles
        )
    rest = Constant(low)
    if num_decay_steps:
        curve = fall(lr, num_decay_steps, low, num_cycles)
        rest = Chain((curve, rest), (num_decay_steps,))
    rest = rest.shift(-stable) if stable < 0 else holding(lr, stable, rest)
    if num_warmup_steps == 0:
        return rest
    return Chain((rise(low, num_warmup_steps, lr), rest), (num_warmup_steps,))


RISES = {
    "linear": LinearDecay,
    "cosine": CosineDecay,
    "1-sqrt": lambda low, steps, lr: PolynomialDecay(low, steps, lr, power=0.5),
}
FALLS = {
    "linear": lambda lr, steps, low, cycles: LinearDecay(lr, steps, low),
    "cosine": lambda lr, steps, low, cycles: CosineWave(lr, low, steps, cycles),
    "1-sqrt": lambda lr, steps, low, cycles: PolynomialDecay(
        lr, steps, low, k_decay=0.5
    ),
}

# What each name takes of num_warmup_steps and num_training_steps.
SCHEDULERS = {
    "linear": (get_linear_schedule_with_warmup, 2),
    "cosine": (get_cosine_schedule_with_warmup, 2),
    "cosine_with_restarts": (get_cosine_with_hard_restarts_schedule_with_warmup, 2),
    "polynomial": (get_polynomial_decay_schedule_with_warmup, 2),
    "constant": (get_constant_schedule, 0),
    "constant_with_warmup": (get_constant_schedule_with_warmup, 1),
    "inverse_sqrt": (get_inverse_sqrt_schedule, 1),
    "cosine_with_min_lr": (get_cosine_with_min_lr_schedule_with_warmup, 2),
    "cosine_warmup_with_min_lr": (
        get_cosine_with_min_lr_schedule_with_warmup_lr_rate,
        2,
    ),
    "warmup_stable_decay": (get_wsd_schedule, 2),
}


@port
def get_scheduler(
    name: str,
    lr: float,
    num_warmup_steps: int | None = None,
    num_training_steps: int | None = None,
    scheduler_specific_kwargs: Mapping[str, Any] | None = None,
) -> Schedule:
    """transformers' get_scheduler: a schedule by its name."""
    owner = "transformers.get_scheduler"
    function, count = chosen(owner, "name", getattr(name, "value", name), SCHEDULERS)
    steps = {
        "num_warmup_steps": num_warmup_steps,
        "num_training_steps": num_training_steps,
    }
    used = dict(list(steps.items())[:count])
    unused = {key: value for key, value in steps.items() if key not in used}
    without_effect(owner, f"The schedule {name!r} does not use it", **unused)
    specific = dict(scheduler_specific_kwargs or {})
    if "num_stable_steps" in specific:
        used = {k: value for k, value in used.items() if value is not None}
    for key, value in used.items():
        if value is None:
            what = f"given for the schedule {name!r}"
            raise ValueError(message(f"compat.{owner}", key, what, value))
    return function(lr, **used, **specific)


def _lowest(
    owner: str, lr: float, min_lr: float | None, min_lr_rate: float | None
) -> float:
    """Return the least rate, given as a rate or as a part of `lr`."""
    if (min_lr is None) == (min_lr_rate is None):
        what = "given, or `min_lr_rate`, but not both"
        owner = f"compat.transformers.{owner}"
        raise ValueError(message(owner, "min_lr", what, min_lr))
    return lr * min_lr_rate if min_lr is None else min_lr


def _stable_steps(
    owner: str, other: int, training: int | None, stable: int | None
) -> int:
    """Return the steps of the plateau, which may be fewer than none."""
    if (training is None) == (stable is None):
        what = "given, or `num_stable_steps`, but not both"
        raise ValueError(
            message(f"compat.{owner}", "num_training_steps", what, training)
        )
    return training - other if stable is None else stable
