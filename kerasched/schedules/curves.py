"""The curves from which decays and ramps are made, as fractions of integers.

Each is computed from a count of steps without subtracting near-equal floats, so that
float32 keeps its accuracy near 0 and near 1. `count` is an integer in 0..total.
"""

import math
from collections.abc import Callable
from typing import Any


def elapsed(step: Any, total: int, xp: Any) -> Any:
    """Return the steps done, at most `total`."""
    return xp.minimum(step, total)


def remaining(step: Any, total: int, xp: Any) -> Any:
    """Return the steps left of `total`, not below 0."""
    return total - xp.minimum(step, total)


def periods(step: Any, length: int, whole: bool, xp: Any) -> Any:
    """Return how many times `length` has passed, rounded down if `whole`."""
    if whole:
        return xp.real(xp.floor_divide(step, length))
    return xp.real(step) / length


def power(count: Any, total: int, exponent: float, xp: Any) -> Any:
    """Return (count / total)**exponent."""
    fraction = xp.real(count) / total
    return fraction if exponent == 1.0 else xp.power(fraction, exponent)


def power_complement(count: Any, total: int, exponent: float, xp: Any) -> Any:
    """Return 1 - (count / total)**exponent."""
    rest = total - count
    if exponent == 1.0:
        return xp.real(rest) / total
    near_one = -xp.expm1(exponent * xp.log1p(-xp.real(rest) / total))
    if exponent > 1.0:
        return near_one
    # A root is so steep at 0 that the rounding of rest / total would show there.
    near_zero = 1.0 - power(count, total, exponent, xp)
    return xp.where(count < rest, near_zero, near_one)


def cosine(fraction: Any, xp: Any) -> Any:
    """Return (1 - cos(pi * fraction)) / 2, which rises from 0 to 1."""
    half = xp.sin(0.5 * math.pi * fraction)
    return half * half


def mix(a: Any, weight_a: Callable[[], Any], b: Any, weight_b: Callable[[], Any]):
    """Return a * weight_a() + b * weight_b(), without a term that is 0 for sure."""
    if isinstance(b, float) and b == 0.0:
        return a * weight_a()
    if isinstance(a, float) and a == 0.0:
        return b * weight_b()
    return a * weight_a() + b * weight_b()
