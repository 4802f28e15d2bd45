"""Rates that are interpolated between given points."""

import itertools
import math
from collections.abc import Callable
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING
from typing import Any
from typing import ClassVar
from typing import Literal
from typing import NamedTuple

from kerasched.errors import MAX_STEP
from kerasched.schedules.arguments import Offset
from kerasched.schedules.arguments import Rate
from kerasched.schedules.base import Schedule
from kerasched.schedules.bounds import Bounds
from kerasched.schedules.bounds import bounds_at
from kerasched.schedules.extend import replace_rest
from kerasched.schedules.progress import half_wave
from kerasched.schedules.registry import register
from kerasched.schedules.step_math import FEW


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
        steps: the steps of the points in increasing order, 0 or more, at most two of
            them equal. Real numbers are accepted: a point may lie between two steps.
        values: the rates at the points, as many as there are steps.
        shape: "linear" or "cosine".
    """

    steps: Sequence[Offset]
    values: Sequence[Rate]
    shape: Literal["linear", "cosine"] = "linear"

    if TYPE_CHECKING:  # What `check` derives from the arguments.
        _starts: ClassVar[tuple[int, ...]]
        _lines: ClassVar[list["_Line"]]

    def check(self) -> None:
        if not self.steps:
            raise self._invalid("steps", "not empty")
        ordered = all(a <= b for a, b in itertools.pairwise(self.steps))
        pairs = zip(self.steps, self.steps[2:], strict=False)
        if not ordered or any(a == b for a, b in pairs):
            what = "in increasing order, with at most two equal"
            raise self._invalid("steps", what)
        if self.steps[-1] > MAX_STEP:
            what = f"at most {MAX_STEP}"
            raise self._invalid("steps", what)
        if len(self.values) != len(self.steps):
            what = f"as long as `steps`, which has {len(self.steps)}"
            raise self._invalid("values", what)

        object.__setattr__(self, "_starts", tuple(map(math.ceil, self.steps)))
        lines = [self._line(index) for index in range(len(self.steps) - 1)]
        object.__setattr__(self, "_lines", lines)

    def value(self, step: Any, xp: Any) -> Any:
        if len(self._starts) >= FEW:
            return self._looked_up(step, xp)
        segments = [partial(self._segment, line, xp=xp) for line in self._lines]
        pieces: list[Callable[[Any], Any] | float] = [self.values[0], *segments]
        return xp.piecewise(step, self._starts, [*pieces, self.values[-1]])

    @property
    def bounds(self) -> Bounds:
        # The steps on both sides of each point: the rate is monotone between points.
        return bounds_at(
            self, *map(math.floor, self.steps), *map(math.ceil, self.steps)
        )

    @property
    def constant_after(self) -> int:
        return math.ceil(self.steps[-1])

    def _extended(self, total: int, step: int) -> Schedule:
        points = list(zip(self.steps, self.values, strict=True))
        length = self.steps[-1] - step
        rest = [
            ((point - step) / length * (total - step), rate)
            for point, rate in points
            if point > step
        ]
        if len(rest) < len(points):
            rest.insert(0, (0.0, float(self.evaluate(step))))
        steps, values = zip(*rest, strict=True)
        return replace_rest(self, step, steps=steps, values=values)

    def _segment(self, line: "_Line", step: Any, xp: Any) -> Any:
        """Return the values at steps between two points."""
        if line.falls:
            whole = line.anchor - xp.minimum(step, line.anchor)
        else:
            whole = xp.maximum(step, line.anchor) - line.anchor
        part = self._curve((xp.real(whole) + line.beyond) / line.length, xp)
        return line.low + line.height * part if line.low else line.height * part

    def _looked_up(self, step: Any, xp: Any) -> Any:
        """Return the values of many segments, whose parameters are in a table."""
        ends = [_Line(0, 0.0, 1.0, self.values[end], 0.0, False) for end in (0, -1)]
        lines = [ends[0], *self._lines, ends[1]]
        index = xp.searchsorted(self._starts, step)
        anchor, beyond, length, low, height = (
            xp.take([line[column] for line in lines], index, step)
            for column in range(5)
        )
        whole = xp.maximum(step, anchor) - xp.minimum(step, anchor)
        return low + height * self._curve((xp.real(whole) + beyond) / length, xp)

    def _curve(self, fraction: Any, xp: Any) -> Any:
        """Return the fraction of the height at a fraction of the length."""
        return fraction if self.shape == "linear" else half_wave(fraction, xp)

    def _line(self, index: int) -> "_Line":
        """Return the line between two points, counted from the lower of them."""
        begin, end = self.steps[index], self.steps[index + 1]
        start, target = self.values[index], self.values[index + 1]
        falls = start >= target
        rates = (min(start, target), abs(target - start), falls)
        anchor = math.floor(end) if falls else math.ceil(begin)
        beyond = end - anchor if falls else anchor - begin
        if math.ceil(end) - math.ceil(begin) > 1:
            return _Line(anchor, beyond, end - begin, *rates)
        # At most one step lies between. Its fraction is computed here in float64: the
        # length may be so small that it is 0 in float32.
        step = math.ceil(begin)
        fraction = (abs(anchor - step) + beyond) / ((end - begin) or 1.0)
        return _Line(step, fraction, 1.0, *rates)


class _Line(NamedTuple):
    """The line between two points, seen from the lower one to avoid cancellation.

    Args:
        anchor: the integer step next to the lower point, from which steps are counted.
        beyond: the fraction of a step from the lower point to the anchor.
        length: the steps from one point to the other.
        low: the rate at the lower point.
        height: the rate at the higher point minus `low`.
        falls: whether the second point is the lower one.
    """

    anchor: int
    beyond: float
    length: float
    low: float
    height: float
    falls: bool
