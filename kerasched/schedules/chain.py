"""Schedules one after the other."""

import dataclasses
import math
from collections.abc import Sequence
from functools import partial
from typing import Any

from keras.optimizers.schedules import LearningRateSchedule

from kerasched.schedules.arguments import Boundary
from kerasched.schedules.base import Schedule
from kerasched.schedules.base import constant_after_of
from kerasched.schedules.base import value_of
from kerasched.schedules.bounds import Bounds
from kerasched.schedules.bounds import bounds_of
from kerasched.schedules.bounds import union
from kerasched.schedules.constant import Constant
from kerasched.schedules.extend import end_of
from kerasched.schedules.extend import extend_part
from kerasched.schedules.extend import move_boundaries
from kerasched.schedules.extend import stretch
from kerasched.schedules.piecewise import check_pieces
from kerasched.schedules.polynomial import LinearDecay
from kerasched.schedules.progress import since
from kerasched.schedules.registry import register


@register(
    "chain",
    reference="optax, join_schedules; torch, SequentialLR",
    example={
        "schedules": (Constant(0.1), LinearDecay(0.1, 500, 0.02)),
        "boundaries": (300,),
    },
)
class Chain(Schedule):
    """Use one schedule after the other, each counting from its own start.

    schedules[i](step - boundaries[i - 1]), i = number of boundaries at or below step

    The compiled step contains all of them, so hundreds take long to compile. For
    constant rates use PiecewiseConstant and for lines PiecewiseInterpolation, which
    look them up in a table.

    Args:
        schedules: the schedules in their order, at least one.
        boundaries: steps at which the next one begins, strictly increasing, 0 or more,
            one fewer than schedules.
    """

    schedules: Sequence[LearningRateSchedule]
    boundaries: Sequence[Boundary]

    def check(self) -> None:
        check_pieces(self, "schedules")

    def value(self, step: Any, xp: Any) -> Any:
        starts = (0, *self.boundaries)
        pieces = [
            partial(_from_start, schedule, start, xp)
            for schedule, start in zip(self.schedules, starts, strict=True)
        ]
        return xp.piecewise(step, self.boundaries, pieces)

    @property
    def bounds(self) -> Bounds:
        return union(*map(bounds_of, self.schedules))

    @property
    def constant_after(self) -> int | None:
        last = constant_after_of(self.schedules[-1])
        start = self.boundaries[-1] if self.boundaries else 0
        return None if last is None else start + last

    def _extended(self, total: int, step: int) -> Schedule:
        move = stretch(self, total, step)
        boundaries = move_boundaries(self.boundaries, move)
        starts, new_starts = (0, *self.boundaries), (0, *boundaries)
        next_starts = (*self.boundaries, math.inf)
        parts = [
            # Parts that are over stay; the others are stretched from where they are.
            part
            if next_start <= step
            else extend_part(
                part, move(start + end_of(part)) - new_start, max(0, step - start)
            )
            for part, start, new_start, next_start in zip(
                self.schedules, starts, new_starts, next_starts, strict=True
            )
        ]
        return dataclasses.replace(self, schedules=parts, boundaries=boundaries)


def _from_start(schedule: LearningRateSchedule, start: int, xp: Any, step: Any) -> Any:
    return value_of(schedule, since(step, start, xp), xp)
