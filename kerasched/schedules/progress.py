"""How far a step is on its way, from which decays, ramps and waves are made.

A progress is two fractions that add up to 1, of the way done and of the way left, each
counted from integers. Whoever needs 1 minus one of them takes the other: in float32 the
subtraction of near-equal numbers would lose its accuracy. A curve is a progress too, so
that curves can be put one upon the other.
"""

import math
from collections.abc import Callable
from typing import Any


class Progress:
    """Two fractions that add up to 1, each computed when it is first asked for.

    Args:
        xp: HostMath or StepMath.
        done: a function that returns the fraction done, 0 at first and 1 at last.
        left: a function that returns 1 minus that, without a loss of accuracy.
    """

    def __init__(
        self, xp: Any, done: Callable[[], Any], left: Callable[[], Any]
    ) -> None:
        self.xp = xp
        self._done, self._left = _once(done), _once(left)

    @property
    def done(self) -> Any:
        """The fraction of the way that is done: 0 at first, 1 at last."""
        return self._done()

    @property
    def left(self) -> Any:
        """The fraction of the way that is left: 1 at first, 0 at last."""
        return self._left()

    def reversed(self) -> "Progress":
        """Return the progress with what is done and what is left exchanged."""
        return Progress(self.xp, lambda: self.left, lambda: self.done)

    def cosine(self) -> "Progress":
        """Return the progress on half a cosine wave: (1 - cos(pi * done)) / 2."""
        return Progress(self.xp, lambda: self._wave(self.done), self._wave_left)

    def power(self, power: float) -> "Progress":
        """Return the progress of which done**power is done."""
        if power == 1.0:
            return self
        return Progress(
            self.xp,
            lambda: self.xp.power(self.done, power),
            lambda: self._one_less_power(power),
        )

    def interpolate(self, start: Any, end: Any) -> Any:
        """Return start * left + end * done.

        Of two numbers the smaller one is where the sum begins, so that nothing is
        subtracted and one fraction is enough.
        """
        if not (isinstance(start, float) and isinstance(end, float)):
            return start * self.left + end * self.done
        if start >= end:
            return _sum(end, (start - end) * self.left)
        return _sum(start, (end - start) * self.done)

    def _wave(self, fraction: Any) -> Any:
        half = self.xp.sin(0.5 * math.pi * fraction)
        return half * half

    def _wave_left(self) -> Any:
        return self._wave(self.left)

    def _one_less_power(self, power: float) -> Any:
        """Return 1 - done**power."""
        # Rounding may have put a quotient just above 1, where the logarithm would fail.
        left = self.xp.minimum(self.left, 1.0)
        near_one = -self.xp.expm1(power * self.xp.log1p(-left))
        if power > 1.0:
            return near_one
        # A root is so steep at 0 that the rounding of what is left would show there.
        near_zero = 1.0 - self.xp.power(self.done, power)
        return self.xp.where(self.done < self.left, near_zero, near_one)


def _sum(number: float, term: Any) -> Any:
    return term if number == 0.0 else number + term


def _once(function: Callable[[], Any]) -> Callable[[], Any]:
    """Return the function with its result kept (torch cannot compile functools')."""
    results: list[Any] = []

    def kept() -> Any:
        if not results:
            results.append(function())
        return results[0]

    return kept


def linear_progress(step: Any, total: int, xp: Any) -> Progress:
    """Return the progress of a way of `total` steps; it ends there and stays."""
    return Progress(
        xp,
        lambda: xp.real(xp.minimum(step, total)) / total,
        lambda: xp.real(xp.relu(total - step)) / total,
    )


def growth(rate: float, factor: float, count: Any, xp: Any, length: int = 1) -> Any:
    """Return rate * factor**(count / length), which stays finite if it grows."""
    powers = xp.geometric(factor, count, length)
    if factor > 1.0:
        powers = xp.minimum(powers, 0.5 * xp.largest() / max(rate, 1.0))
    return rate * powers
