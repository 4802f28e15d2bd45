"""Rates in the fractal order of Chebyshev nodes."""

import math
from typing import Any

from kerasched.schedules.arguments import Positive
from kerasched.schedules.arguments import Rate
from kerasched.schedules.arguments import Steps
from kerasched.schedules.base import Schedule
from kerasched.schedules.bounds import Bounds
from kerasched.schedules.bounds import bounds_at
from kerasched.schedules.registry import register


@register(
    "chebyshev",
    reference="Agarwal, Goel and Zhang, 2021, arXiv:2103.01338, sections 2 and 3",
    example={"initial_learning_rate": 0.01, "total_steps": 64},
)
class Chebyshev(Schedule):
    """Take the inverses of Chebyshev nodes as rates, in an order that stays stable.

    initial / (m + (M - m) * (1 - cos(pi * (order(step) + 1/2) / n)) / 2), where n is
    the smallest power of two that is not below total_steps, and order() the fractal
    permutation: order_1 = (0), order_2k = (order_k[0], 2k - 1 - order_k[0], ...)

    The rates leap from small to large and back: 1/M to 1/m times the initial one.

    Args:
        initial_learning_rate: the factor of all rates, 0 or more.
        total_steps: steps until the last rate is reached, which is then held; at most
            2**30.
        min_curvature: m, the smallest curvature of the problem, above 0.
        max_curvature: M, the largest one, not below m.
    """

    initial_learning_rate: Rate
    total_steps: Steps
    min_curvature: Positive = 0.05
    max_curvature: Positive = 1.0

    def check(self) -> None:
        if self.total_steps > 2**30:
            what = "a positive integer of at most 2**30"
            raise self._invalid("total_steps", what)
        if self.max_curvature < self.min_curvature:
            what = f"at least `min_curvature`, which is {self.min_curvature}"
            raise self._invalid("max_curvature", what)

    def value(self, step: Any, xp: Any) -> Any:
        step = xp.minimum(step, self.total_steps - 1)
        levels = (self.total_steps - 1).bit_length()
        node = xp.real(self._order(step, levels, xp)) + 0.5
        # (1 - cos(x)) / 2 = sin(x / 2)**2
        half = xp.sin(0.5 * math.pi / 2**levels * node)
        spread = self.max_curvature - self.min_curvature
        return self.initial_learning_rate / (self.min_curvature + spread * half * half)

    @property
    def bounds(self) -> Bounds:
        # The first step has the first node, and the second step the last one.
        return bounds_at(self, 0, 1)

    @property
    def constant_after(self) -> int:
        return self.total_steps - 1

    def _order(self, step: Any, levels: int, xp: Any) -> Any:
        """Return the number of the node at each step; each level adds one bit."""
        node = step - step
        for level in range(1, levels + 1):
            bit = xp.mod(xp.floor_divide(step, 2 ** (levels - level)), 2)
            node = xp.where(bit > 0, 2**level - 1 - node, node)
        return node
