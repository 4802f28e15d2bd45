"""The base class of schedules that go from a start to an end and stay there."""

from typing import Any

from kerasched.schedules.arguments import Rate
from kerasched.schedules.arguments import Steps
from kerasched.schedules.base import Schedule
from kerasched.schedules.bounds import Bounds
from kerasched.schedules.bounds import hull
from kerasched.schedules.extend import rate_at
from kerasched.schedules.extend import replace_rest
from kerasched.schedules.progress import Progress
from kerasched.schedules.progress import linear_progress


class Decay(Schedule):
    """A rate that goes from a start to an end in a number of steps.

    initial_learning_rate * curve.left + end_learning_rate * curve.done

    A subclass defines `curve`, which maps linear progress to the progress of the rate.
    The curve can be evaluated over any number of steps, and from either end.
    """

    initial_learning_rate: Rate
    decay_steps: Steps
    end_learning_rate: Rate = 0.0

    def curve(self, progress: Progress) -> Progress:
        """Return the progress of the rate, for a linear progress of the steps."""
        raise NotImplementedError(f"{type(self).__name__} must define curve(progress)")

    def at_progress(self, progress: Progress) -> Any:
        """Return the rate at a progress of the steps, however many there are."""
        start, end = self.initial_learning_rate, self.end_learning_rate
        return self.curve(progress).interpolate(start, end)

    def value(self, step: Any, xp: Any) -> Any:
        return self.at_progress(linear_progress(step, self.decay_steps, xp))

    @property
    def bounds(self) -> Bounds:
        return hull(self.initial_learning_rate, self.end_learning_rate)

    @property
    def constant_after(self) -> int | None:
        return self.decay_steps

    def _extended(self, total: int, step: int) -> Schedule:
        rate = rate_at(self, step, self.initial_learning_rate)
        changes = {"initial_learning_rate": rate, "decay_steps": total - step}
        return replace_rest(self, step, **changes)
