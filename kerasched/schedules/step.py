"""Rates that fall in steps."""

from typing import Any

from kerasched.errors import MAX_STEP
from kerasched.schedules.arguments import Positive
from kerasched.schedules.arguments import Rate
from kerasched.schedules.arguments import Steps
from kerasched.schedules.base import Schedule
from kerasched.schedules.bounds import Bounds
from kerasched.schedules.bounds import reached
from kerasched.schedules.exponential import decayed
from kerasched.schedules.exponential import end_reached
from kerasched.schedules.registry import register


@register(
    "step",
    reference="Szegedy et al., 2015, arXiv:1409.4842, section 6",
    example={"initial_learning_rate": 0.1, "decay_steps": 200},
)
class StepDecay(Schedule):
    """Multiply the rate by a factor once in every `decay_steps` steps.

    max(initial_learning_rate * decay_rate**(step // decay_steps), end_learning_rate)

    The first drop is at step = decay_steps; it is exact at any step count.

    Args:
        initial_learning_rate: the rate at step 0, 0 or more.
        decay_steps: steps between two drops.
        decay_rate: the factor of one drop, above 0; above 1 the rate rises.
        end_learning_rate: a lower bound of the rate.
    """

    initial_learning_rate: Rate
    decay_steps: Steps
    decay_rate: Positive = 0.5
    end_learning_rate: Rate = 0.0

    def value(self, step: Any, xp: Any) -> Any:
        return decayed(self, xp.floor_divide(step, self.decay_steps), 1, xp)

    @property
    def bounds(self) -> Bounds:
        return reached(self, 0, MAX_STEP)

    @property
    def constant_after(self) -> int | None:
        return end_reached(self)
