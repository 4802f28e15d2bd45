"""Rates that stay high for long and fall late."""

from typing import Any

from kerasched.schedules import curves
from kerasched.schedules.arguments import Rate
from kerasched.schedules.arguments import Steps
from kerasched.schedules.base import Schedule
from kerasched.schedules.registry import register


@register(
    "rex",
    reference="Chen et al., 2022, arXiv:2107.04197, section 3",
    example={"initial_learning_rate": 0.1, "decay_steps": 1000},
)
class Rex(Schedule):
    """Fall slowly at first and ever faster, on a reflected exponential.

    end + (initial - end) * (1 - p) / (1 - p / 2),
    p = min(step, decay_steps) / decay_steps

    Args:
        initial_learning_rate: the rate at step 0, 0 or more.
        decay_steps: steps until the end is reached.
        end_learning_rate: the rate from then on, 0 or more.
    """

    initial_learning_rate: Rate
    decay_steps: Steps
    end_learning_rate: Rate = 0.0

    def value(self, step: Any, xp: Any) -> Any:
        total = self.decay_steps
        left = xp.real(curves.remaining(step, total, xp))
        both = total + left
        return curves.mix(
            self.initial_learning_rate,
            lambda: 2.0 * left / both,
            self.end_learning_rate,
            lambda: xp.real(curves.elapsed(step, total, xp)) / both,
        )

    @property
    def constant_after(self) -> int:
        return self.decay_steps


@register(
    "tanh",
    reference="Hsueh et al., 2019, arXiv:1806.01593, equation 3; timm, TanhLRScheduler",
    example={"initial_learning_rate": 0.1, "decay_steps": 1000},
)
class TanhDecay(Schedule):
    """Stay high, fall in the middle and level out, on a hyperbolic tangent.

    end + (initial - end) * (1 - tanh(lower + (upper - lower) * step / decay_steps)) / 2

    At step = decay_steps the rate jumps to its end, which the curve does not reach.

    Args:
        initial_learning_rate: the rate before the fall, 0 or more.
        decay_steps: steps until the end.
        end_learning_rate: the rate from then on, 0 or more.
        lower: where on the tangent the curve begins.
        upper: where on the tangent the curve stops.
    """

    initial_learning_rate: Rate
    decay_steps: Steps
    end_learning_rate: Rate = 0.0
    lower: float = -7.0
    upper: float = 3.0

    def value(self, step: Any, xp: Any) -> Any:
        pieces = (lambda step: self._fall(step, xp), self.end_learning_rate)
        return xp.piecewise(step, (self.decay_steps,), pieces)

    @property
    def constant_after(self) -> int:
        return self.decay_steps

    def _fall(self, step: Any, xp: Any) -> Any:
        left = xp.real(curves.remaining(step, self.decay_steps, xp))
        # (1 - tanh(x)) / 2 = 1 / (1 + exp(2 * x)), x counted from the curve's end.
        x = self.upper - (self.upper - self.lower) / self.decay_steps * left
        return curves.mix(
            self.initial_learning_rate,
            lambda: 1.0 / (1.0 + xp.exp(2.0 * x)),
            self.end_learning_rate,
            lambda: 1.0 / (1.0 + xp.exp(-2.0 * x)),
        )
