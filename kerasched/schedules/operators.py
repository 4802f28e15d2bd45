"""The operators of schedules, and the methods that combine one with others.

Each result is a registered schedule. Its class is looked up in the registry, because it
inherits from the class that has these operators. Results are kept flat: `a + b + c` is
one Sum of three, so that a loop may add hundreds of schedules. A schedule that has a
`name` is kept as it is.
"""

import numbers
from typing import TYPE_CHECKING
from typing import Any
from typing import Self

from keras.optimizers.schedules import LearningRateSchedule

from kerasched.errors import message
from kerasched.errors import scalar
from kerasched.schedules.registry import class_of

if TYPE_CHECKING:
    from kerasched.schedules.base import Schedule


class Operators:
    """Arithmetic between schedules, and between a schedule and a number."""

    # NumPy's numbers leave an operator to the schedule, whichever side they are on.
    __array_ufunc__ = None

    if TYPE_CHECKING:  # Schedule, the only subclass, defines them.

        @property
        def constant_after(self) -> int | None: ...

        @property
        def children(self) -> tuple[LearningRateSchedule, ...]: ...

    def __add__(self, other: Any) -> "Schedule":
        return _add(self, other)

    def __radd__(self, other: Any) -> "Schedule":
        return _add(other, self)

    def __sub__(self, other: Any) -> "Schedule":
        return _subtract(self, other)

    def __rsub__(self, other: Any) -> "Schedule":
        return _subtract(other, self)

    def __mul__(self, other: Any) -> "Schedule":
        return _multiply(self, other)

    def __rmul__(self, other: Any) -> "Schedule":
        return _multiply(other, self)

    def __truediv__(self, other: Any) -> "Schedule":
        if isinstance(other, LearningRateSchedule):
            raise _not_a_divisor(self, other)
        number = scalar(other)
        if not _is_number(number):
            return NotImplemented
        if not number > 0:
            what = "a number above 0"
            raise ValueError(message("schedule / divisor", "divisor", what, other))
        return _multiply(self, 1 / number)

    def __rtruediv__(self, other: Any) -> "Schedule":
        raise _not_a_divisor(other, self)

    def __neg__(self) -> "Schedule":
        fix = "Subtract it from a number or a schedule: other - schedule"
        what = "on the right of a minus sign, as no rate is negative"
        raise ValueError(message("-schedule", "schedule", what, self, fix))

    def __pos__(self) -> Self:
        return self

    def clip(self, low: float = 0.0, high: float | None = None) -> "Schedule":
        """Return this schedule kept between `low` and `high`."""
        return class_of("clip")(self, low, high)

    def shift(self, steps: int) -> "Schedule":
        """Return this schedule moved `steps` steps earlier (later if negative)."""
        return class_of("shift")(self, steps)

    def then(self, schedule: LearningRateSchedule) -> "Schedule":
        """Return this schedule until it no longer changes, and then another.

        Raises:
            ValueError: this schedule never stops changing, or never changes.
        """
        end = self.constant_after
        if not end:
            what = "a schedule that changes and then stops"
            fix = "Give the step yourself: Chain((first, second), boundaries=(step,))"
            owner = "schedule.then(after)"
            raise ValueError(message(owner, "schedule", what, self, fix))
        return class_of("chain")((self, schedule), (end,))


def _add(left: Any, right: Any) -> Any:
    """Return the sum of two operands.

    0, with which `sum` begins, changes nothing. A number below 0 is subtracted.
    """
    left, right = scalar(left), scalar(right)
    for number, schedule in ((left, right), (right, left)):
        if _is_number(number):
            if number == 0:
                return schedule
            if number < 0:
                return _subtract(schedule, -number)
    operands = _as_schedules(left, right)
    if operands is None:
        return NotImplemented
    return class_of("sum")(tuple(_flattened("sum", *operands)))


def _subtract(left: Any, right: Any) -> Any:
    """Return the difference of two operands; a number below 0 is added instead."""
    right = scalar(right)
    if _is_number(right) and right <= 0:
        return _add(left, -right)
    operands = _as_schedules(scalar(left), right)
    if operands is None:
        return NotImplemented
    start, subtracted = operands
    difference = class_of("difference")
    if type(start) is difference and start.name is None and start.low is None:
        return difference(start.schedule, _add(start.subtracted, subtracted))
    return difference(start, subtracted)


def _multiply(left: Any, right: Any) -> Any:
    """Return the product of two operands, one of which may be a number."""
    if not isinstance(left, LearningRateSchedule):
        left, right = right, left
    if isinstance(right, LearningRateSchedule):
        return class_of("product")(tuple(_flattened("product", left, right)))
    scale, number = class_of("scale"), scalar(right)
    if type(left) is scale and left.name is None and _is_number(number):
        return scale(left.schedule, left.factor * number)
    return scale(left, right)


def _not_a_divisor(dividend: Any, schedule: Any) -> TypeError:
    """Return the error of a division by a schedule."""
    return TypeError(
        "A schedule cannot be a divisor: only a number can. "
        f"Received: {dividend!r} / {schedule!r}"
    )


def _as_schedules(*values: Any) -> tuple[LearningRateSchedule, ...] | None:
    """Return schedules as they are and numbers as Constants, None if one is neither."""
    if not all(isinstance(v, LearningRateSchedule) or _is_number(v) for v in values):
        return None
    return tuple(class_of("constant")(v) if _is_number(v) else v for v in values)


def _flattened(kind: str, *schedules: LearningRateSchedule) -> list[Any]:
    """Return schedules, with the parts of an unnamed one of a kind in its place."""
    parts: list[Any] = []
    for schedule in schedules:
        whole = type(schedule) is not class_of(kind) or schedule.name is not None
        parts.extend([schedule] if whole else schedule.schedules)
    return parts


def _is_number(value: Any) -> bool:
    return isinstance(value, numbers.Real) and not isinstance(value, bool)
