"""Real numbers as the ratios that were meant, so that periods are counted exactly."""

from fractions import Fraction


def simplest(number: float) -> Fraction:
    """Return the ratio of the smallest integers that is `number` as a float.

    The decimal 0.1 gives 1/10, though no float is exactly that.
    """
    for digits in range(17):
        ratio = Fraction(number).limit_denominator(10**digits)
        if float(ratio) == number:
            return ratio
    return Fraction(number)
