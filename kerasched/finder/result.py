"""The result of a sweep over learning rates."""

import json
import math
from dataclasses import asdict
from dataclasses import dataclass
from typing import Any

from kerasched.finder.suggestions import suggest
from kerasched.plotting import plot_losses


@dataclass(frozen=True)
class LearningRateSweep:
    """The losses of a sweep over learning rates, and the rates that they suggest.

    Attributes:
        rates: the rate of each completed step, rising.
        losses: the loss of each step's batch, before its update.
        smoothed_losses: the smoothed losses.
        steps: the requested number of steps. There are fewer if the loss diverged.
        suggestions: the rates that fastai's rules suggest, by the rule's name: `valley`
            (two thirds down the longest fall of the loss), `steepest` (the steepest
            slope), `minimum` (a tenth of the rate of the least loss) and `slide` (just
            before the loss turns up). None where a rule has too few losses.
    """

    rates: tuple[float, ...]
    losses: tuple[float, ...]
    smoothed_losses: tuple[float, ...]
    steps: int
    suggestions: dict[str, float | None]

    @classmethod
    def of(
        cls, rates: list[float], losses: list[float], smoothed: list[float]
    ) -> "LearningRateSweep":
        """Return the result of a sweep, given the rates of all requested steps."""
        done, seen = len(losses), smoothed
        if smoothed and math.isnan(smoothed[-1]):
            # All later losses are NaN too. As in a sweep that continues, the last five,
            # which are ignored, are then none of those before this one.
            seen = smoothed + [math.nan] * (len(rates) - done)
        suggestions = suggest(rates[: len(seen)], seen, len(rates))
        return cls(
            tuple(rates[:done]), tuple(losses), tuple(smoothed), len(rates), suggestions
        )

    @property
    def suggestion(self) -> float | None:
        """The suggestion of `valley`, None if there is none."""
        return self.suggestions["valley"]

    def plot(self, ax: Any = None) -> Any:
        """Plot the losses over the rates, with the suggestions on the curve.

        Args:
            ax: matplotlib axes to draw in; by default those of a new figure of pyplot.

        Returns:
            The matplotlib axes.

        Raises:
            RuntimeError: matplotlib is not installed.
        """
        return plot_losses(
            self.rates, self.losses, self.smoothed_losses, self.suggestions, ax
        )

    def to_json(self) -> str:
        """Return the result as JSON, with NaN and infinities as strings."""
        return json.dumps(_map_floats(asdict(self), _to_text), allow_nan=False)

    @classmethod
    def from_json(cls, text: str) -> "LearningRateSweep":
        """Return the result that `to_json` returned."""
        values = json.loads(text)
        for name in ("rates", "losses", "smoothed_losses"):
            values[name] = tuple(float(number) for number in values[name])
        return cls(**values)


def _to_text(number: float) -> float | str:
    return number if math.isfinite(number) else str(number)


def _map_floats(value: Any, function: Any) -> Any:
    if isinstance(value, dict):
        return {name: _map_floats(item, function) for name, item in value.items()}
    if isinstance(value, tuple):
        return [_map_floats(item, function) for item in value]
    return function(value) if isinstance(value, float) else value
