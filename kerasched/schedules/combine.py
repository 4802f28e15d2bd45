"""Several schedules combined at the same step: sum, product, minimum and maximum."""

import dataclasses
import functools
import operator
from collections.abc import Sequence
from typing import Any

from keras.optimizers.schedules import LearningRateSchedule

from kerasched.schedules.base import Schedule
from kerasched.schedules.base import all_constant_after
from kerasched.schedules.base import value_of
from kerasched.schedules.bounds import Bounds
from kerasched.schedules.bounds import bounds_of
from kerasched.schedules.bounds import product
from kerasched.schedules.constant import Constant
from kerasched.schedules.cosine import CosineDecay
from kerasched.schedules.exponential import ExponentialDecay
from kerasched.schedules.extend import end_of
from kerasched.schedules.extend import extend_part
from kerasched.schedules.extend import stretch
from kerasched.schedules.polynomial import LinearDecay
from kerasched.schedules.registry import register


class _Combination(Schedule):
    """Schedules whose values at the same step are combined into one."""

    schedules: Sequence[LearningRateSchedule]

    def check(self) -> None:
        if not self.schedules:
            raise self._invalid("schedules", "not empty")

    @property
    def constant_after(self) -> int | None:
        return all_constant_after(self.schedules)

    def _extended(self, total: int, step: int) -> Schedule:
        move = stretch(self, total, step)
        parts = [extend_part(part, move(end_of(part)), step) for part in self.schedules]
        return dataclasses.replace(self, schedules=parts)

    def _values(self, step: Any, xp: Any) -> list[Any]:
        return [value_of(schedule, step, xp) for schedule in self.schedules]

    def _bounds_of_each(self) -> tuple[list[float], list[float]]:
        """Return the lower and the upper bounds of the schedules."""
        bounds = [bounds_of(schedule) for schedule in self.schedules]
        return [low for low, _ in bounds], [high for _, high in bounds]


@register(
    "sum",
    reference="Operator a + b",
    example={"schedules": (LinearDecay(0.06, 1000), Constant(0.02))},
)
class Sum(_Combination):
    """Add the rates of several schedules.

    schedules[0](step) + schedules[1](step) + ...

    Args:
        schedules: the schedules, at least one, all counting the same steps.
    """

    def value(self, step: Any, xp: Any) -> Any:
        return functools.reduce(operator.add, self._values(step, xp))

    @property
    def bounds(self) -> Bounds:
        lows, highs = self._bounds_of_each()
        return sum(lows), sum(highs)


@register(
    "product",
    reference="Operator a * b; torch, ChainedScheduler",
    example={"schedules": (CosineDecay(0.1, 1000), ExponentialDecay(1.0, 500, 0.3))},
)
class Product(_Combination):
    """Multiply the rates of several schedules.

    schedules[0](step) * schedules[1](step) * ...

    Args:
        schedules: the schedules, at least one, all counting the same steps.
    """

    def value(self, step: Any, xp: Any) -> Any:
        return functools.reduce(operator.mul, self._values(step, xp))

    @property
    def bounds(self) -> Bounds:
        return functools.reduce(product, map(bounds_of, self.schedules))


@register(
    "minimum",
    reference="Vaswani et al., 2017, arXiv:1706.03762, equation 3",
    example={
        "schedules": (LinearDecay(0.0, 300, 0.1), ExponentialDecay(0.2, 300, 0.4))
    },
)
class Minimum(_Combination):
    """Take the lowest rate of several schedules.

    min(schedules[0](step), schedules[1](step), ...)

    Args:
        schedules: the schedules, at least one, all counting the same steps.
    """

    def value(self, step: Any, xp: Any) -> Any:
        return functools.reduce(xp.minimum, self._values(step, xp))

    @property
    def bounds(self) -> Bounds:
        lows, highs = self._bounds_of_each()
        return min(lows), min(highs)


@register(
    "maximum",
    reference="optax, exponential_decay, argument end_value, as a schedule",
    example={"schedules": (CosineDecay(0.1, 1000), Constant(0.02))},
)
class Maximum(_Combination):
    """Take the highest rate of several schedules.

    max(schedules[0](step), schedules[1](step), ...)

    Args:
        schedules: the schedules, at least one, all counting the same steps.
    """

    def value(self, step: Any, xp: Any) -> Any:
        return functools.reduce(xp.maximum, self._values(step, xp))

    @property
    def bounds(self) -> Bounds:
        lows, highs = self._bounds_of_each()
        return max(lows), max(highs)
