"""The steps at which a curve of a schedule is drawn, from the first to the last."""

import math
from typing import Any

import numpy as np

from kerasched.errors import MAX_STEP
from kerasched.schedules.arguments import Steps
from kerasched.schedules.arguments import check_of
from kerasched.schedules.epochs import names_in_epochs
from kerasched.schedules.operators import Operators


def horizon(schedule: Any, steps: int | None = None) -> int:
    """Return the last step to show of a schedule, `steps` where it is given."""
    if steps is not None:
        return check_of(Steps)("plot", "steps", steps)
    end = schedule.constant_after
    if end:
        return min(end + max(end // 10, 1), MAX_STEP)
    return min(max(1000, 3 * longest_length(schedule)), MAX_STEP)


def longest_length(schedule: Any) -> int:
    """Return the longest length among the arguments of a schedule, in steps.

    Nested schedules are included. PerEpoch and PerUpdate multiply the lengths inside
    them. It is 0 if there is none, as in another library's schedule.
    """
    if not isinstance(schedule, Operators):  # The base of all schedules of ours.
        return 0
    values = [getattr(schedule, name) for name in names_in_epochs(type(schedule))]
    own = [n for v in values for n in (v if isinstance(v, tuple) else (v,))]
    stride = getattr(schedule, "_stride", 1)  # PerEpoch and PerUpdate have one.
    inside = [stride * longest_length(child) for child in schedule.children]
    return max([0, *inside, *(math.ceil(n) for n in own if n is not None)])


def sample(last_step: int, points: int) -> np.ndarray:
    """Return the steps from 0 to the last, or `points` of them at equal distances."""
    count = min(last_step + 1, points)
    return np.linspace(0, last_step, count).round().astype("int64")
