"""Schedules that several of the libraries have, under names of their own.

Where an error needs the name of a port's argument, the function takes it.
"""

import math
from collections.abc import Callable
from collections.abc import Sequence
from typing import Any

from keras.optimizers.schedules import LearningRateSchedule

from kerasched.compat.arguments import Anneal
from kerasched.compat.arguments import Mode
from kerasched.compat.arguments import ScaleMode
from kerasched.compat.porting import InvalidArgumentError
from kerasched.compat.porting import refuse_unused
from kerasched.errors import LARGEST
from kerasched.errors import MAX_STEP
from kerasched.schedules import Chain
from kerasched.schedules import Constant
from kerasched.schedules import CosineWave
from kerasched.schedules import FromFunction
from kerasched.schedules import LinearDecay
from kerasched.schedules import PerEpoch
from kerasched.schedules import PiecewiseConstant
from kerasched.schedules import PiecewiseInterpolation
from kerasched.schedules import Schedule
from kerasched.schedules import Triangular
from kerasched.schedules.progress import power

SHAPES: dict[str, Any] = {"cos": "cosine", "linear": "linear"}


def warmup_then(
    start: float, steps: int, target: float, schedule: LearningRateSchedule
) -> Schedule:
    """Return a line from a start to a target, followed by a schedule from its start."""
    if steps == 0:
        return schedule
    return Chain((LinearDecay(start, steps, target), schedule), (steps,))


def hold_then(rate: float, steps: int, schedule: Schedule) -> Schedule:
    """Return a constant rate, followed by a schedule from its start."""
    return Chain((Constant(rate), schedule), (steps,)) if steps else schedule


def cosine_annealing(high: float, low: float, steps: int) -> CosineWave:
    """Return the wave of CosineAnnealing: down to `low` at T_max, and up again."""
    if 2 * steps > MAX_STEP:
        what = f"at most {MAX_STEP // 2}"
        raise InvalidArgumentError("T_max", what, steps)
    return CosineWave(high, low, 2 * steps)


def chain(
    schedules: Sequence[LearningRateSchedule],
    boundaries: Sequence[int],
    schedules_name: str,
    boundaries_name: str,
) -> Schedule:
    """Return a chain; a schedule between two equal boundaries is never reached.

    Args:
        schedules: the schedules in their order.
        boundaries: steps at which the next one begins, in increasing order.
        schedules_name: the port's argument for the schedules.
        boundaries_name: its argument for the boundaries.
    """
    count = len(schedules) - 1
    if len(boundaries) != count:
        what = f"one item shorter than `{schedules_name}`, which has {count + 1}"
        raise InvalidArgumentError(boundaries_name, what, boundaries)
    last = {start: index for index, start in enumerate((0, *boundaries))}
    starts = [start for start in last if start > 0]
    return Chain([schedules[last[start]] for start in (0, *starts)], starts)


def multi_step(
    lr: float, milestones: Sequence[int], factor_name: str, factor: float
) -> PiecewiseConstant:
    """Return a rate multiplied at each milestone, twice at one given twice.

    Args:
        lr: the rate before the first milestone.
        milestones: steps in any order.
        factor_name: the port's argument for the factor.
        factor: the factor.
    """
    boundaries = sorted(set(milestones))
    passed = [sum(m <= boundary for m in milestones) for boundary in boundaries]
    rates = [lr, *(lr * power(factor, count) for count in passed)]
    if not all(rate <= LARGEST for rate in rates):
        what = "so small that the rate stays finite"
        raise InvalidArgumentError(factor_name, what, factor)
    return PiecewiseConstant(boundaries, rates)


def one_cycle(
    total: int, start: float, rates: Sequence[float], strategy: Anneal
) -> Schedule:
    """Return OneCycleLR of torch and of Paddle, which peaks a step early.

    Args:
        total: steps of the cycle, of which the last is total - 1.
        start: the fraction of the steps in the rise.
        rates: the rates at the start, at the peak, (after the second of three phases,)
            and at the end.
        strategy: "cos" or "linear".
    """
    points = [0.0, start * total - 1, 2 * start * total - 2][: len(rates) - 1]
    points.append(total - 1.0)
    return _interpolate(points, list(rates), SHAPES[strategy])


def _interpolate(points: list[float], rates: list[float], shape: Any) -> Schedule:
    """Return curves through points, of which the first may lie before step 0."""
    while len(points) > 2 and points[1] < 0.0:
        del points[0], rates[0]  # A phase that ends before the first step.
    while points[-2] >= points[-1]:
        del points[-1], rates[-1]  # A phase that would begin after the last step.
    before = max(0, math.ceil(-points[0]))
    moved = [point + before for point in points]
    schedule = PiecewiseInterpolation(moved, rates, shape)
    return schedule.shift(before) if before else schedule


def cyclic(
    names: tuple[str, str, str],
    low: float,
    high: float,
    up: int,
    down: int | None,
    mode: Mode,
    gamma: float,
    scale_fn: str | Callable[..., Any] | None,
    scale_mode: ScaleMode,
) -> Schedule:
    """Return CyclicLR of torch and of Paddle: a triangular wave, or a scaled one.

    Args:
        names: the port's arguments for `low`, `high` and `gamma`.
        low: the rate at the start of each cycle.
        high: the rate at the top.
        up: steps of the rise.
        down: steps of the fall, None for as many.
        mode: the mode of Triangular.
        gamma: the factor of each step in the mode "exp_range".
        scale_fn: the user's function for the height, None for none.
        scale_mode: whether the function counts cycles or iterations.
    """
    low_name, high_name, gamma_name = names
    if up + (down or up) > MAX_STEP:
        what = f"such that a cycle takes at most {MAX_STEP} steps"
        name = "step_size_up" if down is None else "step_size_down"
        raise InvalidArgumentError(name, what, down or up)
    if scale_fn is None:
        refuse_unused("It belongs to scale_fn", "cycle", scale_mode=scale_mode)
        if mode != "exp_range":
            refuse_unused('It belongs to mode="exp_range"', 1.0, **{gamma_name: gamma})
        elif gamma > 1.0 and high < low:
            what = f"at most 1 where `{high_name}` is below `{low_name}`"
            raise InvalidArgumentError(gamma_name, what, gamma)
        return Triangular(low, high, up, down, mode, gamma)
    refuse_unused("scale_fn replaces it", "triangular", mode=mode)
    refuse_unused("scale_fn replaces it", 1.0, **{gamma_name: gamma})
    if high < low:
        what = f"at least `{low_name}`, which is {low}, with a `scale_fn`"
        raise InvalidArgumentError(high_name, what, high)
    wave = Triangular(0.0, high - low, up, down)
    scale: Schedule = FromFunction(scale_fn)
    if scale_mode == "cycle":
        scale = PerEpoch(scale.shift(1), up + (down or up))  # Counted from 1.
    return Constant(low) + wave * scale
