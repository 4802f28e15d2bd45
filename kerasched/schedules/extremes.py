"""The lowest and the highest of several schedules."""

import functools
from collections.abc import Callable
from typing import Any

from kerasched.schedules.base import bounds_of
from kerasched.schedules.bounds import Bounds
from kerasched.schedules.combine import Several
from kerasched.schedules.constant import Constant
from kerasched.schedules.cosine import CosineDecay
from kerasched.schedules.exponential import ExponentialDecay
from kerasched.schedules.polynomial import LinearDecay
from kerasched.schedules.registry import register


@register(
    "minimum",
    reference="Vaswani et al., 2017, arXiv:1706.03762, equation 3",
    example={
        "schedules": (LinearDecay(0.0, 300, 0.1), ExponentialDecay(0.2, 300, 0.4))
    },
)
class Minimum(Several):
    """Take the lowest rate of several schedules.

    min(schedules[0](step), schedules[1](step), ...)

    Args:
        schedules: the schedules, at least one, all counting the same steps.
    """

    def value(self, step: Any, xp: Any) -> Any:
        return _extreme(self._values(step, xp), min, xp.minimum)

    @property
    def bounds(self) -> Bounds:
        lows, highs = zip(*map(bounds_of, self.schedules), strict=True)
        return min(lows), min(highs)


@register(
    "maximum",
    reference="optax, exponential_decay, argument end_value, as a schedule",
    example={"schedules": (CosineDecay(0.1, 1000), Constant(0.02))},
)
class Maximum(Several):
    """Take the highest rate of several schedules.

    max(schedules[0](step), schedules[1](step), ...)

    Args:
        schedules: the schedules, at least one, all counting the same steps.
    """

    def value(self, step: Any, xp: Any) -> Any:
        return _extreme(self._values(step, xp), max, xp.maximum)

    @property
    def bounds(self) -> Bounds:
        lows, highs = zip(*map(bounds_of, self.schedules), strict=True)
        return max(lows), max(highs)


def _extreme(
    values: list[Any], of_numbers: Callable[[list[float]], float], of_two: Any
) -> Any:
    """Return the extreme of values; numbers, as of a Constant, are compared first."""
    numbers = [value for value in values if isinstance(value, float)]
    tensors = [value for value in values if not isinstance(value, float)]
    ends = [of_numbers(numbers)] if numbers else []
    return functools.reduce(of_two, [*tensors, *ends])
