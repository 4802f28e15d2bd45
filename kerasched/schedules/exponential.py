"""Rates that are multiplied by a factor again and again."""

import math
from typing import TYPE_CHECKING
from typing import Any

from kerasched.errors import MAX_STEP
from kerasched.schedules.arguments import Part
from kerasched.schedules.arguments import Positive
from kerasched.schedules.arguments import Rate
from kerasched.schedules.arguments import Steps
from kerasched.schedules.base import Schedule
from kerasched.schedules.bounds import Bounds
from kerasched.schedules.bounds import bounds_at
from kerasched.schedules.decay import Decay
from kerasched.schedules.progress import Progress
from kerasched.schedules.progress import growth
from kerasched.schedules.registry import register


class _GeometricDecay(Schedule):
    """A rate with a constant factor, and a lower bound `end_learning_rate`."""

    initial_learning_rate: Rate
    decay_steps: Steps
    decay_rate: Positive

    if TYPE_CHECKING:  # A subclass has it, after arguments of its own.

        @property
        def end_learning_rate(self) -> float: ...

    @property
    def bounds(self) -> Bounds:
        return bounds_at(self, 0, MAX_STEP)

    @property
    def constant_after(self) -> int | None:
        start, end = self.initial_learning_rate, self.end_learning_rate
        factor = self.decay_rate
        if factor == 1.0 or start == 0.0 or (factor < 1.0 and start <= end):
            return 0
        if factor > 1.0 or end == 0.0:
            return None
        # One more period than needed: rounding may put the rate just above the end.
        fall = math.log(end) - math.log(start)  # Their ratio may be 0 or infinite.
        periods = math.ceil(fall / math.log(factor)) + 1
        step = periods * self.decay_steps
        return step if step <= MAX_STEP else None

    def _decayed(self, count: Any, length: int, xp: Any) -> Any:
        """Return initial * decay_rate**(count / length), at least the end."""
        start, end = self.initial_learning_rate, self.end_learning_rate
        rate = growth(start, self.decay_rate, xp.real(count), xp, length)
        return xp.maximum(rate, end) if end else rate


@register(
    "exponential",
    reference="Keras, ExponentialDecay; optax, exponential_decay",
    example={"initial_learning_rate": 0.1, "decay_steps": 250, "decay_rate": 0.4},
)
class ExponentialDecay(_GeometricDecay):
    """Multiply the rate by a factor over every `decay_steps` steps.

    max(initial_learning_rate * decay_rate**(step / decay_steps), end_learning_rate)

    Args:
        initial_learning_rate: the rate at step 0, 0 or more.
        decay_steps: steps in which the rate is multiplied by `decay_rate` once.
        decay_rate: the factor, above 0; above 1 the rate rises.
        staircase: whether step / decay_steps is rounded down, so that the rate drops
            at every multiple of `decay_steps`, as in StepDecay.
        end_learning_rate: a lower bound of the rate.
    """

    staircase: bool = False
    end_learning_rate: Rate = 0.0

    def value(self, step: Any, xp: Any) -> Any:
        if self.staircase:
            return self._decayed(xp.floor_divide(step, self.decay_steps), 1, xp)
        return self._decayed(step, self.decay_steps, xp)


@register(
    "step",
    reference="Szegedy et al., 2015, arXiv:1409.4842, section 6",
    example={"initial_learning_rate": 0.1, "decay_steps": 200},
)
class StepDecay(_GeometricDecay):
    """Multiply the rate by a factor once in every `decay_steps` steps.

    max(initial_learning_rate * decay_rate**(step // decay_steps), end_learning_rate)

    The first drop is at step = decay_steps; it is exact at any step count.

    Args:
        initial_learning_rate: the rate at step 0, 0 or more.
        decay_steps: steps between two drops.
        decay_rate: the factor of one drop, above 0; above 1 the rate rises.
        end_learning_rate: a lower bound of the rate.
    """

    decay_rate: Positive = 0.5
    end_learning_rate: Rate = 0.0

    def value(self, step: Any, xp: Any) -> Any:
        return self._decayed(xp.floor_divide(step, self.decay_steps), 1, xp)


@register(
    "exponential_annealing",
    reference="Megatron-LM, lr_wsd_decay_style exponential; timm, WSDLRScheduler, exp",
    example={"initial_learning_rate": 0.1, "decay_steps": 1000, "ratio": 0.05},
)
class ExponentialAnnealing(Decay):
    """Go from one rate to another on an exponential curve that reaches its end.

    end + (initial - end) * (ratio**p - ratio) / (1 - ratio),
    p = min(step, decay_steps) / decay_steps

    The end may be 0.

    Args:
        initial_learning_rate: the rate at step 0, 0 or more.
        decay_steps: steps until the end is reached.
        end_learning_rate: the rate from then on, 0 or more.
        ratio: the factor by which the exponential falls from the start to the end,
            above 0 and below 1. A smaller ratio gives an earlier fall.
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
