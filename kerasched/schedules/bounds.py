"""Intervals that contain every rate of a schedule, for its property `bounds`."""

import math
from typing import Any

import numpy as np

from kerasched.schedules.host_math import HostMath
from kerasched.schedules.progress import growth

Bounds = tuple[float, float]

UNKNOWN: Bounds = (-math.inf, math.inf)


def hull(*numbers: float) -> Bounds:
    """Return the smallest interval that contains the numbers."""
    return min(numbers), max(numbers)


def union(*bounds: Bounds) -> Bounds:
    """Return the smallest interval that contains the intervals."""
    return hull(*(number for pair in bounds for number in pair))


def product(a: Bounds, b: Bounds) -> Bounds:
    """Return the smallest interval that contains the products of two intervals."""
    return hull(*(_product(x, y) for x in a for y in b))


def bounds_of(schedule: Any) -> Bounds:
    """Return `bounds` of a nested schedule, unknown for another library's."""
    return getattr(schedule, "_bounds", UNKNOWN)


def bounds_at(schedule: Any, *steps: int) -> Bounds:
    """Return the bounds of a schedule whose extreme rates are at these steps."""
    return hull(*schedule.evaluate(steps).tolist())


def bounds_of_powers(factor: float, last: float) -> Bounds:
    """Return the smallest interval that contains factor**i for i from 0 to `last`."""
    with np.errstate(all="ignore"):
        return hull(1.0, float(growth(1.0, factor, float(last), HostMath)))


def _product(x: float, y: float) -> float:
    return 0.0 if x == 0.0 or y == 0.0 else x * y
