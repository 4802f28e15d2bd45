"""A schedule of steps and epochs at once."""

import dataclasses
from typing import Any

from kerasched.errors import MAX_STEP
from kerasched.schedules.arguments import Boundary
from kerasched.schedules.arguments import Positive
from kerasched.schedules.arguments import Rate
from kerasched.schedules.arguments import Share
from kerasched.schedules.arguments import Steps
from kerasched.schedules.base import Schedule
from kerasched.schedules.bounds import Bounds
from kerasched.schedules.bounds import bounds_at
from kerasched.schedules.bounds import product
from kerasched.schedules.bounds import union
from kerasched.schedules.epochs import StepsPerEpoch
from kerasched.schedules.progress import linear_progress
from kerasched.schedules.registry import register


@register(
    "eden",
    reference="Yao et al., 2024, arXiv:2310.11230, section 3.5; icefall, Eden",
    example={
        "initial_learning_rate": 0.1,
        "decay_steps": 200,
        "decay_epochs": 3.5,
        "steps_per_epoch": 100,
        "warmup_steps": 50,
    },
)
class Eden(Schedule):
    """Fall as a power of the step and of the epoch.

    initial * warmup * (1 + (step / decay_steps)**2)**(-1/4)
    * (1 + (epoch / decay_epochs)**2)**(-1/4), epoch = step // steps_per_epoch, where
    warmup rises on a line from warmup_start to 1

    Args:
        initial_learning_rate: the factor of all rates, 0 or more.
        decay_steps: steps after which the rate begins to fall as 1 / sqrt(step).
        decay_epochs: epochs after which it begins to fall as 1 / sqrt(epoch) too, above
            0; it need not be an integer.
        steps_per_epoch: optimizer steps in one epoch.
        warmup_steps: steps of the rise, 0 or more.
        warmup_start: the factor at step 0, from 0 to 1.
    """

    initial_learning_rate: Rate
    decay_steps: Steps
    decay_epochs: Positive
    steps_per_epoch: StepsPerEpoch
    warmup_steps: Boundary = 500
    warmup_start: Share = 0.5

    def value(self, step: Any, xp: Any) -> Any:
        epochs = xp.real(xp.floor_divide(step, self.steps_per_epoch))
        by_step = _fallen(xp.real(step) / self.decay_steps, xp)
        by_epoch = _fallen(epochs / self.decay_epochs, xp)
        value = self.initial_learning_rate * by_step * by_epoch
        if self.warmup_steps == 0:
            return value
        return value * linear_progress(step, self.warmup_steps, xp).interpolate(
            self.warmup_start, 1.0
        )

    @property
    def bounds(self) -> Bounds:
        if self.warmup_steps == 0:
            return bounds_at(self, 0, MAX_STEP)
        # During the warmup the rate is a falling times a rising factor.
        after = dataclasses.replace(self, warmup_steps=0)
        fallen = bounds_at(after, 0, self.warmup_steps)
        rising = product(fallen, (self.warmup_start, 1.0))
        return union(rising, bounds_at(after, self.warmup_steps, MAX_STEP))


def _fallen(ratio: Any, xp: Any) -> Any:
    """Return (1 + ratio**2)**(-1/4)."""
    return 1.0 / xp.sqrt(xp.sqrt(1.0 + ratio * ratio))
