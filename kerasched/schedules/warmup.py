"""A ramp before a schedule."""

import dataclasses
from typing import TYPE_CHECKING
from typing import Any
from typing import ClassVar
from typing import Literal

from keras.optimizers.schedules import LearningRateSchedule

from kerasched.errors import SMALLEST
from kerasched.schedules.arguments import Boundary
from kerasched.schedules.arguments import Positive
from kerasched.schedules.arguments import Rate
from kerasched.schedules.base import Schedule
from kerasched.schedules.base import constant_after_of
from kerasched.schedules.base import value_of
from kerasched.schedules.bounds import Bounds
from kerasched.schedules.bounds import bounds_of
from kerasched.schedules.bounds import union
from kerasched.schedules.cosine import CosineDecay
from kerasched.schedules.extend import end_of
from kerasched.schedules.extend import extend_part
from kerasched.schedules.extend import rate_at
from kerasched.schedules.extend import replace_rest
from kerasched.schedules.progress import Progress
from kerasched.schedules.progress import linear_progress
from kerasched.schedules.progress import since
from kerasched.schedules.registry import register

Shape = Literal["linear", "cosine", "polynomial", "exponential", "constant"]


@register(
    "warmup",
    reference="Goyal et al., 2017, arXiv:1706.02677, section 2.2",
    example={"schedule": CosineDecay(0.1, 900), "warmup_steps": 100},
)
class Warmup(Schedule):
    """Rise from a start to a schedule's first rate, then follow that schedule.

    start + (schedule(0) - start) * f(step / warmup_steps) for step < warmup_steps,
    schedule(step - warmup_steps) from there on

    With the default start of 0 the first update has rate 0 and changes no weight. A
    `start_learning_rate` above 0 avoids that.

    Args:
        schedule: the schedule that follows; it counts from 0 at step = warmup_steps.
        warmup_steps: steps until the schedule begins; 0 for no warmup.
        start_learning_rate: the rate at step 0, 0 or more.
        shape: the ramp f. "linear"; "cosine", half a wave; "polynomial",
            (step / warmup_steps)**power; "exponential", a constant factor a step (the
            start must be above 0); "constant", the start until the schedule begins.
        power: the exponent of the polynomial shape, above 0.
    """

    schedule: LearningRateSchedule
    warmup_steps: Boundary
    start_learning_rate: Rate = 0.0
    shape: Shape = "linear"
    power: Positive = 2.0

    if TYPE_CHECKING:  # What `check` derives from the arguments.
        _target: ClassVar[float | None]

    def check(self) -> None:
        # Computed once, not in every step; None for another library's schedule.
        exact = getattr(self.schedule, "exact", False)
        target = float(self.schedule.evaluate(0)) if exact else None
        object.__setattr__(self, "_target", target)
        if self.shape != "exponential":
            return
        check_exponential(self, "start_learning_rate")
        if target is not None and target < SMALLEST:
            least = "above 0" if target == 0.0 else f"at {SMALLEST} or above"
            what = f"a schedule that starts {least} for the exponential shape"
            raise self._invalid("schedule", what)

    def value(self, step: Any, xp: Any) -> Any:
        if self.warmup_steps == 0 or self._target is None:
            return self._selected(step, xp)
        pieces = (
            lambda step: self._ramp(step, self._target, xp),
            lambda step: self._after(step, xp),
        )
        return xp.piecewise(step, (self.warmup_steps,), pieces)

    @property
    def bounds(self) -> Bounds:
        after = bounds_of(self.schedule)
        if self.warmup_steps == 0:
            return after
        start = self.start_learning_rate
        return union(after, (start, start))

    @property
    def constant_after(self) -> int | None:
        after = constant_after_of(self.schedule)
        return None if after is None else self.warmup_steps + after

    def _extended(self, total: int, step: int) -> Schedule:
        ramp = self.warmup_steps
        if end_of(self.schedule) == 0:  # Only the ramp changes the rate.
            rate = rate_at(self, step, self.start_learning_rate)
            changes = {"start_learning_rate": rate, "warmup_steps": total - step}
            return replace_rest(self, step, **changes)
        after = extend_part(self.schedule, total - ramp, max(0, step - ramp))
        return dataclasses.replace(self, schedule=after)

    def _after(self, step: Any, xp: Any) -> Any:
        return value_of(self.schedule, since(step, self.warmup_steps, xp), xp)

    def _selected(self, step: Any, xp: Any) -> Any:
        """Return the value if the first rate is known only in the compiled step.

        The schedule returns it until the ramp is over, so one evaluation is enough.
        """
        after = self._after(step, xp)
        if self.warmup_steps == 0:
            return after
        return xp.where(step < self.warmup_steps, self._ramp(step, after, xp), after)

    def _ramp(self, step: Any, target: Any, xp: Any) -> Any:
        if self.shape == "constant":
            return self.start_learning_rate
        progress = linear_progress(step, self.warmup_steps, xp)
        if self.shape == "exponential":
            return self._exponential(progress, target, xp)
        if self.shape == "cosine":
            progress = progress.cosine()
        elif self.shape == "polynomial":
            progress = progress.power(self.power)
        return progress.interpolate(self.start_learning_rate, target)

    def _exponential(self, progress: Progress, target: Any, xp: Any) -> Any:
        """Return start**left * target**done, with no intermediate above both rates."""
        start = self.start_learning_rate
        if not isinstance(target, float):
            return xp.power(start, progress.left) * xp.power(target, progress.done)
        if target < start:
            return start * xp.geometric(target / start, progress.done)
        return target * xp.geometric(start / target, progress.left)


def check_exponential(schedule: Schedule, argument: str) -> None:
    """Raise ValueError if a rate is 0 in float32, which no factor can change."""
    rate = getattr(schedule, argument)
    if rate < SMALLEST:
        least = "above 0" if rate == 0.0 else f"at least {SMALLEST}"
        raise schedule._invalid(argument, f"{least} for the exponential shape")
