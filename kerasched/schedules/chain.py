"""Schedules one after the other."""

from functools import partial
from typing import Any

from keras.optimizers.schedules import LearningRateSchedule

from kerasched.schedules.arguments import Boundary
from kerasched.schedules.base import Schedule
from kerasched.schedules.base import bounds_of
from kerasched.schedules.base import constant_after_of
from kerasched.schedules.base import value_of
from kerasched.schedules.bounds import Bounds
from kerasched.schedules.bounds import joined
from kerasched.schedules.constant import Constant
from kerasched.schedules.piecewise import check_pieces
from kerasched.schedules.polynomial import LinearDecay
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

    All of them are part of the compiled step, so that hundreds take long to compile;
    rates that are numbers are looked up instead by PiecewiseConstant, and lines by
    PiecewiseInterpolation.

    Args:
        schedules: the schedules in their order, at least one.
        boundaries: steps at which the next one begins, strictly increasing, 0 or more,
            one less than there are schedules.
    """

    schedules: tuple[LearningRateSchedule, ...]
    boundaries: tuple[Boundary, ...]

    def check(self) -> None:
        check_pieces(self, self.boundaries, "schedules", self.schedules)

    def value(self, step: Any, xp: Any) -> Any:
        starts = (0, *self.boundaries)
        pieces = [
            partial(_from_start, schedule, start, xp)
            for schedule, start in zip(self.schedules, starts, strict=True)
        ]
        return xp.piecewise(step, self.boundaries, pieces)

    @property
    def bounds(self) -> Bounds:
        return joined(*map(bounds_of, self.schedules))

    @property
    def constant_after(self) -> int | None:
        last = constant_after_of(self.schedules[-1])
        start = self.boundaries[-1] if self.boundaries else 0
        return None if last is None else start + last


def _from_start(schedule: LearningRateSchedule, start: int, xp: Any, step: Any) -> Any:
    return value_of(schedule, since(step, start, xp), xp)


def since(step: Any, start: int, xp: Any) -> Any:
    """Return the steps since `start`, 0 before it."""
    return step if start == 0 else xp.maximum(step, start) - start
