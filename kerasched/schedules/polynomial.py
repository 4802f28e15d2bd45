"""Rates that go to their end as a power of the steps that remain."""

from typing import Any

from kerasched.schedules import curves
from kerasched.schedules.arguments import Positive
from kerasched.schedules.decay import Decay
from kerasched.schedules.registry import register


class _Power(Decay):
    """A decay whose start has a power of the remaining fraction as its weight."""

    power = 1.0

    def start_weight(self, step: Any, xp: Any) -> Any:
        left = self._remaining(step, xp)
        return curves.power(left, self.decay_steps, self.power, xp)

    def end_weight(self, step: Any, xp: Any) -> Any:
        left = self._remaining(step, xp)
        return curves.power_complement(left, self.decay_steps, self.power, xp)


@register(
    "polynomial",
    reference="Chen et al., 2018, arXiv:1606.00915, the `poly` policy",
    example={"initial_learning_rate": 0.1, "decay_steps": 1000, "power": 2.0},
)
class PolynomialDecay(_Power):
    """Go from one rate to another as a power of the remaining steps.

    end + (initial - end) * (1 - min(step, decay_steps) / decay_steps)**power

    The end is reached at step = decay_steps and held. It may lie above the start.

    Args:
        initial_learning_rate: the rate at step 0, 0 or more.
        decay_steps: steps until the end is reached.
        end_learning_rate: the rate from then on, 0 or more.
        power: the exponent, above 0; 1 gives a straight line.
    """

    power: Positive = 1.0


@register(
    "linear",
    reference="Goodfellow, Bengio and Courville, 2016, Deep Learning, equation 8.14",
    example={"initial_learning_rate": 0.1, "decay_steps": 1000},
)
class LinearDecay(_Power):
    """Go from one rate to another on a straight line.

    initial + (end - initial) * min(step, decay_steps) / decay_steps

    The end is reached at step = decay_steps and held. It may lie above the start.

    Args:
        initial_learning_rate: the rate at step 0, 0 or more.
        decay_steps: steps until the end is reached.
        end_learning_rate: the rate from then on, 0 or more.
    """
