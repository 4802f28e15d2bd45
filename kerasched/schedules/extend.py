"""Moving the end of a schedule for a run under way: the past stays, the rest stretches.

`extend` checks the arguments and the result. Each kind of schedule has its own rule in
`_extended(total, step)`, which the other functions of this file help to write.
"""

import dataclasses
import math
import warnings
from collections.abc import Callable
from collections.abc import Sequence
from fractions import Fraction
from typing import Any
from typing import NoReturn

from kerasched.errors import message
from kerasched.schedules.arguments import Boundary
from kerasched.schedules.arguments import Steps
from kerasched.schedules.arguments import check_of
from kerasched.schedules.registry import class_of

_MOVABLE = "a schedule whose end can be moved"
_CLOSE = 1e-6  # The largest relative difference of two rates that count as equal.


class UnfitTotalError(Exception):
    """`new_total` does not suit the schedule; the text is the requirement."""

    def __init__(
        self, requirement: str = "large enough that each remaining phase has a step"
    ) -> None:
        super().__init__(requirement)


def extend(schedule: Any, new_total: int, step: int) -> Any:
    """Return a schedule with the same rates up to `step` that ends at `new_total`."""
    total = check_of(Steps)("extend", "new_total", new_total)
    step = check_of(Boundary)("extend", "step", step)
    if total <= step:
        _refuse("new_total", f"above `step`, which is {step}", total)
    end = end_of(schedule)
    if end == 0:
        _refuse("schedule", "a schedule that changes", schedule)
    if end <= step:
        what = f"below {end}, where the schedule ends"
        _refuse("step", what, step, "Add what comes next with then(schedule)")
    try:
        longer = schedule._extended(total, step)
    except UnfitTotalError as error:
        raise ValueError(message("extend", "new_total", str(error), total)) from None
    if end_of(longer) != total:  # As with a shifted constant.
        _refuse("schedule", _MOVABLE, schedule)
    _warn_of_a_jump(schedule, longer, step)
    return longer


def refuse_to_extend(schedule: Any) -> NoReturn:
    """Raise ValueError for a schedule that has no rule for moving its end."""
    fix = "Give the rest its length yourself, and join both with Chain"
    _refuse("schedule", _MOVABLE, schedule, fix)


def extend_part(schedule: Any, total: int, step: int) -> Any:
    """Return a nested schedule with its end at `total`, unless it has already ended."""
    if end_of(schedule) <= step:
        return schedule
    if total <= step:
        raise UnfitTotalError
    return schedule._extended(total, step)


def replace_rest(schedule: Any, step: int, **changes: Any) -> Any:
    """Return the schedule until `step`, then a copy of it with other arguments."""
    if step == 0:
        return dataclasses.replace(schedule, **changes)
    rest = dataclasses.replace(schedule, name=None, **changes)
    return class_of("chain")((schedule, rest), (step,), name=schedule.name)


def end_of(schedule: Any) -> int:
    """Return the step at which a schedule ends.

    Raises:
        ValueError: it never ends, or is another library's schedule.
    """
    end = getattr(schedule, "constant_after", None)
    if end is None:
        _refuse("schedule", "a schedule that ends", schedule)
    return end


def rate_at(schedule: Any, step: int, start: float) -> float:
    """Return the rate at a step; at step 0 the start, as it was given."""
    return float(schedule.evaluate(step)) if step else start


def stretch(schedule: Any, total: int, step: int) -> Callable[[int], int]:
    """Return a function that moves steps after `step`, and the end to `total`."""
    factor = Fraction(total - step, end_of(schedule) - step)
    return lambda time: time if time <= step else step + round((time - step) * factor)


def move_boundaries(boundaries: Sequence[int], move: Callable[[int], int]) -> list[int]:
    """Return boundaries moved by a function that `stretch` returned."""
    moved = [move(boundary) for boundary in boundaries]
    if len(set(moved)) < len(moved):
        raise UnfitTotalError
    return moved


def _warn_of_a_jump(old: Any, new: Any, step: int) -> None:
    before, after = float(old.evaluate(step)), float(new.evaluate(step))
    if not math.isclose(before, after, rel_tol=_CLOSE):
        text = f"The rate jumps at step {step}, from {before!r} to {after!r}"
        warnings.warn(f"{text}: the new curve does not begin there.", stacklevel=4)


def _refuse(argument: str, requirement: str, value: Any, fix: str = "") -> NoReturn:
    raise ValueError(message("extend", argument, requirement, value, fix))
