"""Random rates as a pure function of the step."""

from typing import Any

from keras.optimizers.schedules import LearningRateSchedule

from kerasched.schedules.arguments import Boundary
from kerasched.schedules.arguments import Seed
from kerasched.schedules.arguments import Share
from kerasched.schedules.arguments import Steps
from kerasched.schedules.base import Schedule
from kerasched.schedules.base import constant_after_of
from kerasched.schedules.base import value_of
from kerasched.schedules.bounds import Bounds
from kerasched.schedules.bounds import bounds_of
from kerasched.schedules.bounds import product
from kerasched.schedules.cosine import CosineDecay
from kerasched.schedules.registry import register

ROUNDS = ((16, 0x85EBCA6B), (13, 0xC2B2AE35))
LAST_SHIFT = 16
SPREAD = 0x9E3779B9  # Makes neighbouring seeds differ in many bits.


@register(
    "noise",
    reference="timm, argument noise_range_t (other numbers); the hash: Appleby, 2011, "
    "MurmurHash3, fmix32",
    example={"schedule": CosineDecay(0.1, 1000), "amplitude": 0.3, "seed": 1},
)
class Noise(Schedule):
    """Multiply a schedule by a random factor around 1, the same in every run.

    schedule(step) * (1 + amplitude * u(seed, step)) for start <= step < end, where u is
    one of 2**24 evenly spaced numbers from -1 to 1, chosen by a hash

    There is no state: a seed gives the same numbers on every backend and machine, also
    after a restart.

    Args:
        schedule: the schedule.
        amplitude: the largest relative change of the rate, from 0 to 1.
        seed: an integer of 0 or more; each one gives different numbers.
        start: the first step that is changed.
        end: the first step that is no longer changed, None for no end.
    """

    schedule: LearningRateSchedule
    amplitude: Share
    seed: Seed
    start: Boundary = 0
    end: Steps | None = None

    def check(self) -> None:
        if self.end is not None and self.end <= self.start:
            what = f"above `start`, which is {self.start}"
            raise self._invalid("end", what)

    def value(self, step: Any, xp: Any) -> Any:
        value = value_of(self.schedule, step, xp)
        bits = xp.right_shift(hashed(step, self.seed, xp), 8)
        # 1 + u is computed from 0 up, so that a factor near 0 keeps its accuracy.
        above = xp.real(xp.bitwise_and(bits, 2**24 - 1)) / 2.0**23
        factor = (1.0 - self.amplitude) + self.amplitude * above
        inside = step >= self.start
        if self.end is not None:
            inside = inside & (step < self.end)
        return value * xp.where(inside, factor, 1.0)

    @property
    def bounds(self) -> Bounds:
        factors = (1.0 - self.amplitude, 1.0 + self.amplitude)
        return product(bounds_of(self.schedule), factors)

    @property
    def constant_after(self) -> int | None:
        after = constant_after_of(self.schedule)
        if after is None or self.end is None:
            return after if self.amplitude == 0.0 else None
        return max(after, self.end)


def hashed(step: Any, seed: int, xp: Any) -> Any:
    """Return 32 random bits for each step, as signed integers of 32 bits."""
    return _mixed(xp.bitwise_xor(_mixed(xp.int32(step), xp), _word(seed * SPREAD)), xp)


def _mixed(x: Any, xp: Any) -> Any:
    """Return 32-bit words in which every bit depends on all bits of the input."""
    for shift, factor in ROUNDS:
        x = _folded(x, shift, xp) * _word(factor)
    return _folded(x, LAST_SHIFT, xp)


def _folded(x: Any, shift: int, xp: Any) -> Any:
    """Return words with their high bits XORed into the low ones."""
    # An arithmetic shift fills in the sign bit; the mask clears it, as a logical one.
    high = xp.bitwise_and(xp.right_shift(x, shift), 2 ** (32 - shift) - 1)
    return xp.bitwise_xor(x, high)


def _word(number: int) -> int:
    """Return the low 32 bits of an integer as a signed one."""
    return (number + 2**31) % 2**32 - 2**31
