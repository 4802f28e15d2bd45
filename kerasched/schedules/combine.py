"""What the operators of a schedule give: sums, products, bounds and shifts."""

import functools
import math
import operator
from typing import Any

from keras.optimizers.schedules import LearningRateSchedule

from kerasched.errors import MAX_STEP
from kerasched.errors import message
from kerasched.schedules.arguments import Rate
from kerasched.schedules.base import Schedule
from kerasched.schedules.base import bounds_of
from kerasched.schedules.base import constant_after_of
from kerasched.schedules.base import value_of
from kerasched.schedules.bounds import Bounds
from kerasched.schedules.bounds import times
from kerasched.schedules.constant import Constant
from kerasched.schedules.cosine import CosineDecay
from kerasched.schedules.exponential import ExponentialDecay
from kerasched.schedules.polynomial import LinearDecay
from kerasched.schedules.registry import register


class Several(Schedule):
    """Schedules whose values at the same step are combined."""

    schedules: tuple[LearningRateSchedule, ...]

    def check(self) -> None:
        if not self.schedules:
            owner = type(self).__name__
            raise ValueError(message(owner, "schedules", "not empty", self.schedules))

    @property
    def constant_after(self) -> int | None:
        ends = [constant_after_of(schedule) for schedule in self.schedules]
        return None if None in ends else max(ends)

    def _values(self, step: Any, xp: Any) -> list[Any]:
        return [value_of(schedule, step, xp) for schedule in self.schedules]


@register(
    "sum",
    reference="Operator a + b",
    example={"schedules": (LinearDecay(0.06, 1000), Constant(0.02))},
)
class Sum(Several):
    """Add the rates of several schedules.

    schedules[0](step) + schedules[1](step) + ...

    Args:
        schedules: the schedules, at least one, all counting the same steps.
    """

    def value(self, step: Any, xp: Any) -> Any:
        return functools.reduce(operator.add, self._values(step, xp))

    @property
    def bounds(self) -> Bounds:
        lows, highs = zip(*map(bounds_of, self.schedules), strict=True)
        return sum(lows), sum(highs)


@register(
    "product",
    reference="Operator a * b; torch, ChainedScheduler",
    example={"schedules": (CosineDecay(0.1, 1000), ExponentialDecay(1.0, 500, 0.3))},
)
class Product(Several):
    """Multiply the rates of several schedules.

    schedules[0](step) * schedules[1](step) * ...

    Args:
        schedules: the schedules, at least one, all counting the same steps.
    """

    def value(self, step: Any, xp: Any) -> Any:
        return functools.reduce(operator.mul, self._values(step, xp))

    @property
    def bounds(self) -> Bounds:
        return functools.reduce(times, map(bounds_of, self.schedules))


class _Wrapper(Schedule):
    """One schedule whose value or step is changed."""

    schedule: LearningRateSchedule

    @property
    def bounds(self) -> Bounds:
        return bounds_of(self.schedule)

    @property
    def constant_after(self) -> int | None:
        return constant_after_of(self.schedule)


@register(
    "scale",
    reference="Operator 2 * a",
    example={"schedule": CosineDecay(0.1, 1000), "factor": 0.5},
)
class Scale(_Wrapper):
    """Multiply a schedule by a number.

    schedule(step) * factor

    Args:
        schedule: the schedule.
        factor: the number, 0 or more.
    """

    factor: Rate

    def value(self, step: Any, xp: Any) -> Any:
        return value_of(self.schedule, step, xp) * self.factor

    @property
    def bounds(self) -> Bounds:
        return times(bounds_of(self.schedule), (self.factor, self.factor))


@register(
    "clip",
    reference="optax, exponential_decay, argument end_value",
    example={"schedule": CosineDecay(0.1, 1000), "low": 0.02, "high": 0.08},
)
class Clip(_Wrapper):
    """Keep a schedule between two bounds.

    min(max(schedule(step), low), high)

    Args:
        schedule: the schedule.
        low: the lower bound, 0 or more.
        high: the upper bound, not below `low`; None for no upper bound.
    """

    low: Rate = 0.0
    high: Rate | None = None

    def check(self) -> None:
        if self.high is not None and self.high < self.low:
            what = f"at least `low`, which is {self.low!r}"
            raise ValueError(message("Clip", "high", what, self.high))

    def value(self, step: Any, xp: Any) -> Any:
        value = value_of(self.schedule, step, xp)
        # A Constant's value is a Python number, which no backend's minimum takes.
        value = value + 0.0 * xp.real(step) if isinstance(value, float) else value
        if self.low > 0.0:
            value = xp.maximum(value, self.low)
        return value if self.high is None else xp.minimum(value, self.high)

    @property
    def bounds(self) -> Bounds:
        high = math.inf if self.high is None else self.high
        low, top = (min(max(bound, self.low), high) for bound in super().bounds)
        return low, top


@register(
    "shift",
    reference="optax, argument transition_begin; TensorFlow Models, WithOffset",
    example={"schedule": LinearDecay(0.1, 800), "steps": -200},
)
class Shift(_Wrapper):
    """Move a schedule in time.

    schedule(max(0, step + steps))

    Args:
        schedule: the schedule.
        steps: steps by which it is moved earlier; later if negative, its first rate
            then being held.
    """

    steps: int

    def value(self, step: Any, xp: Any) -> Any:
        if self.steps <= 0:
            moved = xp.maximum(step, -self.steps) - (-self.steps)
        else:
            # Cut first, so that the sum stays within 31 bits.
            moved = xp.minimum(step, MAX_STEP - self.steps) + self.steps
        return value_of(self.schedule, moved, xp)

    @property
    def constant_after(self) -> int | None:
        end = constant_after_of(self.schedule)
        return None if end is None else max(0, end - self.steps)
