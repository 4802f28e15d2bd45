"""Schedules that count epochs, or updates where Keras counts batches."""

from typing import Any

from keras.optimizers.schedules import LearningRateSchedule

from kerasched.schedules.arguments import Count
from kerasched.schedules.base import Schedule
from kerasched.schedules.base import bounds_of
from kerasched.schedules.base import constant_after_of
from kerasched.schedules.base import value_of
from kerasched.schedules.bounds import Bounds
from kerasched.schedules.cosine import CosineDecay
from kerasched.schedules.epochs import StepsPerEpoch
from kerasched.schedules.registry import register
from kerasched.schedules.step import StepDecay


class _Slower(Schedule):
    """A schedule that sees one step where several are made."""

    schedule: LearningRateSchedule

    def value(self, step: Any, xp: Any) -> Any:
        return value_of(self.schedule, xp.floor_divide(step, self._steps), xp)

    @property
    def bounds(self) -> Bounds:
        return bounds_of(self.schedule)

    @property
    def constant_after(self) -> int | None:
        end = constant_after_of(self.schedule)
        return None if end is None else end * self._steps

    @property
    def _steps(self) -> int:
        """The steps that count as one."""
        raise NotImplementedError


@register(
    "per_epoch",
    reference="torch, scheduler.step() once an epoch",
    example={"schedule": StepDecay(0.1, decay_steps=2), "steps_per_epoch": 125},
)
class PerEpoch(_Slower):
    """Let a schedule count whole epochs instead of optimizer steps.

    schedule(step // steps_per_epoch)

    Args:
        schedule: a schedule whose steps are meant as epochs.
        steps_per_epoch: optimizer steps in one epoch, or the dataset that has them as
            batches: a tf.data.Dataset, keras.utils.PyDataset or torch DataLoader.
    """

    steps_per_epoch: StepsPerEpoch

    @property
    def _steps(self) -> int:
        return self.steps_per_epoch


@register(
    "per_update",
    reference="Keras, argument gradient_accumulation_steps of every optimizer",
    example={"schedule": CosineDecay(0.1, 250), "gradient_accumulation_steps": 4},
)
class PerUpdate(_Slower):
    """Let a schedule count updates where the optimizer accumulates gradients.

    schedule(step // gradient_accumulation_steps)

    A Keras optimizer hands a schedule the number of batches, also where it updates the
    weights once in several of them.

    Args:
        schedule: a schedule whose steps are meant as updates.
        gradient_accumulation_steps: batches in one update, as given to the optimizer.
    """

    gradient_accumulation_steps: Count

    @property
    def _steps(self) -> int:
        return self.gradient_accumulation_steps
