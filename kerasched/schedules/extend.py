"""A new horizon for a run under way: what is past stays, what is to come is stretched.

`extended` has a function for each kind of schedule. It is given a schedule that ends
after `step`, and a `total` above `step`; it keeps the values up to `step` and makes the
schedule end at `total`. Another kind of schedule needs one more function.
"""

import dataclasses
import functools
import math
import warnings
from collections.abc import Callable
from fractions import Fraction
from typing import Any
from typing import NoReturn

from kerasched.errors import message
from kerasched.schedules.arguments import Boundary
from kerasched.schedules.arguments import Steps
from kerasched.schedules.arguments import check_of
from kerasched.schedules.base import Schedule
from kerasched.schedules.base import constant_after_of
from kerasched.schedules.chain import Chain
from kerasched.schedules.combine import Clip
from kerasched.schedules.combine import Scale
from kerasched.schedules.combine import Several
from kerasched.schedules.combine import Shift
from kerasched.schedules.decay import Decay
from kerasched.schedules.difference import Difference
from kerasched.schedules.interpolation import PiecewiseInterpolation
from kerasched.schedules.per_epoch import PerEpoch
from kerasched.schedules.per_epoch import PerUpdate
from kerasched.schedules.piecewise import PiecewiseConstant
from kerasched.schedules.recipe import Recipe
from kerasched.schedules.rex import TanhDecay
from kerasched.schedules.stable import WarmupStableDecay
from kerasched.schedules.warmup import Warmup

_MOVABLE = "a schedule whose end can be moved"
_CLOSE = 1e-6  # Relative: two rates that are meant to be the same.


class _UnfitError(Exception):
    """The new total cannot be; the text is what it must be instead."""


_TOO_SHORT = _UnfitError("large enough for each phase to come to have a step")


def extend(schedule: Schedule, new_total: int, step: int) -> Schedule:
    """Return a schedule that is the old one up to `step` and ends at `new_total`."""
    total = check_of(Steps)("extend", "new_total", new_total)
    step = check_of(Boundary)("extend", "step", step)
    if total <= step:
        _refuse("new_total", f"above `step`, which is {step}", total)
    end = _end(schedule)
    if end == 0:
        _refuse("schedule", "a schedule that changes", schedule)
    if end <= step:
        what = f"below {end}, where the schedule ends"
        _refuse("step", what, step, "Add what comes next with then(schedule)")
    try:
        longer = extended(schedule, total, step)
    except _UnfitError as error:
        raise ValueError(message("extend", "new_total", str(error), total)) from None
    if _end(longer) != total:  # As of a constant that is shifted.
        _refuse("schedule", _MOVABLE, schedule)
    _warn_of_a_jump(schedule, longer, step)
    return longer


@functools.singledispatch
def extended(schedule: Any, total: int, step: int) -> Schedule:
    """Return the schedule with its new horizon, as the module says."""
    fix = "Give the rest its length yourself, and join both with Chain"
    _refuse("schedule", _MOVABLE, schedule, fix)


@extended.register
def _(schedule: Decay, total: int, step: int) -> Schedule:
    rate = _rate(schedule, step, schedule.initial_learning_rate)
    return _joined(schedule, step, initial_learning_rate=rate, decay_steps=total - step)


@extended.register
def _(schedule: TanhDecay, total: int, step: int) -> Schedule:
    # It never quite has its initial rate, so the rest is that of the same tangent.
    done = step / schedule.decay_steps
    place = schedule.lower * (1.0 - done) + schedule.upper * done
    return _joined(schedule, step, lower=place, decay_steps=total - step)


@extended.register
def _(schedule: PiecewiseInterpolation, total: int, step: int) -> Schedule:
    points = list(zip(schedule.steps, schedule.values, strict=True))
    length = schedule.steps[-1] - step
    coming = [
        ((point - step) / length * (total - step), rate)
        for point, rate in points
        if point > step
    ]
    if len(coming) < len(points):
        coming.insert(0, (0.0, float(schedule.evaluate(step))))
    steps, values = zip(*coming, strict=True)
    return _joined(schedule, step, steps=steps, values=values)


@extended.register
def _(schedule: PiecewiseConstant, total: int, step: int) -> Schedule:
    later = _stretch(schedule, total, step)
    boundaries = _moved(schedule.boundaries, later)
    return dataclasses.replace(schedule, boundaries=boundaries)


@extended.register
def _(schedule: Chain, total: int, step: int) -> Schedule:
    later = _stretch(schedule, total, step)
    boundaries = _moved(schedule.boundaries, later)
    starts, new_starts = (0, *schedule.boundaries), (0, *boundaries)
    ends = (*schedule.boundaries, math.inf)
    parts = [
        # What is past stays; of the others each is stretched from where it stands.
        part
        if end <= step
        else _part(part, later(start + _end(part)) - new, max(0, step - start))
        for part, start, new, end in zip(
            schedule.schedules, starts, new_starts, ends, strict=True
        )
    ]
    return dataclasses.replace(schedule, schedules=parts, boundaries=boundaries)


@extended.register
def _(schedule: Warmup, total: int, step: int) -> Schedule:
    ramp = schedule.warmup_steps
    if _end(schedule.schedule) == 0:  # The ramp is all there is.
        rate = _rate(schedule, step, schedule.start_learning_rate)
        changes = {"start_learning_rate": rate, "warmup_steps": total - step}
        return _joined(schedule, step, **changes)
    after = _part(schedule.schedule, total - ramp, max(0, step - ramp))
    return dataclasses.replace(schedule, schedule=after)


@extended.register
def _(schedule: WarmupStableDecay, total: int, step: int) -> Schedule:
    ramp = schedule.warmup_steps
    if step > ramp + schedule.stable_steps:
        return extended(schedule.compose(), total, step)
    begin = max(total - schedule.decay_steps, ramp, step)
    if begin >= total:
        raise _TOO_SHORT
    changes = {"stable_steps": begin - ramp, "decay_steps": total - begin}
    return dataclasses.replace(schedule, **changes)


@extended.register
def _(schedule: Recipe, total: int, step: int) -> Schedule:
    return extended(schedule.compose(), total, step)


@extended.register
def _(schedule: Several, total: int, step: int) -> Schedule:
    later = _stretch(schedule, total, step)
    parts = [_part(part, later(_end(part)), step) for part in schedule.schedules]
    return dataclasses.replace(schedule, schedules=parts)


@extended.register
def _(schedule: Difference, total: int, step: int) -> Schedule:
    later = _stretch(schedule, total, step)
    names = ("schedule", "subtracted")
    parts = {name: getattr(schedule, name) for name in names}
    parts = {name: _part(p, later(_end(p)), step) for name, p in parts.items()}
    return dataclasses.replace(schedule, **parts)


@extended.register
def _(schedule: Scale | Clip, total: int, step: int) -> Schedule:
    part = _part(schedule.schedule, total, step)
    return dataclasses.replace(schedule, schedule=part)


@extended.register
def _(schedule: Shift, total: int, step: int) -> Schedule:
    moved, now = total + schedule.steps, max(0, step + schedule.steps)
    return dataclasses.replace(schedule, schedule=_part(schedule.schedule, moved, now))


@extended.register
def _(schedule: PerEpoch | PerUpdate, total: int, step: int) -> Schedule:
    length = schedule._steps
    count, rest = divmod(total, length)
    if rest:
        owner = type(schedule).__name__
        raise _UnfitError(f"such that {owner} has a whole number of {length} steps")
    part = _part(schedule.schedule, count, step // length)
    return dataclasses.replace(schedule, schedule=part)


def _part(schedule: Any, total: int, step: int) -> Any:
    """Return a schedule inside of another, extended unless it has already ended."""
    if _end(schedule) <= step:
        return schedule
    if total <= step:
        raise _TOO_SHORT
    return extended(schedule, total, step)


def _end(schedule: Any) -> int:
    """Return the step at which a schedule ends."""
    end = constant_after_of(schedule)
    if end is None:
        _refuse("schedule", "a schedule that ends", schedule)
    return end


def _stretch(schedule: Any, total: int, step: int) -> Callable[[int], int]:
    """Return what moves a time after `step` so that the end comes to `total`."""
    factor = Fraction(total - step, _end(schedule) - step)
    return lambda time: time if time <= step else step + round((time - step) * factor)


def _moved(boundaries: tuple[int, ...], later: Callable[[int], int]) -> list[int]:
    moved = [later(boundary) for boundary in boundaries]
    if len(set(moved)) < len(moved):
        raise _TOO_SHORT
    return moved


def _rate(schedule: Schedule, step: int, start: float) -> float:
    """Return the rate at a step, which at 0 is the start as it was given."""
    return float(schedule.evaluate(step)) if step else start


def _joined(schedule: Schedule, step: int, **changes: Any) -> Schedule:
    """Return the schedule until `step` and then one like it with other arguments."""
    if step == 0:
        return dataclasses.replace(schedule, **changes)
    rest = dataclasses.replace(schedule, name=None, **changes)
    return Chain((schedule, rest), (step,), name=schedule.name)


def _warn_of_a_jump(old: Schedule, new: Schedule, step: int) -> None:
    before, after = float(old.evaluate(step)), float(new.evaluate(step))
    if not math.isclose(before, after, rel_tol=_CLOSE):
        text = f"The rate jumps at step {step}, from {before!r} to {after!r}"
        warnings.warn(f"{text}: the new curve does not begin there.", stacklevel=4)


def _refuse(argument: str, requirement: str, value: Any, fix: str = "") -> NoReturn:
    raise ValueError(message("extend", argument, requirement, value, fix))
