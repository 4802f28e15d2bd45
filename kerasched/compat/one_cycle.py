"""The phases of OneCycleLR in torch and in Paddle, which peak a step early."""

import math
from collections.abc import Sequence

from kerasched.compat.porting import chosen
from kerasched.schedules import PiecewiseInterpolation
from kerasched.schedules import Schedule

SHAPES = {"cos": "cosine", "linear": "linear"}


def one_cycle(
    owner: str, total: int, start: float, rates: Sequence[float], strategy: str
) -> Schedule:
    """Return the phases of a cycle of `total` steps, of which the last is total - 1.

    Args:
        owner: the port's name.
        total: steps of the cycle.
        start: the part of the steps that is spent rising.
        rates: at first, at the peak, (at the end of the second of three phases,) at
            last.
        strategy: "cos" or "linear".
    """
    shape = chosen(owner, "anneal_strategy", strategy, SHAPES)
    points = [0.0, start * total - 1, 2 * start * total - 2][: len(rates) - 1]
    points.append(total - 1.0)
    return _through(points, list(rates), shape)


def _through(points: list[float], rates: list[float], shape: str) -> Schedule:
    """Return curves through points, of which the first may lie before step 0."""
    while len(points) > 2 and points[1] < 0.0:
        del points[0], rates[0]  # A phase that is over before the first step.
    while points[-2] >= points[-1]:
        del points[-1], rates[-1]  # A phase that would begin after the last step.
    before = max(0, math.ceil(-points[0]))
    moved = [point + before for point in points]
    schedule = PiecewiseInterpolation(moved, rates, shape)
    return schedule.shift(before) if before else schedule
