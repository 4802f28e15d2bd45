"""Rates that stay high for a long time and fall late."""

from typing import Any

import numpy as np

from kerasched.schedules.base import Schedule
from kerasched.schedules.bounds import Bounds
from kerasched.schedules.bounds import hull
from kerasched.schedules.decay import Decay
from kerasched.schedules.extend import replace_rest
from kerasched.schedules.host_math import HostMath
from kerasched.schedules.progress import Progress
from kerasched.schedules.progress import linear_progress
from kerasched.schedules.registry import register


@register(
    "rex",
    reference="Chen et al., 2022, arXiv:2107.04197, section 3",
    example={"initial_learning_rate": 0.1, "decay_steps": 1000},
)
class Rex(Decay):
    """Fall slowly at first and ever faster, on a reflected exponential.

    end + (initial - end) * (1 - p) / (1 - p / 2),
    p = min(step, decay_steps) / decay_steps

    Args:
        initial_learning_rate: the rate at step 0, 0 or more.
        decay_steps: steps until the end is reached.
        end_learning_rate: the rate from then on, 0 or more.
    """

    def curve(self, progress: Progress) -> Progress:
        return Progress(
            progress.xp,
            lambda: progress.done / (1.0 + progress.left),
            lambda: 2.0 * progress.left / (1.0 + progress.left),
        )


@register(
    "tanh",
    reference="Hsueh et al., 2019, arXiv:1806.01593, equation 3; timm, TanhLRScheduler",
    example={"initial_learning_rate": 0.1, "decay_steps": 1000},
)
class TanhDecay(Decay):
    """Stay high, fall in the middle and level out, on a hyperbolic tangent.

    end + (initial - end) * (1 - tanh(lower + (upper - lower) * step / decay_steps)) / 2

    At step = decay_steps the rate jumps to its end, which the curve does not reach.

    Args:
        initial_learning_rate: the rate before the fall, 0 or more.
        decay_steps: steps until the end.
        end_learning_rate: the rate from then on, 0 or more.
        lower: the argument of the tangent at step 0.
        upper: the argument of the tangent at decay_steps.
    """

    lower: float = -7.0
    upper: float = 3.0

    def curve(self, progress: Progress) -> Progress:
        # (1 - tanh(x)) / 2 = 1 / (1 + exp(2 * x)), with x computed from the end.
        def sigmoid(sign: float) -> Any:
            x = self.upper - (self.upper - self.lower) * progress.left
            return 1.0 / (1.0 + progress.xp.exp(sign * 2.0 * x))

        return Progress(progress.xp, lambda: sigmoid(-1.0), lambda: sigmoid(1.0))

    def at_progress(self, progress: Progress) -> Any:
        value = super().at_progress(progress)
        return progress.xp.where(progress.left > 0.0, value, self.end_learning_rate)

    @property
    def bounds(self) -> Bounds:
        # The start of the curve, its limit if it is stretched, and the end.
        ends = HostMath.to_steps([0, self.decay_steps])
        with np.errstate(over="ignore"):
            rates = super().at_progress(
                linear_progress(ends, self.decay_steps, HostMath)
            )
        return hull(*rates.tolist(), self.end_learning_rate)

    def _extended(self, total: int, step: int) -> Schedule:
        # The curve never has quite the initial rate, so the rest keeps that argument
        # and begins further along the same tangent.
        done = step / self.decay_steps
        lower = self.lower * (1.0 - done) + self.upper * done
        return replace_rest(self, step, lower=lower, decay_steps=total - step)
