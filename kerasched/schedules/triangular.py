"""Rates that go up and down on straight lines."""

import dataclasses
import math
from typing import Any
from typing import Literal

import numpy as np

from kerasched.errors import MAX_STEP
from kerasched.schedules.arguments import Part
from kerasched.schedules.arguments import Positive
from kerasched.schedules.arguments import Rate
from kerasched.schedules.arguments import Steps
from kerasched.schedules.base import Schedule
from kerasched.schedules.bounds import Bounds
from kerasched.schedules.bounds import bounds_at
from kerasched.schedules.bounds import hull
from kerasched.schedules.host_math import HostMath
from kerasched.schedules.interpolation import PiecewiseInterpolation
from kerasched.schedules.progress import growth
from kerasched.schedules.recipe import Recipe
from kerasched.schedules.registry import register


@register(
    "triangular",
    reference="Smith, 2017, arXiv:1506.01186, section 3",
    example={"min_learning_rate": 0.01, "max_learning_rate": 0.1, "step_size_up": 125},
)
class Triangular(Schedule):
    """Go up and down between two rates, again and again.

    min + (max - min) * x * scale, where x rises from 0 to 1 in step_size_up steps and
    falls back in step_size_down, and scale = 1, 2**-cycle or gamma**step

    Args:
        min_learning_rate: the rate at the start of each cycle, 0 or more.
        max_learning_rate: the rate at the top of the first cycle, 0 or more.
        step_size_up: steps of the rise.
        step_size_down: steps of the fall; None for as many as in the rise.
        mode: "triangular", all cycles alike; "triangular2", each half as high as the
            last; "exp_range", the height multiplied by `gamma` at every step.
        gamma: the factor of "exp_range", above 0. Above 1 the maximum must be at least
            the minimum, or the rate would become negative.
    """

    min_learning_rate: Rate
    max_learning_rate: Rate
    step_size_up: Steps
    step_size_down: Steps | None = None
    mode: Literal["triangular", "triangular2", "exp_range"] = "triangular"
    gamma: Positive = 1.0

    def check(self) -> None:
        if self._period > MAX_STEP:
            what = f"such that a cycle takes at most {MAX_STEP} steps"
            raise self._invalid("step_size_down", what)

        low, high = self.min_learning_rate, self.max_learning_rate
        if self.mode == "exp_range" and self.gamma > 1.0 and high < low:
            what = f"at least `min_learning_rate`, which is {low}, where `gamma` > 1"
            raise self._invalid("max_learning_rate", what)

    def value(self, step: Any, xp: Any) -> Any:
        phase = xp.mod(step, self._period)
        down, up = self._period - self.step_size_up, self.step_size_up
        rise = xp.real(xp.minimum(phase, up)) / up
        fall = xp.real(self._period - xp.maximum(phase, up)) / down
        # Both fractions are computed from integer steps and keep their accuracy.
        on_rise = phase < up
        high = xp.where(on_rise, rise, fall)
        low = xp.where(
            on_rise,
            xp.real(up - xp.minimum(phase, up)) / up,
            xp.real(xp.maximum(phase, up) - up) / down,
        )
        return self.min_learning_rate * low + self._top(step, xp) * high

    @property
    def bounds(self) -> Bounds:
        tops = [self.step_size_up]
        if self.mode == "exp_range" and self.gamma < 1.0:
            # Where t * gamma**t is largest, unless the rise ends before.
            turn = min(-1.0 / math.log(self.gamma), self.step_size_up)
            tops = [math.floor(turn), math.ceil(turn)]
        bounds = bounds_at(self, 0, *tops)
        if self.mode == "exp_range" and self.gamma > 1.0:
            # The top of a cycle at the last step of all.
            with np.errstate(over="ignore"):
                top = float(self._top(MAX_STEP, HostMath))
            bounds = hull(*bounds, top)
        return bounds

    def momentum(self, low: float = 0.8, high: float = 0.9) -> "Triangular":
        """Return a momentum that falls while the rate rises, and rises while it falls.

        Args:
            low: the momentum at the highest rate.
            high: the momentum at the lowest rate.
        """
        if self.mode == "exp_range" and self.gamma > 1.0:
            what = "at most 1 for a momentum, which would fall below 0"
            raise self._invalid("gamma", what)
        return dataclasses.replace(
            self, min_learning_rate=high, max_learning_rate=low, name=None
        )

    def _range(self, step: Any, xp: Any) -> Any:
        """Return gamma**step, limited to finite values."""
        if self.gamma <= 1.0:
            return xp.geometric(self.gamma, step)
        largest = max(self.max_learning_rate, 1.0)
        return growth(largest, self.gamma, step, xp) / largest

    @property
    def _period(self) -> int:
        return self.step_size_up + (self.step_size_down or self.step_size_up)

    def _top(self, step: Any, xp: Any) -> Any:
        """Return the rate at the top of a cycle with the height at `step`."""
        if self.mode == "triangular":
            return self.max_learning_rate
        if self.mode == "triangular2":
            scale = xp.geometric(0.5, xp.real(xp.floor_divide(step, self._period)))
        else:
            scale = self._range(xp.real(step), xp)
        if self.gamma > 1.0:  # 1 - scale would be as large as scale.
            height = self.max_learning_rate - self.min_learning_rate
            return self.min_learning_rate + height * scale
        return self.min_learning_rate * (1.0 - scale) + self.max_learning_rate * scale


@register(
    "slanted_triangular",
    reference="Howard and Ruder, 2018, arXiv:1801.06146, equation 3",
    example={"max_learning_rate": 0.1, "total_steps": 1000},
)
class SlantedTriangular(Recipe):
    """Rise steeply to a peak and fall slowly back, on straight lines.

    From max / ratio to max in cut = floor(cut_fraction * total_steps) steps, and back
    to max / ratio at step = cut / cut_fraction

    Args:
        max_learning_rate: the rate of the peak, 0 or more.
        total_steps: steps of rise and fall; at least one must belong to the rise.
        cut_fraction: the fraction of the steps in the rise, above 0 and below 1.
        ratio: how many times the peak is above the start and the end.
    """

    max_learning_rate: Rate
    total_steps: Steps
    cut_fraction: Part = 0.1
    ratio: Positive = 32.0

    def compose(self) -> PiecewiseInterpolation:
        cut = math.floor(self.total_steps * self.cut_fraction)
        if cut == 0:
            what = "large enough for one step of rise"
            raise self._invalid("total_steps", what)
        low = self.max_learning_rate / self.ratio
        points = (0.0, float(cut), cut / self.cut_fraction)
        return PiecewiseInterpolation(points, (low, self.max_learning_rate, low))

    def momentum(self, low: float = 0.8, high: float = 0.9) -> PiecewiseInterpolation:
        """Return a momentum that falls while the rate rises, and rises while it falls.

        Args:
            low: the momentum at the highest rate.
            high: the momentum at the start and at the end.
        """
        return dataclasses.replace(self.compose(), values=(high, low, high))
