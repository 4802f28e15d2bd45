"""Progress from a start to an end, from which decays, ramps and waves are built.

A progress is two fractions that add up to 1: the fraction done and the fraction left.
Each is computed from integer steps. Code that needs 1 minus one of them takes the
other, because subtracting nearly equal numbers loses accuracy in float32. A curve is a
progress too, so that curves can be composed.
"""

import math
from collections.abc import Callable
from typing import Any


class Progress:
    """Two fractions that add up to 1, each computed on first use and then kept.

    Args:
        xp: HostMath or StepMath.
        done: a function that returns the fraction done, from 0 at the start to 1.
        left: a function that returns 1 minus that, without a loss of accuracy.
    """

    def __init__(
        self, xp: Any, done: Callable[[], Any], left: Callable[[], Any]
    ) -> None:
        self.xp = xp
        self._done, self._left = _once(done), _once(left)

    @property
    def done(self) -> Any:
        """The fraction done: 0 at the start, 1 at the end."""
        return self._done()

    @property
    def left(self) -> Any:
        """The fraction left: 1 at the start, 0 at the end."""
        return self._left()

    def reversed(self) -> "Progress":
        """Return the progress with the two fractions exchanged."""
        return Progress(self.xp, lambda: self.left, lambda: self.done)

    def cosine(self) -> "Progress":
        """Return the progress on half a cosine wave, (1 - cos(pi * done)) / 2."""
        return Progress(
            self.xp,
            lambda: half_wave(self.done, self.xp),
            lambda: half_wave(self.left, self.xp),
        )

    def power(self, exponent: float) -> "Progress":
        """Return the progress on a power curve, done**exponent."""
        if exponent == 1.0:
            return self
        return Progress(
            self.xp,
            lambda: self.xp.power(self.done, exponent),
            lambda: self._one_less_power(exponent),
        )

    def interpolate(self, start: Any, end: Any) -> Any:
        """Return start * left + end * done.

        Of two numbers the smaller one is the base of the sum, so that nothing is
        subtracted and one fraction is enough.
        """
        if not (isinstance(start, float) and isinstance(end, float)):
            return start * self.left + end * self.done
        if start >= end:
            return _sum(end, (start - end) * self.left)
        return _sum(start, (end - start) * self.done)

    def _one_less_power(self, exponent: float) -> Any:
        """Return 1 - done**exponent."""
        # Rounding may put a quotient just above 1, where the logarithm would fail.
        left = self.xp.minimum(self.left, 1.0)
        near_one = -self.xp.expm1(exponent * self.xp.log1p(-left))
        if exponent > 1.0:
            return near_one
        # A root is so steep at 0 that the rounding of `left` would show there.
        near_zero = 1.0 - self.xp.power(self.done, exponent)
        return self.xp.where(self.done < self.left, near_zero, near_one)


def linear_progress(step: Any, total: int, xp: Any) -> Progress:
    """Return linear progress over `total` steps, constant from then on."""
    return Progress(
        xp,
        lambda: xp.real(xp.minimum(step, total)) / total,
        lambda: xp.real(xp.relu(total - step)) / total,
    )


def half_wave(fraction: Any, xp: Any) -> Any:
    """Return (1 - cos(pi * fraction)) / 2, which keeps its accuracy near 0."""
    half = xp.sin(0.5 * math.pi * fraction)
    return half * half


def growth(rate: float, factor: float, count: Any, xp: Any, length: int = 1) -> Any:
    """Return rate * factor**(count / length), limited to finite values."""
    powers = xp.geometric(factor, count, length)
    if factor > 1.0:
        powers = xp.minimum(powers, 0.5 * xp.largest() / max(rate, 1.0))
    return rate * powers


def since(step: Any, start: int, xp: Any) -> Any:
    """Return the steps since `start`, 0 before it."""
    return step if start == 0 else xp.maximum(step, start) - start


def power(factor: float, count: int) -> float:
    """Return factor**count, infinite where Python raises OverflowError."""
    try:
        return factor**count
    except OverflowError:
        return math.inf


def _sum(number: float, term: Any) -> Any:
    return term if number == 0.0 else number + term


def _once(function: Callable[[], Any]) -> Callable[[], Any]:
    """Return the function with its result cached."""
    # torch.compile cannot trace functools.cache.
    results: list[Any] = []

    def cached() -> Any:
        if not results:
            results.append(function())
        return results[0]

    return cached
