"""Rates that change at given steps."""

from typing import Any

from kerasched.errors import message
from kerasched.errors import strictly_increasing
from kerasched.schedules.arguments import Boundary
from kerasched.schedules.arguments import Rate
from kerasched.schedules.base import Schedule
from kerasched.schedules.registry import register


@register(
    "piecewise_constant",
    reference="He et al., 2016, arXiv:1512.03385, section 4.2",
    example={"boundaries": (500, 750), "values": (0.1, 0.01, 0.001)},
)
class PiecewiseConstant(Schedule):
    """Use one of several rates, each from a given step on.

    values[number of boundaries at or below step]

    At a boundary the new rate already applies, as in torch and optax; Keras's
    PiecewiseConstantDecay changes one step later.

    Args:
        boundaries: steps at which the rate changes, strictly increasing, 0 or more.
        values: the rates, one more than there are boundaries.
    """

    boundaries: tuple[Boundary, ...]
    values: tuple[Rate, ...]

    def check(self) -> None:
        check_pieces(self, self.boundaries, "values", self.values)

    def value(self, step: Any, xp: Any) -> Any:
        return xp.piecewise(step, self.boundaries, self.values)

    @property
    def constant_after(self) -> int:
        return self.boundaries[-1] if self.boundaries else 0


def check_pieces(
    schedule: Schedule, boundaries: tuple[int, ...], argument: str, pieces: Any
) -> None:
    """Raise ValueError unless the boundaries rise and there is one piece more."""
    owner = type(schedule).__name__
    strictly_increasing(owner, "boundaries", boundaries)
    if len(pieces) != len(boundaries) + 1:
        what = f"one item longer than `boundaries`, which has {len(boundaries)}"
        raise ValueError(message(owner, argument, what, pieces))
