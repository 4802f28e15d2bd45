"""Rates that go to their end as a power of the steps that remain."""

from typing import Any

from kerasched.schedules import curves
from kerasched.schedules.arguments import Positive
from kerasched.schedules.arguments import Rate
from kerasched.schedules.arguments import Steps
from kerasched.schedules.base import Schedule
from kerasched.schedules.registry import register


@register(
    "polynomial",
    reference="Chen et al., 2018, arXiv:1606.00915, the `poly` policy",
    example={"initial_learning_rate": 0.1, "decay_steps": 1000, "power": 2.0},
)
class PolynomialDecay(Schedule):
    """Go from one rate to another as a power of the remaining steps.

    end + (initial - end) * (1 - min(step, decay_steps) / decay_steps)**power

    The end is reached at step = decay_steps and held. It may lie above the start.

    Args:
        initial_learning_rate: the rate at step 0, 0 or more.
        decay_steps: steps until the end is reached.
        end_learning_rate: the rate from then on, 0 or more.
        power: the exponent, above 0; 1 gives a straight line.
    """

    initial_learning_rate: Rate
    decay_steps: Steps
    end_learning_rate: Rate = 0.0
    power: Positive = 1.0

    def value(self, step: Any, xp: Any) -> Any:
        return powered(self, step, self.power, xp)

    @property
    def constant_after(self) -> int:
        return self.decay_steps


@register(
    "linear",
    reference="Goodfellow, Bengio and Courville, 2016, Deep Learning, equation 8.14",
    example={"initial_learning_rate": 0.1, "decay_steps": 1000},
)
class LinearDecay(Schedule):
    """Go from one rate to another on a straight line.

    initial + (end - initial) * min(step, decay_steps) / decay_steps

    The end is reached at step = decay_steps and held. It may lie above the start.

    Args:
        initial_learning_rate: the rate at step 0, 0 or more.
        decay_steps: steps until the end is reached.
        end_learning_rate: the rate from then on, 0 or more.
    """

    initial_learning_rate: Rate
    decay_steps: Steps
    end_learning_rate: Rate = 0.0

    def value(self, step: Any, xp: Any) -> Any:
        return powered(self, step, 1.0, xp)

    @property
    def constant_after(self) -> int:
        return self.decay_steps


def powered(schedule: Any, step: Any, power: float, xp: Any) -> Any:
    """Return the way from start to end, weighted by a power of what remains."""
    total = schedule.decay_steps
    left = curves.remaining(step, total, xp)
    return curves.mix(
        schedule.initial_learning_rate,
        lambda: curves.power(left, total, power, xp),
        schedule.end_learning_rate,
        lambda: curves.power_complement(left, total, power, xp),
    )
