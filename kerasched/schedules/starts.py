"""Where cycles begin that grow longer by a factor: exact, and quick to compute.

Start i is first * (1 + m + ... + m**(i - 1)). With m = p / q in lowest terms it is a
whole number if and only if q**(i - 1) divides `first`, for the sum's numerator has no
factor in common with q. So the first starts are computed as fractions. Later ones have
thousands of digits and are none of them whole: of these a multiple of a small power of
two just below is enough to tell between which steps they lie.
"""

import math
from fractions import Fraction
from typing import NamedTuple

from kerasched.errors import MAX_STEP

# q**(i - 1) >= 2**32 is past every `first` from here on. If q is 1, the 33rd start is
# past all time.
EXACT = 33
FAR = 2**96  # Steps after which it makes no difference how far a time is.


class Start(NamedTuple):
    """Where a cycle begins: between which whole steps, and how far from each.

    Args:
        floor: the last step at or before the start.
        ceiling: the first step at or after it.
        beyond: the steps, a part of one, from the floor to the start.
        short: the steps, a part of one, from the start to the ceiling.
        length: the steps of the cycle, a real number.
    """

    floor: int
    ceiling: int
    beyond: float
    short: float
    length: float


def starts_of(first: int, multiplier: Fraction, most: int) -> list[Start]:
    """Return the starts up to the first one past all time, `most` of them at most.

    Args:
        first: steps of the first cycle.
        multiplier: by how much each cycle is longer than the one before, above 1.
        most: the number of starts after which to stop.
    """
    starts: list[Start] = []
    start, length = Fraction(0), Fraction(first)
    while len(starts) < min(most, EXACT):
        starts.append(_exactly(start, length))
        if start > MAX_STEP:
            return starts
        start += length
        length *= multiplier
    bits, more = 128, None
    while more is None:
        more = _rounded(start, length, multiplier, most - len(starts), bits)
        bits *= 2
    return starts + more


def _exactly(start: Fraction, length: Fraction) -> Start:
    floor, ceiling = math.floor(start), math.ceil(start)
    beyond, short = float(start - floor), float(ceiling - start)
    return Start(floor, ceiling, beyond, short, float(min(length, FAR)))


def _rounded(
    start: Fraction, length: Fraction, multiplier: Fraction, count: int, bits: int
) -> list[Start] | None:
    """Return starts that are no whole numbers, None where the bits do not tell."""
    one = 2**bits
    # A length is too small by less than 2**33 units, and a start by that of each cycle.
    doubt = 2**33 * (count + 1)
    time, steps = math.floor(start * one), math.floor(length * one)
    starts: list[Start] = []
    while len(starts) < count:
        floor, part = divmod(time, one)
        if part + doubt > one:
            return None
        starts.append(
            Start(floor, floor + 1, part / one, (one - part) / one, steps / one)
        )
        if floor >= MAX_STEP:
            break
        time += steps
        steps = steps * multiplier.numerator // multiplier.denominator
    return starts
