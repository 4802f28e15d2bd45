"""Rates that go to their end as a power of the remaining steps."""

from typing import Any

from kerasched.schedules.arguments import Positive
from kerasched.schedules.decay import Decay
from kerasched.schedules.progress import Progress
from kerasched.schedules.registry import register


@register(
    "polynomial",
    reference="Chen et al., 2018, arXiv:1606.00915, the `poly` policy; k-decay: Zhang "
    "and Li, 2020, arXiv:2004.05909",
    example={"initial_learning_rate": 0.1, "decay_steps": 1000, "power": 2.0},
)
class PolynomialDecay(Decay):
    """Go from one rate to another as a power of the remaining steps.

    end + (initial - end) * (1 - p**k_decay)**power,
    p = min(step, decay_steps) / decay_steps

    The end is reached at step = decay_steps and held. It may lie above the start.

    Args:
        initial_learning_rate: the rate at step 0, 0 or more.
        decay_steps: steps until the end is reached.
        end_learning_rate: the rate from then on, 0 or more.
        power: the exponent, above 0; 1 gives a straight line.
        k_decay: the power of the elapsed fraction, above 0, as in timm.
        cycle: whether the decay continues after its end, as in Keras: whenever the end
            is reached, decay_steps are added to its length and p jumps back.
    """

    power: Positive = 1.0
    k_decay: Positive = 1.0
    cycle: bool = False

    def curve(self, progress: Progress) -> Progress:
        elapsed = progress.power(self.k_decay)
        return elapsed.reversed().power(self.power).reversed()

    def value(self, step: Any, xp: Any) -> Any:
        if self.cycle:
            return self.at_progress(_cyclic_progress(step, self.decay_steps, xp))
        return super().value(step, xp)

    @property
    def constant_after(self) -> int | None:
        return None if self.cycle else self.decay_steps


@register(
    "linear",
    reference="Goodfellow, Bengio and Courville, 2016, Deep Learning, equation 8.14",
    example={"initial_learning_rate": 0.1, "decay_steps": 1000},
)
class LinearDecay(Decay):
    """Go from one rate to another on a straight line.

    initial + (end - initial) * min(step, decay_steps) / decay_steps

    The end is reached at step = decay_steps and held. It may lie above the start.

    Args:
        initial_learning_rate: the rate at step 0, 0 or more.
        decay_steps: steps until the end is reached.
        end_learning_rate: the rate from then on, 0 or more.
    """

    def curve(self, progress: Progress) -> Progress:
        return progress


def _cyclic_progress(step: Any, length: int, xp: Any) -> Progress:
    """Return progress to a total that grows by `length` whenever it is reached."""
    # Steps are left to the next multiple of the length; at step 0 the whole length.
    left = xp.real(xp.where(step < 1, length, xp.mod(-step, length)))
    done = xp.real(step)
    total = done + left
    return Progress(xp, lambda: done / total, lambda: left / total)
