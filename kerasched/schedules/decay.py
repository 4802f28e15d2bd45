"""What all schedules share that go from a start to an end and stay there."""

from typing import Any

from kerasched.schedules import curves
from kerasched.schedules.arguments import Rate
from kerasched.schedules.arguments import Steps
from kerasched.schedules.base import Schedule


class Decay(Schedule):
    """A rate that goes from a start to an end in a number of steps.

    initial_learning_rate * f(step) + end_learning_rate * (1 - f(step))

    A subclass writes both weights, f and 1 - f, each so that it keeps its accuracy
    where it is small, as the difference of two near-equal floats would not.
    """

    initial_learning_rate: Rate
    decay_steps: Steps
    end_learning_rate: Rate = 0.0

    def start_weight(self, step: Any, xp: Any) -> Any:
        """Return f, the part that the start has in the value: 1 at first, 0 at last."""
        raise NotImplementedError(f"{type(self).__name__} must define start_weight")

    def end_weight(self, step: Any, xp: Any) -> Any:
        """Return 1 - f, the part that the end has in the value."""
        raise NotImplementedError(f"{type(self).__name__} must define end_weight")

    def value(self, step: Any, xp: Any) -> Any:
        return curves.mix(
            self.initial_learning_rate,
            lambda: self.start_weight(step, xp),
            self.end_learning_rate,
            lambda: self.end_weight(step, xp),
        )

    @property
    def constant_after(self) -> int:
        return self.decay_steps

    def _elapsed(self, step: Any, xp: Any) -> Any:
        """Return the steps done, an integer from 0 to `decay_steps`."""
        return curves.elapsed(step, self.decay_steps, xp)

    def _remaining(self, step: Any, xp: Any) -> Any:
        """Return the steps left, an integer from `decay_steps` to 0."""
        return curves.remaining(step, self.decay_steps, xp)
