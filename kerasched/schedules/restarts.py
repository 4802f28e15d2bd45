"""Cosine decay with restarts."""

import dataclasses
from functools import partial
from typing import TYPE_CHECKING
from typing import Any
from typing import ClassVar

from kerasched.schedules.arguments import Boundary
from kerasched.schedules.arguments import Count
from kerasched.schedules.arguments import Multiplier
from kerasched.schedules.arguments import Positive
from kerasched.schedules.arguments import Rate
from kerasched.schedules.arguments import Steps
from kerasched.schedules.base import Schedule
from kerasched.schedules.bounds import Bounds
from kerasched.schedules.bounds import bounds_of_powers
from kerasched.schedules.bounds import hull
from kerasched.schedules.cycles import Cycles
from kerasched.schedules.cycles import Position
from kerasched.schedules.progress import Progress
from kerasched.schedules.progress import growth
from kerasched.schedules.registry import register


@register(
    "cosine_restarts",
    reference="Loshchilov and Hutter, 2017, arXiv:1608.03983, equation 5 (SGDR)",
    example={"initial_learning_rate": 0.1, "first_decay_steps": 150, "m_mul": 0.8},
)
class CosineRestarts(Schedule):
    """Fall on half a cosine wave, jump back up, and fall again more slowly.

    end + (initial - end) * m_mul**i * (1 + cos(pi * p)) / 2, where cycle i is
    first_decay_steps * t_mul**i steps long and p is the fraction of it that is done

    Args:
        initial_learning_rate: the rate at step 0, 0 or more.
        first_decay_steps: steps of the first cycle.
        t_mul: how many times longer each cycle is than the one before, above 0. Below 1
            the cycles shrink and need a limit; they end before
            first_decay_steps / (1 - t_mul).
        m_mul: the factor of the cosine part from one cycle to the next, above 0.
        end_learning_rate: the rate at the end of each cycle, and after the last one; at
            most the initial rate unless m_mul is 1.
        warmup_steps: steps of a linear rise from the end to the peak at the start of
            every cycle, part of its length; fewer than the shortest cycle has.
        cycle_limit: the number of cycles, None for no end.
    """

    initial_learning_rate: Rate
    first_decay_steps: Steps
    t_mul: Multiplier = 2.0
    m_mul: Positive = 1.0
    end_learning_rate: Rate = 0.0
    warmup_steps: Boundary = 0
    cycle_limit: Count | None = None

    if TYPE_CHECKING:  # What `check` derives from the arguments.
        _cycles: ClassVar[Cycles]

    def check(self) -> None:
        if self.m_mul != 1.0 and self.end_learning_rate > self.initial_learning_rate:
            what = "at most `initial_learning_rate` where `m_mul` is not 1"
            raise self._invalid("end_learning_rate", what)
        if self.warmup_steps >= self.first_decay_steps:
            what = f"below `first_decay_steps`, which is {self.first_decay_steps}"
            raise self._invalid("warmup_steps", what)
        cycles = Cycles(self, self.first_decay_steps, "t_mul")
        limit = self.cycle_limit  # Never None where the cycles shrink.
        if self.t_mul < 1.0 and self.warmup_steps and limit:
            shortest = self.first_decay_steps * self.t_mul ** (limit - 1)
            if self.warmup_steps >= shortest:
                what = f"below the length of the last cycle, which is {shortest:g}"
                raise self._invalid("warmup_steps", what)
        object.__setattr__(self, "_cycles", cycles)

    def value(self, step: Any, xp: Any) -> Any:
        end = self.constant_after
        if end is None:
            return self._inside(step, xp)
        pieces = (partial(self._inside, xp=xp), self.end_learning_rate)
        return xp.piecewise(step, (end,), pieces)

    @property
    def bounds(self) -> Bounds:
        start, end = self.initial_learning_rate, self.end_learning_rate
        if self.m_mul == 1.0:
            return hull(start, end)
        return end, end + (start - end) * bounds_of_powers(
            self.m_mul, self._cycles.last
        )[1]

    @property
    def constant_after(self) -> int | None:
        return self._cycles.end

    def momentum(self, low: float = 0.85, high: float = 0.95) -> "CosineRestarts":
        """Return a momentum that rises while the rate falls, in each cycle.

        It reaches both limits in each cycle, also if the peaks of the rate decay.

        Args:
            low: the momentum at the highest rate of a cycle.
            high: the momentum at the lowest one.
        """
        return dataclasses.replace(
            self,
            initial_learning_rate=low,
            end_learning_rate=high,
            m_mul=1.0,
            name=None,
        )

    def _inside(self, step: Any, xp: Any) -> Any:
        position = self._cycles.locate(step, xp)
        curve = self._curve(position)
        start, end = self.initial_learning_rate, self.end_learning_rate
        if self.m_mul == 1.0:
            return curve.interpolate(start, end)
        height = growth(start - end, self.m_mul, xp.real(position.cycle()), xp)
        return height * curve.left + end if end else height * curve.left

    def _curve(self, position: Position) -> Progress:
        """Return the progress of the rate from the peak to the end."""
        rise = self.warmup_steps
        if rise == 0:
            return position.progress.cosine()
        xp, done, left = position.xp, position.done(), position.left()
        fall = position.length() - rise
        wave = Progress(xp, lambda: (done - rise) / fall, lambda: left / fall).cosine()
        return Progress(
            xp,
            lambda: xp.where(done < rise, (rise - done) / rise, wave.done),
            lambda: xp.where(done < rise, done / rise, wave.left),
        )
