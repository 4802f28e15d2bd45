"""What each operator of a schedule gives, with nested results made flat.

`a + b + c` is one Sum of three, so that a loop may add hundreds of schedules. A result
with a name of its own is kept as it is.
"""

import numbers
from typing import Any

from keras.optimizers.schedules import LearningRateSchedule

from kerasched.errors import message
from kerasched.errors import scalar
from kerasched.schedules.base import Schedule
from kerasched.schedules.chain import Chain
from kerasched.schedules.combine import Clip as Clip
from kerasched.schedules.combine import Product
from kerasched.schedules.combine import Scale
from kerasched.schedules.combine import Shift as Shift
from kerasched.schedules.combine import Sum
from kerasched.schedules.constant import Constant
from kerasched.schedules.difference import Difference


def plus(left: Any, right: Any) -> Any:
    """Return the sum of two operands.

    0, with which `sum` begins, changes nothing. A number below 0 is subtracted.
    """
    left, right = scalar(left), scalar(right)
    for number, schedule in ((left, right), (right, left)):
        if _is_number(number):
            if number == 0:
                return schedule
            if number < 0:
                return minus(schedule, -number)
    terms = _operands(left, right)
    if terms is None:
        return NotImplemented
    return Sum(tuple(part for term in terms for part in _parts(term, Sum)))


def minus(left: Any, right: Any) -> Any:
    """Return the difference of two operands; a number below 0 is added instead."""
    right = scalar(right)
    if _is_number(right) and right <= 0:
        return plus(left, -right)
    terms = _operands(scalar(left), right)
    if terms is None:
        return NotImplemented
    start, taken = terms
    if type(start) is Difference and start.name is None and start.low is None:
        return Difference(start.schedule, plus(start.subtracted, taken))
    return Difference(start, taken)


def multiplied(left: Any, right: Any) -> Any:
    """Return the product of two operands, one of which may be a number."""
    if isinstance(left, Schedule) and not isinstance(right, LearningRateSchedule):
        left, right = right, left
    if isinstance(left, LearningRateSchedule):
        return Product((*_parts(left, Product), *_parts(right, Product)))
    if type(right) is Scale and right.name is None and _is_number(scalar(left)):
        return Scale(right.schedule, right.factor * scalar(left))
    return Scale(right, left)


def divided(schedule: Any, divisor: Any) -> Any:
    """Return a schedule divided by a number."""
    if isinstance(divisor, LearningRateSchedule):
        raise not_a_divisor(schedule, divisor)
    number = scalar(divisor)
    if not _is_number(number):
        return NotImplemented
    if not number > 0:
        what = "a number above 0"
        raise ValueError(message("schedule / divisor", "divisor", what, divisor))
    return multiplied(schedule, 1 / number)


def not_a_divisor(dividend: Any, schedule: Any) -> TypeError:
    """Return the error of a division by a schedule."""
    return TypeError(
        "A schedule cannot be a divisor: only a number can. "
        f"Received: {dividend!r} / {schedule!r}"
    )


def joined(schedule: Any, after: LearningRateSchedule) -> Chain:
    """Return a schedule until it no longer changes, and then another."""
    end = schedule.constant_after
    if not end:
        what = "a schedule that changes and then stops"
        fix = "Give the step yourself: Chain((first, second), boundaries=(step,))"
        owner = "schedule.then(after)"
        raise ValueError(message(owner, "schedule", what, schedule, fix))
    return Chain((schedule, after), (end,))


def _operands(*values: Any) -> tuple[LearningRateSchedule, ...] | None:
    """Return schedules as they are and numbers as Constants, None if one is neither."""
    if not all(isinstance(v, LearningRateSchedule) or _is_number(v) for v in values):
        return None
    return tuple(Constant(v) if _is_number(v) else v for v in values)


def _parts(schedule: LearningRateSchedule, kind: type) -> tuple[Any, ...]:
    """Return the parts of an unnamed schedule of a kind; any other is its one part."""
    if type(schedule) is kind and schedule.name is None:
        return schedule.schedules
    return (schedule,)


def _is_number(value: Any) -> bool:
    return isinstance(value, numbers.Real) and not isinstance(value, bool)
