"""Rates that are interpolated between given points, and what is made of that."""

import itertools
import math
from collections.abc import Callable
from functools import partial
from typing import Annotated
from typing import Any
from typing import Literal

from kerasched.errors import MAX_STEP
from kerasched.errors import Number
from kerasched.errors import message
from kerasched.schedules.arguments import Rate
from kerasched.schedules.base import Schedule
from kerasched.schedules.bounds import Bounds
from kerasched.schedules.bounds import reached
from kerasched.schedules.progress import Progress
from kerasched.schedules.registry import register

Point = Annotated[float, Number("a non-negative finite number", minimum=0.0)]


@register(
    "piecewise_interpolation",
    reference="optax, piecewise_interpolate_schedule; ignite, PiecewiseLinear",
    example={"steps": (0, 200, 600, 1000), "values": (0.02, 0.1, 0.05, 0.0)},
)
class PiecewiseInterpolation(Schedule):
    """Go from point to point, on straight lines or half cosine waves.

    values[i] + (values[i + 1] - values[i]) * f((step - steps[i]) / length), where
    length = steps[i + 1] - steps[i] and f(p) is p, or (1 - cos(pi * p)) / 2

    The first value holds before the first point, the last one after the last. Two
    points at the same step make a jump.

    Args:
        steps: where the points are, in their order, 0 or more, at most two of them
            equal; a point may lie between two steps, so real numbers are taken too.
        values: the rates at the points, as many as there are steps.
        shape: "linear" or "cosine".
    """

    steps: tuple[Point, ...]
    values: tuple[Rate, ...]
    shape: Literal["linear", "cosine"] = "linear"

    def check(self) -> None:
        owner = type(self).__name__
        if not self.steps:
            raise ValueError(message(owner, "steps", "not empty", self.steps))
        _in_order(owner, self.steps)
        if self.steps[-1] > MAX_STEP:
            what = f"at most {MAX_STEP}"
            raise ValueError(message(owner, "steps", what, self.steps))
        if len(self.values) != len(self.steps):
            what = f"as long as `steps`, which has {len(self.steps)}"
            raise ValueError(message(owner, "values", what, self.values))

    def value(self, step: Any, xp: Any) -> Any:
        starts = [math.ceil(point) for point in self.steps]
        between = [
            partial(self._segment, index, xp=xp) for index in range(len(starts) - 1)
        ]
        pieces: list[Callable[[Any], Any] | float] = [self.values[0], *between]
        return xp.piecewise(step, starts, [*pieces, self.values[-1]])

    @property
    def bounds(self) -> Bounds:
        # The steps on both sides of each point: between points the rate does not turn.
        return reached(self, *map(math.floor, self.steps), *map(math.ceil, self.steps))

    @property
    def constant_after(self) -> int:
        return math.ceil(self.steps[-1])

    def _segment(self, index: int, step: Any, xp: Any) -> Any:
        """Return the value between two points, at steps between them."""
        begin, end = self.steps[index], self.steps[index + 1]
        if begin == end:
            return self.values[index + 1]
        first, last = math.ceil(begin), math.floor(end)

        # Whole steps are counted as integers, and what is left over is added to them.
        def done() -> Any:
            whole = xp.real(xp.maximum(step, first) - first)
            return (whole + (first - begin)) / (end - begin)

        def left() -> Any:
            whole = xp.real(last - xp.minimum(step, last))
            return (whole + (end - last)) / (end - begin)

        progress = Progress(xp, done, left)
        if self.shape == "cosine":
            progress = progress.waved()
        return progress.between(self.values[index], self.values[index + 1])


def _in_order(owner: str, steps: tuple[float, ...]) -> None:
    ordered = all(a <= b for a, b in itertools.pairwise(steps))
    thrice = any(a == b for a, b in zip(steps, steps[2:], strict=False))
    if thrice or not ordered:
        what = "in increasing order, with at most two equal"
        raise ValueError(message(owner, "steps", what, steps))
