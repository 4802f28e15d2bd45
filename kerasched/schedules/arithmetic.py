"""The operators and methods by which schedules are combined.

Each result is a registered schedule. Its class is built upon the base class, which has
these operators, so that it is imported where it is used.
"""

from typing import Any

from keras.optimizers.schedules import LearningRateSchedule

from kerasched.errors import message


class Arithmetic:
    """What a schedule can be combined with: numbers and other schedules."""

    # NumPy's numbers leave an operator to the schedule, whichever side they are on.
    __array_ufunc__ = None

    def __add__(self, other: Any) -> Any:
        return _operators().plus(self, other)

    def __radd__(self, other: Any) -> Any:
        return _operators().plus(other, self)

    def __sub__(self, other: Any) -> Any:
        return _operators().minus(self, other)

    def __rsub__(self, other: Any) -> Any:
        return _operators().minus(other, self)

    def __mul__(self, other: Any) -> Any:
        return _operators().multiplied(self, other)

    def __rmul__(self, other: Any) -> Any:
        return _operators().multiplied(other, self)

    def __truediv__(self, other: Any) -> Any:
        return _operators().divided(self, other)

    def __rtruediv__(self, other: Any) -> Any:
        raise _operators().not_a_divisor(other, self)

    def __neg__(self) -> Any:
        fix = "Subtract it from a number or a schedule: other - schedule"
        what = "on the right of a minus sign, as no rate is negative"
        raise ValueError(message("-schedule", "schedule", what, self, fix))

    def __pos__(self) -> Any:
        return self

    def clip(self, low: float = 0.0, high: float | None = None) -> Any:
        """Return this schedule kept between `low` and `high`."""
        return _operators().Clip(self, low, high)

    def shift(self, steps: int) -> Any:
        """Return this schedule moved `steps` steps earlier (later if negative)."""
        return _operators().Shift(self, steps)

    def then(self, schedule: LearningRateSchedule) -> Any:
        """Return this schedule until it no longer changes, and then another.

        Raises:
            ValueError: this schedule never stops changing, or never changes.
        """
        return _operators().joined(self, schedule)


def _operators() -> Any:
    from kerasched.schedules import operators  # It is built upon this module.

    return operators
