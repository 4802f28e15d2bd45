"""Rates that are constant for a long time, between a warmup and a decay."""

import dataclasses
from typing import Literal

from kerasched.schedules.arguments import Boundary
from kerasched.schedules.arguments import Rate
from kerasched.schedules.arguments import Steps
from kerasched.schedules.base import Schedule
from kerasched.schedules.chain import Chain
from kerasched.schedules.constant import Constant
from kerasched.schedules.cosine import CosineDecay
from kerasched.schedules.extend import UnfitTotalError
from kerasched.schedules.polynomial import LinearDecay
from kerasched.schedules.polynomial import PolynomialDecay
from kerasched.schedules.recipe import Recipe
from kerasched.schedules.registry import register
from kerasched.schedules.warmup import Warmup
from kerasched.schedules.warmup import check_exponential


@register(
    "warmup_stable_decay",
    reference="Hu et al., 2024, arXiv:2404.06395, section 4.2; shapes of the decay: "
    "Hägele et al., 2024, arXiv:2405.18392",
    example={
        "peak_learning_rate": 0.1,
        "warmup_steps": 100,
        "stable_steps": 600,
        "decay_steps": 300,
    },
)
class WarmupStableDecay(Recipe):
    """Rise on a line, hold the peak, then fall to the end.

    peak * step / warmup_steps; peak; end + (peak - end) * f(elapsed / decay_steps)

    Args:
        peak_learning_rate: the rate of the plateau, 0 or more.
        warmup_steps: steps of the rise from 0, 0 or more.
        stable_steps: steps of the plateau, 0 or more.
        decay_steps: steps of the fall.
        end_learning_rate: the rate from then on, 0 or more.
        decay_shape: f(p). "linear", 1 - p; "cosine", half a wave; "sqrt", sqrt(1 - p);
            "1-sqrt", 1 - sqrt(p); "exponential", a constant factor a step, for which
            the peak and the end must be above 0.
    """

    peak_learning_rate: Rate
    warmup_steps: Boundary
    stable_steps: Boundary
    decay_steps: Steps
    end_learning_rate: Rate = 0.0
    decay_shape: Literal["linear", "cosine", "sqrt", "1-sqrt", "exponential"] = "linear"

    def check(self) -> None:
        if self.decay_shape == "exponential":
            for name in ("peak_learning_rate", "end_learning_rate"):
                check_exponential(self, name)
        super().check()

    def compose(self) -> Schedule:
        after = self._decay()
        if self.stable_steps:
            plateau = Constant(self.peak_learning_rate)
            after = Chain((plateau, after), (self.stable_steps,))
        return Warmup(after, self.warmup_steps)

    def _extended(self, total: int, step: int) -> Schedule:
        ramp = self.warmup_steps
        if step > ramp + self.stable_steps:
            return super()._extended(total, step)
        begin = max(total - self.decay_steps, ramp, step)
        if begin >= total:
            raise UnfitTotalError
        stable, decay = begin - ramp, total - begin
        return dataclasses.replace(self, stable_steps=stable, decay_steps=decay)

    def _decay(self) -> Schedule:
        peak, steps = self.peak_learning_rate, self.decay_steps
        end = self.end_learning_rate
        if self.decay_shape == "linear":
            return LinearDecay(peak, steps, end)
        if self.decay_shape == "cosine":
            return CosineDecay(peak, steps, end)
        if self.decay_shape == "sqrt":
            return PolynomialDecay(peak, steps, end, power=0.5)
        if self.decay_shape == "1-sqrt":
            return PolynomialDecay(peak, steps, end, k_decay=0.5)
        return Warmup(Constant(end), steps, peak, "exponential")


@register(
    "knee",
    reference="Iyer et al., 2023, arXiv:2003.03977, section 4",
    example={
        "peak_learning_rate": 0.1,
        "warmup_steps": 100,
        "explore_steps": 500,
        "total_steps": 1000,
    },
)
class Knee(Recipe):
    """Rise on a line, explore at the peak, then exploit on a line to the end.

    peak * step / warmup_steps; peak for explore_steps; then straight to the end, which
    is reached at total_steps

    Args:
        peak_learning_rate: the rate of the exploration, 0 or more.
        warmup_steps: steps of the rise from 0, 0 or more.
        explore_steps: steps at the peak, 0 or more.
        total_steps: steps until the end is reached, more than the other two combined.
        end_learning_rate: the rate from then on, 0 or more.
    """

    peak_learning_rate: Rate
    warmup_steps: Boundary
    explore_steps: Boundary
    total_steps: Steps
    end_learning_rate: Rate = 0.0

    def compose(self) -> WarmupStableDecay:
        before = self.warmup_steps + self.explore_steps
        if self.total_steps <= before:
            what = f"above warmup_steps + explore_steps, which is {before}"
            raise self._invalid("total_steps", what)
        return WarmupStableDecay(
            self.peak_learning_rate,
            self.warmup_steps,
            self.explore_steps,
            self.total_steps - before,
            self.end_learning_rate,
        )
