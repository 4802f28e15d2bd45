"""Exact starts of cycles whose lengths grow or shrink geometrically.

Start i is first * (1 + m + ... + m**(i - 1)). With m = p / q in lowest terms it is an
integer if and only if q**(i - 1) divides `first`, because the numerator of the sum has
no factor in common with q. So the first starts are computed as fractions. Later ones
have thousands of digits and none of them is an integer: each is rounded down to a
multiple of a negative power of two, which tells between which two steps it lies.

With m < 1 the starts converge to first / (1 - m).
"""

import math
from fractions import Fraction
from typing import NamedTuple

from kerasched.errors import MAX_STEP

# From here on q**(i - 1) >= 2**32 exceeds every `first`. If q is 1, the 33rd start is
# after the last step.
EXACT = 33
FAR = 2**96  # A number of steps that stands for any larger one.


class Start(NamedTuple):
    """Where a cycle begins: between which steps, and how far from each.

    Args:
        floor: the last step at or before the start.
        ceiling: the first step at or after it.
        beyond: the fraction of a step from the floor to the start.
        short: the fraction of a step from the start to the ceiling.
        length: the steps of the cycle, a real number.
    """

    floor: int
    ceiling: int
    beyond: float
    short: float
    length: float


def starts_of(first: int, multiplier: Fraction, most: int) -> list[Start]:
    """Return at most `most` starts, up to the first one after the last step of all.

    If the cycles shrink, return starts up to the first one after which no step is left.

    Args:
        first: steps of the first cycle.
        multiplier: how many times longer each cycle is than the one before, not 1.
        most: the number of starts after which to stop.
    """
    last = last_step(first, multiplier)
    starts: list[Start] = []
    start, length = Fraction(0), Fraction(first)
    while len(starts) < min(most, EXACT):
        starts.append(_exactly(start, length))
        if start > last:
            return starts
        start += length
        length *= multiplier
    bits, more = 128, None
    while more is None:
        more = _rounded(start, length, multiplier, most - len(starts), last, bits)
        bits *= 2
    return starts + more


def last_step(first: int, multiplier: Fraction) -> int:
    """Return the last step that a cycle may contain."""
    if multiplier > 1:
        return MAX_STEP
    return min(MAX_STEP, math.ceil(first / (1 - multiplier)) - 1)


def _exactly(start: Fraction, length: Fraction) -> Start:
    floor, ceiling = math.floor(start), math.ceil(start)
    beyond, short = float(start - floor), float(ceiling - start)
    return Start(floor, ceiling, beyond, short, float(min(length, Fraction(FAR))))


def _rounded(
    start: Fraction,
    length: Fraction,
    multiplier: Fraction,
    count: int,
    last: int,
    bits: int,
) -> list[Start] | None:
    """Return starts that are not integers, None if more bits are needed."""
    one = 2**bits
    # A length is too small by less than 2**33 units, and a start by the sum of these.
    error = 2**33 * (count + 1)
    time, steps = math.floor(start * one), math.floor(length * one)
    starts: list[Start] = []
    while len(starts) < count:
        floor, part = divmod(time, one)
        if part + error > one:
            return None
        starts.append(
            Start(floor, floor + 1, part / one, (one - part) / one, steps / one)
        )
        if floor >= last:
            break
        time += steps
        steps = steps * multiplier.numerator // multiplier.denominator
    return starts
