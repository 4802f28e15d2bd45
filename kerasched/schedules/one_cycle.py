"""One rise to a high rate and one fall to a very low one."""

from typing import Literal

from kerasched.schedules.arguments import Part
from kerasched.schedules.arguments import Positive
from kerasched.schedules.arguments import Rate
from kerasched.schedules.arguments import Steps
from kerasched.schedules.interpolation import PiecewiseInterpolation
from kerasched.schedules.recipe import Recipe
from kerasched.schedules.registry import register


@register(
    "one_cycle",
    reference="Smith and Topin, 2018, arXiv:1708.07120, section 4; torch, OneCycleLR",
    example={"max_learning_rate": 0.1, "total_steps": 1000},
)
class OneCycle(Recipe):
    """Rise to a high rate, then fall to one far below the start.

    From max / div_factor to max at pct_start * total_steps, then to
    max / div_factor / final_div_factor at total_steps, and held

    With `three_phase` the fall takes as long as the rise and ends at the initial rate;
    the remaining steps go down to the end. The peak may lie between two steps; torch's
    peak is one step earlier.

    Args:
        max_learning_rate: the highest rate, 0 or more.
        total_steps: steps until the end is reached.
        pct_start: the fraction of `total_steps` in the rise, above 0 and below 1 (below
            1/2 for three phases).
        div_factor: how many times the highest rate is above the start.
        final_div_factor: how many times the start is above the end.
        shape: "cosine" or "linear".
        three_phase: whether the fall has the two parts described above.
    """

    max_learning_rate: Rate
    total_steps: Steps
    pct_start: Part = 0.3
    div_factor: Positive = 25.0
    final_div_factor: Positive = 1e4
    shape: Literal["cosine", "linear"] = "cosine"
    three_phase: bool = False

    def compose(self) -> PiecewiseInterpolation:
        start = self.max_learning_rate / self.div_factor
        end = start / self.final_div_factor
        rates = (start, self.max_learning_rate, start, end)
        return self._phases(rates if self.three_phase else (*rates[:2], end))

    def momentum(self, low: float = 0.85, high: float = 0.95) -> PiecewiseInterpolation:
        """Return a momentum that falls while the rate rises, and rises while it falls.

        Args:
            low: the momentum at the highest rate.
            high: the momentum at the start and at the end.
        """
        values = (high, low, high, high) if self.three_phase else (high, low, high)
        return self._phases(values)

    def _phases(self, values: tuple[float, ...]) -> PiecewiseInterpolation:
        peak, end = self.pct_start * self.total_steps, float(self.total_steps)
        if self.three_phase and not 2.0 * peak < end:
            what = "below 1/2 for three phases"
            raise self._invalid("pct_start", what)
        steps = (0.0, peak, 2.0 * peak, end) if self.three_phase else (0.0, peak, end)
        return PiecewiseInterpolation(steps, values, self.shape)
