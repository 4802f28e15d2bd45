"""One schedule whose rate or whose step is changed."""

import dataclasses
import math
from typing import Any

from keras.optimizers.schedules import LearningRateSchedule

from kerasched.errors import MAX_STEP
from kerasched.schedules.arguments import Count
from kerasched.schedules.arguments import Rate
from kerasched.schedules.base import Schedule
from kerasched.schedules.base import constant_after_of
from kerasched.schedules.base import value_of
from kerasched.schedules.bounds import Bounds
from kerasched.schedules.bounds import bounds_of
from kerasched.schedules.bounds import product
from kerasched.schedules.cosine import CosineDecay
from kerasched.schedules.epochs import StepsPerEpoch
from kerasched.schedules.exponential import StepDecay
from kerasched.schedules.extend import UnfitTotalError
from kerasched.schedules.extend import extend_part
from kerasched.schedules.polynomial import LinearDecay
from kerasched.schedules.progress import since
from kerasched.schedules.registry import register


class _Wrapper(Schedule):
    """One schedule whose value or step is changed."""

    schedule: LearningRateSchedule

    @property
    def bounds(self) -> Bounds:
        return bounds_of(self.schedule)

    @property
    def constant_after(self) -> int | None:
        return constant_after_of(self.schedule)

    def _extended(self, total: int, step: int) -> Schedule:
        part = extend_part(self.schedule, total, step)
        return dataclasses.replace(self, schedule=part)


@register(
    "scale",
    reference="Operator 2 * a",
    example={"schedule": CosineDecay(0.1, 1000), "factor": 0.5},
)
class Scale(_Wrapper):
    """Multiply a schedule by a number.

    schedule(step) * factor

    Args:
        schedule: the schedule.
        factor: the number, 0 or more.
    """

    factor: Rate

    def value(self, step: Any, xp: Any) -> Any:
        return value_of(self.schedule, step, xp) * self.factor

    @property
    def bounds(self) -> Bounds:
        return product(bounds_of(self.schedule), (self.factor, self.factor))


@register(
    "clip",
    reference="optax, exponential_decay, argument end_value",
    example={"schedule": CosineDecay(0.1, 1000), "low": 0.02, "high": 0.08},
)
class Clip(_Wrapper):
    """Keep a schedule between two bounds.

    min(max(schedule(step), low), high)

    Args:
        schedule: the schedule.
        low: the lower bound, 0 or more.
        high: the upper bound, not below `low`; None for no upper bound.
    """

    low: Rate = 0.0
    high: Rate | None = None

    def check(self) -> None:
        if self.high is not None and self.high < self.low:
            what = f"at least `low`, which is {self.low!r}"
            raise self._invalid("high", what)

    def value(self, step: Any, xp: Any) -> Any:
        value = value_of(self.schedule, step, xp)
        if self.low > 0.0:
            value = xp.maximum(value, self.low)
        return value if self.high is None else xp.minimum(value, self.high)

    @property
    def bounds(self) -> Bounds:
        high = math.inf if self.high is None else self.high
        low, top = (min(max(bound, self.low), high) for bound in super().bounds)
        return low, top


@register(
    "shift",
    reference="optax, argument transition_begin; TensorFlow Models, WithOffset",
    example={"schedule": LinearDecay(0.1, 800), "steps": -200},
)
class Shift(_Wrapper):
    """Move a schedule in time.

    schedule(max(0, step + steps))

    Args:
        schedule: the schedule.
        steps: steps by which it is moved earlier. If negative, it is moved later and
            its first rate is held until then.
    """

    steps: int

    def value(self, step: Any, xp: Any) -> Any:
        if self.steps <= 0:
            moved = since(step, -self.steps, xp)
        else:
            # Limited first, so that the sum does not overflow 31 bits.
            moved = xp.minimum(step, MAX_STEP - self.steps) + self.steps
        return value_of(self.schedule, moved, xp)

    @property
    def constant_after(self) -> int | None:
        end = constant_after_of(self.schedule)
        return None if end is None else max(0, end - self.steps)

    def _extended(self, total: int, step: int) -> Schedule:
        moved, now = total + self.steps, max(0, step + self.steps)
        part = extend_part(self.schedule, moved, now)
        return dataclasses.replace(self, schedule=part)


class _Strided(_Wrapper):
    """A schedule that counts one step where the optimizer makes several."""

    def value(self, step: Any, xp: Any) -> Any:
        return value_of(self.schedule, xp.floor_divide(step, self._stride), xp)

    @property
    def constant_after(self) -> int | None:
        end = constant_after_of(self.schedule)
        return None if end is None else end * self._stride

    @property
    def _stride(self) -> int:
        """The optimizer's steps that count as one."""
        raise NotImplementedError

    def _extended(self, total: int, step: int) -> Schedule:
        count, rest = divmod(total, self._stride)
        if rest:
            what = f"a whole number of {self._stride} steps"
            raise UnfitTotalError(f"such that {type(self).__name__} has {what}")
        part = extend_part(self.schedule, count, step // self._stride)
        return dataclasses.replace(self, schedule=part)


@register(
    "per_epoch",
    reference="torch, scheduler.step() once an epoch",
    example={"schedule": StepDecay(0.1, decay_steps=2), "steps_per_epoch": 125},
)
class PerEpoch(_Strided):
    """Let a schedule count whole epochs instead of optimizer steps.

    schedule(step // steps_per_epoch)

    Args:
        schedule: a schedule whose steps are epochs.
        steps_per_epoch: optimizer steps in one epoch, or a dataset with as many
            batches: a tf.data.Dataset, keras.utils.PyDataset or torch DataLoader.
    """

    steps_per_epoch: StepsPerEpoch

    @property
    def _stride(self) -> int:
        return self.steps_per_epoch


@register(
    "per_update",
    reference="Keras, argument gradient_accumulation_steps of every optimizer",
    example={"schedule": CosineDecay(0.1, 250), "gradient_accumulation_steps": 4},
)
class PerUpdate(_Strided):
    """Let a schedule count updates where the optimizer accumulates gradients.

    schedule(step // gradient_accumulation_steps)

    A Keras optimizer calls a schedule with the number of batches, also if it updates
    the weights once in several batches.

    Args:
        schedule: a schedule whose steps are updates.
        gradient_accumulation_steps: batches in one update, as given to the optimizer.
    """

    gradient_accumulation_steps: Count

    @property
    def _stride(self) -> int:
        return self.gradient_accumulation_steps
