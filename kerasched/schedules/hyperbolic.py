"""Rates that follow a hyperbola."""

import math
from typing import Any

from kerasched.schedules.arguments import Rate
from kerasched.schedules.arguments import Steps
from kerasched.schedules.base import Schedule
from kerasched.schedules.bounds import Bounds
from kerasched.schedules.bounds import bounds_at
from kerasched.schedules.progress import linear_progress
from kerasched.schedules.registry import register


@register(
    "hyperbolic",
    reference="Kim, 2024, arXiv:2407.15200, section 3",
    example={
        "initial_learning_rate": 0.1,
        "decay_steps": 900,
        "upper_bound_steps": 1000,
        "infimum_learning_rate": 0.001,
    },
)
class Hyperbolic(Schedule):
    """Fall on a hyperbola whose first part does not depend on the number of steps.

    initial - (initial - infimum) * d, or initial * (infimum / initial)**d, where
    d = f(0) - f(t), f(t) = sqrt((n - t) / u * (2 - (n + t) / u)), n = decay_steps,
    u = upper_bound_steps and t = min(step, n)

    Args:
        initial_learning_rate: the rate at step 0, 0 or more.
        decay_steps: steps until the fall ends.
        upper_bound_steps: steps in which the infimum would be reached, at least
            decay_steps: the length of the longest run that is planned.
        infimum_learning_rate: the rate at decay_steps if both are equal, at most the
            initial one; above 0 for the exponential form.
        exponential: whether the logarithm of the rate falls on the hyperbola.
    """

    initial_learning_rate: Rate
    decay_steps: Steps
    upper_bound_steps: Steps
    infimum_learning_rate: Rate = 1e-6
    exponential: bool = False

    def check(self) -> None:
        infimum = self.infimum_learning_rate
        if self.upper_bound_steps < self.decay_steps:
            what = f"at least `decay_steps`, which is {self.decay_steps}"
            raise self._invalid("upper_bound_steps", what)
        if infimum > self.initial_learning_rate:
            start = self.initial_learning_rate
            what = f"at most `initial_learning_rate`, which is {start}"
            raise self._invalid("infimum_learning_rate", what)
        if self.exponential and infimum == 0.0:
            what = "above 0 for the exponential form"
            raise self._invalid("infimum_learning_rate", what)

    def value(self, step: Any, xp: Any) -> Any:
        part = self.decay_steps / self.upper_bound_steps
        progress = linear_progress(step, self.decay_steps, xp)
        done, left = part * progress.done, part * progress.left
        # f(0)**2 - f(t)**2 and f(t)**2, each as a product, without cancellation.
        first = math.sqrt(part * (2.0 - part))
        here = xp.sqrt(left * (2.0 - part - done))
        fallen = done * (2.0 - done) / (first + here)
        start, infimum = self.initial_learning_rate, self.infimum_learning_rate
        if self.exponential:
            return start * xp.exp(fallen * (math.log(infimum) - math.log(start)))
        return start * ((1.0 - first) + here) + infimum * fallen

    @property
    def bounds(self) -> Bounds:
        return bounds_at(self, 0, self.decay_steps)

    @property
    def constant_after(self) -> int:
        return self.decay_steps
