"""The rates of one schedule less those of another."""

import dataclasses
import math
from typing import Any

import numpy as np
from keras.optimizers.schedules import LearningRateSchedule

from kerasched.errors import MAX_STEP
from kerasched.errors import message
from kerasched.schedules.arguments import Rate
from kerasched.schedules.base import Schedule
from kerasched.schedules.base import constant_after_of
from kerasched.schedules.base import value_of
from kerasched.schedules.bounds import Bounds
from kerasched.schedules.bounds import bounds_of
from kerasched.schedules.constant import Constant
from kerasched.schedules.extend import end_of
from kerasched.schedules.extend import extend_part
from kerasched.schedules.extend import stretch
from kerasched.schedules.polynomial import LinearDecay
from kerasched.schedules.registry import register

# Where a negative rate is looked for, to name a step in an error.
STEPS = np.unique(np.geomspace(1, MAX_STEP, 2000).astype("int64")) - 1
ROUNDING = 1e-12  # Of bounds that are sums of others, as a part of the rate.


@register(
    "difference",
    reference="Operator a - b",
    example={"schedule": Constant(0.1), "subtracted": LinearDecay(0.08, 1000)},
)
class Difference(Schedule):
    """Subtract the rates of one schedule from those of another.

    max(schedule(step) - subtracted(step), low)

    Where both are nearly equal, the rounding of each shows in the small rest. Without
    a lower bound, a rest below 0 counts as 0: of schedules whose bounds are known it
    can be no more than rounding, of others, as a function of yours, it can be anything.

    Args:
        schedule: the schedule that is subtracted from.
        subtracted: the schedule that is subtracted, counting the same steps.
        low: the lower bound, 0 or more; None if no difference is negative, which the
            bounds of the two schedules must show.
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
        text = message("Difference", "subtracted", what, self.subtracted, fix)
        raise ValueError(text)

    def value(self, step: Any, xp: Any) -> Any:
        start = value_of(self.schedule, step, xp)
        rest = start - value_of(self.subtracted, step, xp)
        low = self.low or 0.0  # Rounding may have put the rest below 0.
        return max(rest, low) if isinstance(rest, float) else xp.maximum(rest, low)

    @property
    def bounds(self) -> Bounds:
        low = self.low or 0.0
        least, most = self._difference
        return max(least, low), max(most, low)

    @property
    def constant_after(self) -> int | None:
        ends = [constant_after_of(child) for child in self.children]
        return None if None in ends else max(ends)

    def _extended(self, total: int, step: int) -> Schedule:
        move = stretch(self, total, step)
        parts = {
            name: extend_part(part, move(end_of(part)), step)
            for name, part in (
                ("schedule", self.schedule),
                ("subtracted", self.subtracted),
            )
        }
        return dataclasses.replace(self, **parts)

    @property
    def _difference(self) -> Bounds:
        """The bounds before the lower bound is applied."""
        (low, high), (least, most) = map(bounds_of, (self.schedule, self.subtracted))
        return low - most, high - least

    def _negative(self) -> str:
        """Return where a rate would be negative, or what the bounds leave open."""
        if self.exact:
            rest = self.schedule.evaluate(STEPS) - self.subtracted.evaluate(STEPS)
            if rest.min() < 0.0:
                step = STEPS[np.argmin(rest)]
                return f"At step {step} the rate would be {rest.min():.6g}"
        return f"By their bounds, a rate could be {self._difference[0]:.6g}"

    def _clipped(self) -> str:
        """Return the code of this difference kept at 0 or above."""
        if isinstance(self.subtracted, Constant):
            rate = self.subtracted.learning_rate
            return f"schedule.clip(low={rate}) - {rate}"
        return "Difference(schedule, subtracted, low=0.0)"
