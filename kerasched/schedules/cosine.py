"""Rates that follow a cosine wave."""

from typing import Any
from typing import Literal

from kerasched.schedules import curves
from kerasched.schedules.arguments import Boundary
from kerasched.schedules.arguments import Part
from kerasched.schedules.arguments import Positive
from kerasched.schedules.arguments import Rate
from kerasched.schedules.arguments import Steps
from kerasched.schedules.base import Schedule
from kerasched.schedules.constant import Constant
from kerasched.schedules.decay import Decay
from kerasched.schedules.interpolation import PiecewiseInterpolation
from kerasched.schedules.polynomial import LinearDecay
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
        exponent: a power of the cosine factor, above 0, as in optax.
        k_decay: a power of the elapsed fraction, above 0, as in timm.
    """

    exponent: Positive = 1.0
    k_decay: Positive = 1.0

    def start_weight(self, step: Any, xp: Any) -> Any:
        weight = curves.cosine(self._fraction_left(step, xp), xp)
        return weight if self.exponent == 1.0 else xp.power(weight, self.exponent)

    def end_weight(self, step: Any, xp: Any) -> Any:
        done = self._elapsed(step, xp)
        fraction = curves.power(done, self.decay_steps, self.k_decay, xp)
        weight = curves.cosine(fraction, xp)
        if self.exponent == 1.0:
            return weight
        near_one = -xp.expm1(self.exponent * xp.log1p(-weight))
        if self.exponent > 1.0:
            return near_one
        return xp.where(weight > 0.5, 1.0 - self.start_weight(step, xp), near_one)

    def _fraction_left(self, step: Any, xp: Any) -> Any:
        done = self._elapsed(step, xp)
        return curves.power_complement(done, self.decay_steps, self.k_decay, xp)


@register(
    "cosine_wave",
    reference="torch, CosineAnnealingLR past T_max",
    example={"high": 0.1, "low": 0.01, "period_steps": 400},
)
class CosineWave(Schedule):
    """Go down and up between two rates on a cosine wave, without end.

    low + (high - low) * (1 + cos(2 * pi * step / period_steps)) / 2

    Args:
        high: the rate at step 0 and at each multiple of the period, 0 or more.
        low: the rate half-way between them, 0 or more.
        period_steps: steps from one crest to the next.
    """

    high: Rate
    low: Rate
    period_steps: Steps

    def value(self, step: Any, xp: Any) -> Any:
        period = self.period_steps
        place = xp.mod(step, period)
        # Twice the way from the trough, in units of half a period: from 1 to -1.
        from_trough = (xp.real(period - place) - xp.real(place)) / period
        from_crest = 2.0 * xp.real(xp.minimum(place, period - place)) / period
        return curves.mix(
            self.high,
            lambda: curves.cosine(from_trough, xp),
            self.low,
            lambda: curves.cosine(from_crest, xp),
        )


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
        flat_fraction: the part of the steps during which the rate is held, above 0 and
            below 1.
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
