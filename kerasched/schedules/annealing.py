"""An exponential that reaches its end."""

import math

from kerasched.schedules.arguments import Part
from kerasched.schedules.decay import Decay
from kerasched.schedules.progress import Progress
from kerasched.schedules.registry import register


@register(
    "exponential_annealing",
    reference="Megatron-LM, lr_wsd_decay_style exponential; timm, WSDLRScheduler, exp",
    example={"initial_learning_rate": 0.1, "decay_steps": 1000, "ratio": 0.05},
)
class ExponentialAnnealing(Decay):
    """Go from one rate to another on the part of an exponential that fits between.

    end + (initial - end) * (ratio**p - ratio) / (1 - ratio),
    p = min(step, decay_steps) / decay_steps

    Unlike ExponentialDecay it reaches its end, which may be 0.

    Args:
        initial_learning_rate: the rate at step 0, 0 or more.
        decay_steps: steps until the end is reached.
        end_learning_rate: the rate from then on, 0 or more.
        ratio: what the exponential falls to from 1 on the way, above 0 and below 1;
            the smaller, the earlier the fall.
    """

    ratio: Part = 0.5

    def curve(self, progress: Progress) -> Progress:
        fall, xp = math.log(self.ratio), progress.xp
        scale = 1.0 - self.ratio
        return Progress(
            xp,
            lambda: -xp.expm1(fall * progress.done) / scale,
            lambda: self.ratio * xp.expm1(-fall * progress.left) / scale,
        )
