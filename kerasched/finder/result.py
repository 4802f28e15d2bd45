"""The result of a sweep over learning rates."""

import json
import math
from dataclasses import asdict
from dataclasses import dataclass
from typing import Any

from kerasched.finder.picture import plot_losses
from kerasched.finder.suggestions import DEFAULT
from kerasched.finder.suggestions import suggest
from kerasched.finder.suggestions import with_middle


@dataclass(frozen=True, repr=False)
class LearningRateSweep:
    """The losses of a sweep over learning rates, and the rates that they suggest.

    Attributes:
        rates: the rate of each completed step, rising.
        losses: the loss of each step's batch, before its update.
        smoothed_losses: the smoothed losses.
        steps: the requested number of steps. There are fewer if the loss diverged.
        suggestions: the suggested rates by the rule's name: `middle` (the geometric
            mean of `valley` and `minimum`), and those of fastai: `valley` (two thirds
            down the longest fall of the loss), `steepest` (the steepest slope),
            `minimum` (a tenth of the rate of the least loss) and `slide` (just before
            the loss turns up). None where a rule has too few losses.
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
            # Had the sweep continued, all later losses would be NaN. They are added, so
            # that the last five, which the rules ignore, are not finite ones.
            seen = smoothed + [math.nan] * (len(rates) - done)
        suggestions = suggest(rates[: len(seen)], seen, len(rates))
        return cls(
            tuple(rates[:done]), tuple(losses), tuple(smoothed), len(rates), suggestions
        )

    @property
    def suggestion(self) -> float | None:
        """The suggestion of `middle`, None if there is none."""
        return self.suggestions[DEFAULT]

    def __repr__(self) -> str:
        """Return a line with the range of the rates and the suggestion.

        The numbers themselves, several hundred, are in the attributes.
        """
        rates = f"{len(self.rates)} of {self.steps} rates"
        if self.rates:
            rates += f" from {self.rates[0]:.3g} to {self.rates[-1]:.3g}"
        rate = "none" if self.suggestion is None else f"{self.suggestion:.3g}"
        return f"<LearningRateSweep: {rates}, suggestion {rate} ({DEFAULT})>"

    def plot(self, ax: Any = None) -> Any:
        """Plot the losses over the rates, with the suggestions on the curve.

        The curve is a running median of the losses, which does not lag behind them. A
        dashed line shows the smoothed losses, from which the rules suggest their rates.
        The axis ends a little above the losses before the minimum.

        Args:
            ax: matplotlib axes to draw in; by default those of a new figure of pyplot.

        Returns:
            The matplotlib axes.

        Raises:
            RuntimeError: matplotlib is not installed.
        """
        losses = self.losses, self.smoothed_losses
        return plot_losses(self.rates, *losses, self.steps, self.suggestions, ax)

    def to_json(self) -> str:
        """Return the result as JSON, with NaN and infinities as strings."""
        return json.dumps(_json_native(asdict(self)), allow_nan=False)

    @classmethod
    def from_json(cls, text: str) -> "LearningRateSweep":
        """Return the result that `to_json` returned."""
        values = json.loads(text)
        for name in ("rates", "losses", "smoothed_losses"):
            values[name] = tuple(float(number) for number in values[name])
        # A file of version 0.1.0 has the suggestions of fastai's rules alone.
        values["suggestions"] = with_middle(values["suggestions"])
        return cls(**values)


def _json_native(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _json_native(item) for name, item in value.items()}
    if isinstance(value, tuple):
        return list(map(_json_native, value))
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value
