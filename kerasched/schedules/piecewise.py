"""Rates that change at given steps."""

import dataclasses
from collections.abc import Sequence
from typing import Any

from kerasched.errors import LARGEST
from kerasched.errors import strictly_increasing
from kerasched.schedules.arguments import Boundary
from kerasched.schedules.arguments import Rate
from kerasched.schedules.base import Schedule
from kerasched.schedules.bounds import Bounds
from kerasched.schedules.bounds import bounds_at
from kerasched.schedules.extend import move_boundaries
from kerasched.schedules.extend import stretch
from kerasched.schedules.progress import power
from kerasched.schedules.recipe import Recipe
from kerasched.schedules.registry import register


@register(
    "piecewise_constant",
    reference="He et al., 2016, arXiv:1512.03385, section 4.2",
    example={"boundaries": (500, 750), "values": (0.1, 0.01, 0.001)},
)
class PiecewiseConstant(Schedule):
    """Use one of several rates, each from a given step on.

    values[number of boundaries at or below step]

    At a boundary the new rate already applies, as in torch and optax; Keras's
    PiecewiseConstantDecay changes one step later.

    Args:
        boundaries: steps at which the rate changes, strictly increasing, 0 or more.
        values: the rates, one more than boundaries.
    """

    boundaries: Sequence[Boundary]
    values: Sequence[Rate]

    def check(self) -> None:
        check_pieces(self, "values")

    def value(self, step: Any, xp: Any) -> Any:
        return xp.piecewise(step, self.boundaries, self.values)

    @property
    def bounds(self) -> Bounds:
        return bounds_at(self, 0, *self.boundaries)

    @property
    def constant_after(self) -> int:
        return self.boundaries[-1] if self.boundaries else 0

    def _extended(self, total: int, step: int) -> Schedule:
        move = stretch(self, total, step)
        boundaries = move_boundaries(self.boundaries, move)
        return dataclasses.replace(self, boundaries=boundaries)


@register(
    "multi_step",
    reference="He et al., 2016, arXiv:1512.03385, section 4.2; torch, MultiStepLR",
    example={"initial_learning_rate": 0.1, "milestones": (300, 600, 800)},
)
class MultiStepDecay(Recipe):
    """Multiply the rate by a factor at each of some given steps.

    initial_learning_rate * decay_rate**(number of milestones at or below step)

    Args:
        initial_learning_rate: the rate at step 0, 0 or more.
        milestones: steps at which the rate is multiplied, strictly increasing, 0 or
            more.
        decay_rate: the factor, 0 or more.
    """

    initial_learning_rate: Rate
    milestones: Sequence[Boundary]
    decay_rate: Rate = 0.1

    def compose(self) -> PiecewiseConstant:
        strictly_increasing("MultiStepDecay", "milestones", self.milestones)
        rates = [self._rate(passed) for passed in range(len(self.milestones) + 1)]
        return PiecewiseConstant(self.milestones, rates)

    def _rate(self, passed: int) -> float:
        """Return the rate after some milestones, which must be finite in float32."""
        rate = self.initial_learning_rate * power(self.decay_rate, passed)
        if not rate <= LARGEST:
            what = f"such that no rate is above {LARGEST}"
            raise self._invalid("decay_rate", what)
        return rate


def check_pieces(schedule: Any, argument: str) -> None:
    """Raise ValueError unless boundaries increase and there is one more piece."""
    owner, boundaries = type(schedule).__name__, schedule.boundaries
    strictly_increasing(owner, "boundaries", boundaries)
    if len(getattr(schedule, argument)) != len(boundaries) + 1:
        what = f"one item longer than `boundaries`, which has {len(boundaries)}"
        raise schedule._invalid(argument, what)
