"""Schedules that count epochs."""

from typing import Any

from keras.optimizers.schedules import LearningRateSchedule

from kerasched.schedules.arguments import Steps
from kerasched.schedules.base import Schedule
from kerasched.schedules.base import constant_after_of
from kerasched.schedules.base import value_of
from kerasched.schedules.registry import register
from kerasched.schedules.step import StepDecay


@register(
    "per_epoch",
    reference="torch, scheduler.step() once an epoch",
    example={"schedule": StepDecay(0.1, decay_steps=2), "steps_per_epoch": 125},
)
class PerEpoch(Schedule):
    """Let a schedule count whole epochs instead of optimizer steps.

    schedule(step // steps_per_epoch)

    Args:
        schedule: a schedule whose steps are meant as epochs.
        steps_per_epoch: optimizer steps in one epoch.
    """

    schedule: LearningRateSchedule
    steps_per_epoch: Steps

    def value(self, step: Any, xp: Any) -> Any:
        return value_of(self.schedule, xp.floor_divide(step, self.steps_per_epoch), xp)

    @property
    def constant_after(self) -> int | None:
        end = constant_after_of(self.schedule)
        return None if end is None else end * self.steps_per_epoch
