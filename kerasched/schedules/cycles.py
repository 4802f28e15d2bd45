"""Cycles whose lengths are equal, grow or shrink.

Their starts are computed once, exactly, and looked up in a table of integers. A formula
with a logarithm would be off by one step at some of the starts.
"""

import math
from collections.abc import Callable
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from kerasched.errors import MAX_STEP
from kerasched.schedules.progress import Progress
from kerasched.schedules.ratios import simplest
from kerasched.schedules.starts import FAR
from kerasched.schedules.starts import Start
from kerasched.schedules.starts import last_step
from kerasched.schedules.starts import starts_of

MOST_CYCLES = 4096  # In a table. Lengths that grow by a hundredth need as many.


@dataclass(frozen=True)
class Position:
    """The position of a step: the number of its cycle, and where in the cycle it is.

    Args:
        xp: HostMath or StepMath.
        cycle: a function that returns the number of the cycle, from 0.
        step: a function that returns the integer steps since the cycle's first step.
        done: a function that returns the real steps since the cycle's exact start.
        left: a function that returns the real steps to the cycle's exact end.
        length: a function that returns the sum of `done` and `left`.
    """

    xp: Any
    cycle: Callable[[], Any]
    step: Callable[[], Any]
    done: Callable[[], Any]
    left: Callable[[], Any]
    length: Callable[[], Any]

    @property
    def progress(self) -> Progress:
        """The progress through the cycle."""
        done, left, length = self.done, self.left, self.length
        return Progress(self.xp, lambda: done() / length(), lambda: left() / length())


class Cycles:
    """Cycles of the lengths first, first * multiplier, first * multiplier**2, ...

    A cycle begins at the first integer step at or after its exact start. Cycles that
    shrink end before first / (1 - multiplier). A cycle that contains no integer step is
    skipped.

    Args:
        schedule: the schedule, whose `cycle_limit` is the number of cycles.
        first: steps of the first cycle.
        argument: the schedule's argument that says how many times longer each cycle is
            than the one before, above 0.

    Raises:
        ValueError: the lengths change so slowly that the table would be too long, or
            they shrink and there is no limit.
    """

    def __init__(self, schedule: Any, first: int, argument: str) -> None:
        factor, limit = getattr(schedule, argument), schedule.cycle_limit
        self.first, self.multiplier, self.limit = first, simplest(factor), limit
        if factor < 1.0 and limit is None:
            what = f"a positive integer where `{argument}` is below 1"
            raise schedule._invalid("cycle_limit", what)
        endless = limit is None or limit > MOST_CYCLES
        too_many = endless and self._estimated_count() > 1.01 * MOST_CYCLES
        most = min(limit or MOST_CYCLES, MOST_CYCLES) + 1
        no_table = factor == 1.0 or too_many
        self.starts = [] if no_table else starts_of(first, self.multiplier, most)
        # Whether the table ends before the last cycle of all.
        full = (
            endless
            and len(self.starts) > MOST_CYCLES
            and self.starts[-1].ceiling <= last_step(first, self.multiplier)
        )
        if too_many or full:
            away = "above it" if factor > 1.0 else "below it"
            what = f"1, or so far {away} that there are at most {MOST_CYCLES} cycles"
            raise schedule._invalid(argument, what)
        self.end = self._end()
        self.table = _Table(self.starts) if self.starts else None

    def _end(self) -> int | None:
        """Return the first step after the last cycle, None if it is never reached."""
        if self.limit is None:
            return None
        if not self.starts:
            end = self.first * self.limit
        elif len(self.starts) <= self.limit:
            if self.multiplier > 1:
                return None
            end = self.starts[-1].ceiling  # The remaining cycles contain no step.
        else:
            end = self.starts[self.limit].ceiling
        return end if end <= MAX_STEP else None

    @property
    def last(self) -> int:
        """The number of the last cycle that is reached."""
        last = len(self.starts) - 2 if self.starts else MAX_STEP // self.first
        return last if self.limit is None else min(last, self.limit - 1)

    def locate(self, step: Any, xp: Any) -> Position:
        """Return the position of steps; those after the end count as the last step."""
        if self.end is not None:
            step = xp.minimum(step, self.end - 1)
        if self.table is None:
            cycle = xp.floor_divide(step, self.first)
            here = step - cycle * self.first
            return Position(
                xp=xp,
                cycle=lambda: cycle,
                step=lambda: here,
                done=lambda: xp.real(here),
                left=lambda: xp.real(self.first - here),
                length=lambda: float(self.first),
            )
        return self.table.locate(step, xp)

    def _estimated_count(self) -> float:
        """Return about how many cycles there are up to the last step of all."""
        if self.multiplier < 1:
            # Until one step is left: first / (1 - m) * m**cycles == 1.
            left = math.log(self.first / (1 - self.multiplier))
            return left / -math.log(self.multiplier)
        growth = min(float(self.multiplier - 1), 1.0)
        if growth == 0.0:
            return 0.0
        return math.log1p(MAX_STEP * growth / self.first) / math.log1p(growth)


class _Table:
    """The integer steps of each cycle, and the distances to its exact ends."""

    def __init__(self, starts: list[Start]) -> None:
        cycles, ends = starts[:-1], starts[1:]
        self.begins = tuple(start.ceiling for start in cycles)
        self.lasts = tuple(min(end.floor, MAX_STEP) for end in ends)
        before = [start.short for start in cycles]
        after = [
            float(min(end.floor - last, FAR)) + end.beyond
            for end, last in zip(ends, self.lasts, strict=True)
        ]
        # A cycle shorter than a step contains one step at most. In units of its length
        # no fraction of it is too small for float32.
        units = [min(start.length, 1.0) for start in cycles]
        self.before = tuple(a / unit for a, unit in zip(before, units, strict=True))
        self.after = tuple(a / unit for a, unit in zip(after, units, strict=True))
        self.lengths = tuple(max(start.length, 1.0) for start in cycles)

    def locate(self, step: Any, xp: Any) -> Position:
        """Return the position of steps."""
        row = xp.find_row(self.begins, step)

        def of(column: Sequence[float]) -> Any:
            return xp.look_up(column, row, step)

        def exactly(steps: Any, beyond: Sequence[float]) -> Any:
            return xp.real(steps) + of(beyond) if any(beyond) else xp.real(steps)

        return Position(
            xp=xp,
            cycle=lambda: xp.row_number(row),
            step=lambda: step - of(self.begins),
            done=lambda: exactly(step - of(self.begins), self.before),
            left=lambda: exactly(of(self.lasts) - step, self.after),
            length=lambda: of(self.lengths),
        )
