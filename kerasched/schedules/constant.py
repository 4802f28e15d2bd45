"""A rate that does not change."""

from typing import Any

from kerasched.schedules.arguments import Rate
from kerasched.schedules.base import Schedule
from kerasched.schedules.bounds import Bounds
from kerasched.schedules.registry import register


@register(
    "constant",
    reference="Goodfellow, Bengio and Courville, 2016, Deep Learning, section 8.3.1",
    example={"learning_rate": 0.1},
)
class Constant(Schedule):
    """Keep one learning rate at every step.

    learning_rate

    Args:
        learning_rate: the rate, 0 or more.
    """

    learning_rate: Rate

    def value(self, step: Any, xp: Any) -> Any:
        return self.learning_rate

    @property
    def bounds(self) -> Bounds:
        return self.learning_rate, self.learning_rate

    @property
    def constant_after(self) -> int:
        return 0
