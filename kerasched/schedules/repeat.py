"""A schedule that is repeated in cycles."""

from typing import TYPE_CHECKING
from typing import Any
from typing import ClassVar

from keras.optimizers.schedules import LearningRateSchedule

from kerasched.schedules.arguments import Count
from kerasched.schedules.arguments import Multiplier
from kerasched.schedules.arguments import Positive
from kerasched.schedules.arguments import Steps
from kerasched.schedules.base import Schedule
from kerasched.schedules.base import value_of
from kerasched.schedules.bounds import Bounds
from kerasched.schedules.bounds import bounds_of
from kerasched.schedules.bounds import bounds_of_powers
from kerasched.schedules.bounds import product
from kerasched.schedules.cycles import Cycles
from kerasched.schedules.cycles import Position
from kerasched.schedules.decay import Decay
from kerasched.schedules.polynomial import LinearDecay
from kerasched.schedules.progress import growth
from kerasched.schedules.progress import power
from kerasched.schedules.registry import register


@register(
    "repeat",
    reference="timm, arguments cycle_mul, cycle_decay and cycle_limit",
    example={
        "schedule": LinearDecay(0.1, 250, 0.02),
        "steps": 250,
        "decay_rate": 0.7,
    },
)
class Repeat(Schedule):
    """Repeat a schedule in cycles.

    decay_rate**i * schedule(step - start of cycle i), where cycle i is
    steps * multiplier**i steps long

    Args:
        schedule: the schedule of one cycle. With a multiplier other than 1 it is
            stretched to each cycle, and must be a decay over `steps` steps, such as
            CosineDecay(0.1, steps).
        steps: steps of the first cycle.
        multiplier: how many times longer each cycle is than the one before, above 0.
            Below 1 the cycles shrink and need a limit; they end before
            steps / (1 - multiplier).
        decay_rate: the factor from one cycle to the next, above 0.
        cycle_limit: the number of cycles, after which the last rate is held; None for
            no end.
    """

    schedule: LearningRateSchedule
    steps: Steps
    multiplier: Multiplier = 1.0
    decay_rate: Positive = 1.0
    cycle_limit: Count | None = None

    if TYPE_CHECKING:  # What `check` derives from the arguments.
        _cycles: ClassVar[Cycles]
        _last_factor: ClassVar[float]

    def check(self) -> None:
        if self.multiplier != 1.0 and not self._stretches:
            what = f"a decay over {self.steps} steps where `multiplier` is not 1"
            raise self._invalid("schedule", what)
        cycles = Cycles(self, self.steps, "multiplier")
        object.__setattr__(self, "_cycles", cycles)
        last_factor = power(self.decay_rate, (self.cycle_limit or 1) - 1)
        object.__setattr__(self, "_last_factor", last_factor)

    def value(self, step: Any, xp: Any) -> Any:
        if self.constant_after is None or self.multiplier == 1.0:
            return self._inside(step, xp)
        pieces = (
            lambda step: self._inside(step, xp),
            lambda step: self._end_of_last_cycle(step, xp),
        )
        return xp.piecewise(step, (self.constant_after,), pieces)

    @property
    def bounds(self) -> Bounds:
        # The last cycle may contain no step, but its end is held, so it counts too.
        limit = None if self.constant_after is None else self.cycle_limit
        last = self._cycles.last if limit is None else limit - 1
        return product(
            bounds_of(self.schedule), bounds_of_powers(self.decay_rate, last)
        )

    @property
    def constant_after(self) -> int | None:
        return self._cycles.end

    @property
    def _stretches(self) -> bool:
        schedule = self.schedule
        return isinstance(schedule, Decay) and schedule.decay_steps == self.steps

    def _inside(self, step: Any, xp: Any) -> Any:
        position = self._cycles.locate(step, xp)
        if self.multiplier == 1.0:
            value = value_of(self.schedule, self._since(position, step, xp), xp)
        else:
            value = self.schedule.at_progress(position.progress)
        if self.decay_rate == 1.0:
            return value
        return value * growth(1.0, self.decay_rate, xp.real(position.cycle()), xp)

    def _since(self, position: Position, step: Any, xp: Any) -> Any:
        """Return the steps since the cycle began; after the last one, its length.

        So the nested schedule is evaluated once. A second evaluation for the end would
        double the work with each level of nested repetition.
        """
        if self.constant_after is None:
            return position.step()
        return xp.minimum(step, self.constant_after) - position.cycle() * self.steps

    def _end_of_last_cycle(self, step: Any, xp: Any) -> Any:
        """Return the rate at the end of the last cycle."""
        end = xp.minimum(step, self.steps)  # Every step is past it.
        factor = min(self._last_factor, 0.5 * xp.largest())
        return value_of(self.schedule, end, xp) * factor
