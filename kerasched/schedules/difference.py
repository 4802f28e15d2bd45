"""The difference of two schedules."""

import dataclasses
import math
from typing import Any

import numpy as np
from keras.optimizers.schedules import LearningRateSchedule

from kerasched.errors import MAX_STEP
from kerasched.schedules.arguments import Rate
from kerasched.schedules.base import Schedule
from kerasched.schedules.base import all_constant_after
from kerasched.schedules.base import value_of
from kerasched.schedules.bounds import Bounds
from kerasched.schedules.bounds import bounds_of
from kerasched.schedules.constant import Constant
from kerasched.schedules.extend import end_of
from kerasched.schedules.extend import extend_part
from kerasched.schedules.extend import stretch
from kerasched.schedules.polynomial import LinearDecay
from kerasched.schedules.registry import register

# Steps at which a negative rate is searched for, to name one in an error.
STEPS = np.unique(np.geomspace(1, MAX_STEP, 2000).astype("int64")) - 1
ROUNDING = 1e-12  # Relative rounding error of bounds that are sums of others.


@register(
    "difference",
    reference="Operator a - b",
    example={"schedule": Constant(0.1), "subtracted": LinearDecay(0.08, 1000)},
)
class Difference(Schedule):
    """Subtract the rates of one schedule from those of another.

    max(schedule(step) - subtracted(step), low)

    If both are nearly equal, the rounding of each shows in the small difference.
    Without a lower bound a difference below 0 counts as 0. If the bounds of both
    schedules are known it is a rounding error; for functions it can be any number.

    Args:
        schedule: the schedule that is subtracted from.
        subtracted: the schedule that is subtracted, counting the same steps.
        low: the lower bound, 0 or more. None if the bounds of the two schedules show
            that no difference is negative.
    """

    schedule: LearningRateSchedule
    subtracted: LearningRateSchedule
    low: Rate | None = None

    def check(self) -> None:
        least, highest = self._difference[0], bounds_of(self.subtracted)[1]
        unknown = least == -math.inf and not self.exact
        rounding = ROUNDING * highest if highest < math.inf else 0.0
        if self.low is not None or unknown or least >= -rounding:
            return
        what = "a schedule that is never above `schedule`, as no rate is negative"
        fix = f"{self._negative()}. To use 0 instead, write {self._clipped()}"
        raise self._invalid("subtracted", what, fix)

    def value(self, step: Any, xp: Any) -> Any:
        start = value_of(self.schedule, step, xp)
        value = start - value_of(self.subtracted, step, xp)
        low = self.low or 0.0  # Rounding may put the difference below 0.
        return xp.maximum(value, low)

    @property
    def bounds(self) -> Bounds:
        low = self.low or 0.0
        least, most = self._difference
        return max(least, low), max(most, low)

    @property
    def constant_after(self) -> int | None:
        return all_constant_after(self.children)

    def _extended(self, total: int, step: int) -> Schedule:
        move = stretch(self, total, step)
        whole, less = (extend_part(p, move(end_of(p)), step) for p in self.children)
        return dataclasses.replace(self, schedule=whole, subtracted=less)

    @property
    def _difference(self) -> Bounds:
        """The bounds before the lower bound is applied."""
        (low, high), (least, most) = map(bounds_of, (self.schedule, self.subtracted))
        return low - most, high - least

    def _negative(self) -> str:
        """Return at which step a rate is negative, or what the bounds allow."""
        if self.exact:
            rates = self.schedule.evaluate(STEPS) - self.subtracted.evaluate(STEPS)
            if rates.min() < 0.0:
                step = STEPS[np.argmin(rates)]
                return f"At step {step} the rate would be {rates.min():.6g}"
        return f"By their bounds, a rate could be {self._difference[0]:.6g}"

    def _clipped(self) -> str:
        """Return the code of this difference with 0 as its lower bound."""
        if isinstance(self.subtracted, Constant):
            rate = self.subtracted.learning_rate
            return f"schedule.clip(low={rate}) - {rate}"
        return "Difference(schedule, subtracted, low=0.0)"
