"""Real numbers as simple ratios, so that periods can be counted exactly."""

from fractions import Fraction


def simplest(number: float) -> Fraction:
    """Return the ratio with the smallest integers that rounds to `number`.

    0.1 gives 1/10, although the float is not exactly 1/10.
    """
    for digits in range(17):
        ratio = Fraction(number).limit_denominator(10**digits)
        if float(ratio) == number:
            return ratio
    return Fraction(number)
