"""Rates that go to their end on half a cosine wave."""

from typing import Any

from kerasched.schedules import curves
from kerasched.schedules.arguments import Positive
from kerasched.schedules.arguments import Rate
from kerasched.schedules.arguments import Steps
from kerasched.schedules.base import Schedule
from kerasched.schedules.registry import register


@register(
    "cosine",
    reference="Loshchilov and Hutter, 2017, arXiv:1608.03983, equation 5; "
    "k-decay: Zhang and Li, 2020, arXiv:2004.05909",
    example={"initial_learning_rate": 0.1, "decay_steps": 1000},
)
class CosineDecay(Schedule):
    """Go from one rate to another on half a cosine wave.

    end + (initial - end) * ((1 + cos(pi * p)) / 2)**exponent,
    p = (min(step, decay_steps) / decay_steps)**k_decay

    The end is reached at step = decay_steps and held. It may lie above the start.

    Args:
        initial_learning_rate: the rate at step 0, 0 or more.
        decay_steps: steps until the end is reached.
        end_learning_rate: the rate from then on, 0 or more (not a fraction of the
            start, which is what Keras calls alpha).
        exponent: a power of the cosine factor, above 0, as in optax.
        k_decay: a power of the elapsed fraction, above 0, as in timm.
    """

    initial_learning_rate: Rate
    decay_steps: Steps
    end_learning_rate: Rate = 0.0
    exponent: Positive = 1.0
    k_decay: Positive = 1.0

    def value(self, step: Any, xp: Any) -> Any:
        return curves.mix(
            self.initial_learning_rate,
            lambda: self._start_weight(step, xp),
            self.end_learning_rate,
            lambda: self._end_weight(step, xp),
        )

    @property
    def constant_after(self) -> int:
        return self.decay_steps

    def _start_weight(self, step: Any, xp: Any) -> Any:
        weight = curves.cosine(self._left(step, xp), xp)
        return weight if self.exponent == 1.0 else xp.power(weight, self.exponent)

    def _end_weight(self, step: Any, xp: Any) -> Any:
        done = curves.elapsed(step, self.decay_steps, xp)
        fraction = curves.power(done, self.decay_steps, self.k_decay, xp)
        weight = curves.cosine(fraction, xp)
        if self.exponent == 1.0:
            return weight
        near_one = -xp.expm1(self.exponent * xp.log1p(-weight))
        if self.exponent > 1.0:
            return near_one
        return xp.where(weight > 0.5, 1.0 - self._start_weight(step, xp), near_one)

    def _left(self, step: Any, xp: Any) -> Any:
        done = curves.elapsed(step, self.decay_steps, xp)
        return curves.power_complement(done, self.decay_steps, self.k_decay, xp)
