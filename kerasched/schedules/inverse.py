"""Rates that fall as a power of the step."""

from typing import Any

from kerasched.errors import MAX_STEP
from kerasched.schedules.arguments import Length
from kerasched.schedules.arguments import Offset
from kerasched.schedules.arguments import Rate
from kerasched.schedules.arguments import Steps
from kerasched.schedules.arguments import Width
from kerasched.schedules.base import Schedule
from kerasched.schedules.bounds import Bounds
from kerasched.schedules.bounds import bounds_at
from kerasched.schedules.registry import register


@register(
    "inverse_time",
    reference="Keras, InverseTimeDecay; Bottou, 2012, section 5.2",
    example={"initial_learning_rate": 0.1, "decay_steps": 100, "decay_rate": 0.5},
)
class InverseTimeDecay(Schedule):
    """Divide the rate by a number that grows with the step.

    initial_learning_rate / (1 + decay_rate * step / decay_steps)

    Args:
        initial_learning_rate: the rate at step 0, 0 or more.
        decay_steps: steps in which the divisor grows by `decay_rate`.
        decay_rate: how much the divisor grows, 0 or more.
        staircase: whether step / decay_steps is rounded down.
    """

    initial_learning_rate: Rate
    decay_steps: Steps
    decay_rate: Rate
    staircase: bool = False

    def value(self, step: Any, xp: Any) -> Any:
        rate, length = self.decay_rate, self.decay_steps
        if self.staircase:
            growing = rate * xp.real(xp.floor_divide(step, length))
        else:
            growing = rate / length * xp.real(step)
        return self.initial_learning_rate / (1.0 + growing)

    @property
    def bounds(self) -> Bounds:
        return bounds_at(self, 0, MAX_STEP)


@register(
    "inverse_sqrt",
    reference="Zhai et al., 2022, arXiv:2106.04560, section 3.5 (timescale); "
    "transformers, get_inverse_sqrt_schedule",
    example={"initial_learning_rate": 0.1, "timescale": 100},
)
class InverseSqrtDecay(Schedule):
    """Decay as one over the square root of the step.

    initial_learning_rate * sqrt(timescale / (step + timescale))

    Args:
        initial_learning_rate: the rate at step 0, 0 or more.
        timescale: steps after which the rate is 1 / sqrt(2) of the first.
    """

    initial_learning_rate: Rate
    timescale: Length = 10_000.0

    def value(self, step: Any, xp: Any) -> Any:
        ratio = self.timescale / (xp.real(step) + self.timescale)
        return self.initial_learning_rate * xp.sqrt(ratio)

    @property
    def bounds(self) -> Bounds:
        return bounds_at(self, 0, MAX_STEP)


@register(
    "noam",
    reference="Vaswani et al., 2017, arXiv:1706.03762, section 5.3, equation 3",
    example={"model_dim": 512, "warmup_steps": 200},
)
class Noam(Schedule):
    """Warm up on a line, then decay as one over the square root of the step.

    scale * model_dim**-0.5 * min(n**-0.5, n * warmup_steps**-1.5), n = step + 1

    Args:
        model_dim: the width of the model, above 0; it need not be an integer.
        warmup_steps: steps until the peak, which is at step = warmup_steps - 1.
        scale: a factor of the whole, 0 or more.
    """

    model_dim: Width
    warmup_steps: Steps
    scale: Rate = 1.0

    def value(self, step: Any, xp: Any) -> Any:
        count = xp.real(step) + 1.0
        rise = count * self.warmup_steps**-1.5
        fall = 1.0 / xp.sqrt(count)
        return self.scale * self.model_dim**-0.5 * xp.minimum(rise, fall)

    @property
    def bounds(self) -> Bounds:
        return bounds_at(self, 0, self.warmup_steps - 1, MAX_STEP)


@register(
    "power",
    reference="TensorFlow Models, DirectPowerDecay",
    example={"initial_learning_rate": 0.1, "power": -0.5},
)
class PowerDecay(Schedule):
    """Multiply the rate by a power of the step.

    initial_learning_rate * max(step + offset, 1)**power

    Args:
        initial_learning_rate: the rate where step + offset is 0 or 1, 0 or more.
        power: the exponent; below 0 the rate falls.
        offset: steps that are added to the step, 0 or more.
    """

    initial_learning_rate: Rate
    power: float
    offset: Offset = 0.0

    def value(self, step: Any, xp: Any) -> Any:
        count = xp.maximum(xp.real(step) + self.offset, 1.0)
        powers = xp.power(count, self.power)
        if self.power > 0.0:  # Infinity times 0 would be NaN.
            powers = xp.minimum(powers, xp.largest())
        return self.initial_learning_rate * powers

    @property
    def bounds(self) -> Bounds:
        return bounds_at(self, 0, MAX_STEP)
