"""Rates that follow a cosine wave."""

import dataclasses
from fractions import Fraction
from typing import TYPE_CHECKING
from typing import Any
from typing import ClassVar
from typing import Literal

from kerasched.errors import MAX_STEP
from kerasched.schedules.arguments import Boundary
from kerasched.schedules.arguments import Part
from kerasched.schedules.arguments import Positive
from kerasched.schedules.arguments import Rate
from kerasched.schedules.arguments import Steps
from kerasched.schedules.base import Schedule
from kerasched.schedules.bounds import Bounds
from kerasched.schedules.bounds import hull
from kerasched.schedules.constant import Constant
from kerasched.schedules.decay import Decay
from kerasched.schedules.interpolation import PiecewiseInterpolation
from kerasched.schedules.polynomial import LinearDecay
from kerasched.schedules.progress import Progress
from kerasched.schedules.ratios import simplest
from kerasched.schedules.recipe import Recipe
from kerasched.schedules.registry import register


@register(
    "cosine",
    reference="Loshchilov and Hutter, 2017, arXiv:1608.03983, equation 5; "
    "k-decay: Zhang and Li, 2020, arXiv:2004.05909",
    example={"initial_learning_rate": 0.1, "decay_steps": 1000},
)
class CosineDecay(Decay):
    """Go from one rate to another on half a cosine wave.

    end + (initial - end) * ((1 + cos(pi * p)) / 2)**exponent,
    p = (min(step, decay_steps) / decay_steps)**k_decay

    The end is reached at step = decay_steps and held. It may lie above the start.

    Args:
        initial_learning_rate: the rate at step 0, 0 or more.
        decay_steps: steps until the end is reached.
        end_learning_rate: the rate from then on, 0 or more (not a fraction of the
            start, which is what Keras calls alpha).
        exponent: the power of the cosine factor, above 0, as in optax.
        k_decay: the power of the elapsed fraction, above 0, as in timm.
    """

    exponent: Positive = 1.0
    k_decay: Positive = 1.0

    def curve(self, progress: Progress) -> Progress:
        wave = progress.power(self.k_decay).cosine()
        return wave.reversed().power(self.exponent).reversed()


@register(
    "cosine_wave",
    reference="torch, CosineAnnealingLR past T_max; transformers, argument num_cycles",
    example={"high": 0.1, "low": 0.01, "period_steps": 400},
)
class CosineWave(Schedule):
    """Go down and up between two rates on a cosine wave, without end.

    low + (high - low) * (1 + cos(2 * pi * cycles * step / period_steps)) / 2

    Args:
        high: the rate at step 0 and at each crest, 0 or more.
        low: the rate half-way between them, 0 or more.
        period_steps: steps from one crest to the next.
        cycles: crests in period_steps steps, above 0, as transformers counts them. It
            must have few digits, so that the phase can be counted in integers.
    """

    high: Rate
    low: Rate
    period_steps: Steps
    cycles: Positive = 1.0

    if TYPE_CHECKING:  # What `check` derives from the arguments.
        _frequency: ClassVar[Fraction]

    def check(self) -> None:
        frequency = simplest(self.cycles) / self.period_steps
        if frequency.numerator * frequency.denominator > MAX_STEP:
            what = "a number of fewer digits, so that each step's phase can be counted"
            raise self._invalid("cycles", what)
        object.__setattr__(self, "_frequency", frequency)

    def value(self, step: Any, xp: Any) -> Any:
        crests, period = self._frequency.numerator, self._frequency.denominator
        phase = xp.mod(step, period)
        if crests > 1:
            phase = xp.mod(phase * crests, period)
        # From 1 to -1 with 0 at the trough, and from 0 to 1 on both sides of the crest.
        from_trough = (xp.real(period - phase) - xp.real(phase)) / period
        from_crest = 2.0 * xp.real(xp.minimum(phase, period - phase)) / period
        wave = Progress(xp, lambda: from_crest, lambda: from_trough).cosine()
        return wave.interpolate(self.high, self.low)

    @property
    def bounds(self) -> Bounds:
        return hull(self.low, self.high)

    def momentum(self, low: float = 0.85, high: float = 0.95) -> "CosineWave":
        """Return a momentum that falls while the rate rises, and rises while it falls.

        Args:
            low: the momentum at the highest rate.
            high: the momentum at the lowest rate.
        """
        return dataclasses.replace(self, high=low, low=high, name=None)


@register(
    "flat_cosine",
    reference="fastai, fit_flat_cos",
    example={"initial_learning_rate": 0.1, "total_steps": 1000},
)
class FlatCosine(Recipe):
    """Hold the rate for most of the steps, then fall on half a cosine wave.

    initial for flat_fraction * total_steps steps, then a cosine to the end at
    total_steps

    Args:
        initial_learning_rate: the rate that is held, 0 or more.
        total_steps: steps until the end is reached.
        flat_fraction: the fraction of the steps at the first rate, above 0 and below 1.
        end_learning_rate: the rate from then on, 0 or more.
    """

    initial_learning_rate: Rate
    total_steps: Steps
    flat_fraction: Part = 0.75
    end_learning_rate: Rate = 0.0

    def compose(self) -> PiecewiseInterpolation:
        points = (self.flat_fraction * self.total_steps, float(self.total_steps))
        rates = (self.initial_learning_rate, self.end_learning_rate)
        return PiecewiseInterpolation(points, rates, "cosine")


@register(
    "swalr",
    reference="Izmailov et al., 2018, arXiv:1803.05407, section 3.2; torch, SWALR",
    example={"initial_learning_rate": 0.1, "swa_learning_rate": 0.05},
)
class SWALR(Recipe):
    """Go from one rate to that of weight averaging, and hold it.

    swa + (initial - swa) * f(step / anneal_steps)

    Args:
        initial_learning_rate: the rate at step 0, 0 or more.
        swa_learning_rate: the rate while weights are averaged, 0 or more.
        anneal_steps: steps from one to the other; 0 to begin with the second.
        shape: f, "cosine" or "linear".
    """

    initial_learning_rate: Rate
    swa_learning_rate: Rate
    anneal_steps: Boundary = 10
    shape: Literal["cosine", "linear"] = "cosine"

    def compose(self) -> Schedule:
        if self.anneal_steps == 0:
            return Constant(self.swa_learning_rate)
        anneal = CosineDecay if self.shape == "cosine" else LinearDecay
        return anneal(
            self.initial_learning_rate, self.anneal_steps, self.swa_learning_rate
        )
