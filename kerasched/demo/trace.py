"""What one run of the demo did: plain numbers, printed as tables or as JSON."""

import dataclasses
import math
from dataclasses import dataclass
from dataclasses import field
from typing import Any

# A loss that changes by less than this part of itself stands still.
PLATEAU = 0.01
# How far a rate computed in float32, inside a step, may lie from `evaluate`.
FLOAT32_RATE = 5e-6


@dataclass(frozen=True)
class Stage:
    """One step of the pipeline: the array's shape and its first row."""

    name: str
    shape: tuple[int, ...]
    sample: tuple[float, ...]
    note: str = ""


@dataclass(frozen=True)
class Epoch:
    """One epoch of training; loss and accuracy are means over its batches."""

    epoch: int
    learning_rate: float
    loss: float
    accuracy: float
    observation: str


@dataclass(frozen=True)
class Scores:
    """Loss and accuracy of the trained model on one part of the rows."""

    rows: int
    loss: float
    accuracy: float


@dataclass(frozen=True)
class Reloaded:
    """What a fresh process found in the saved file, and did with it."""

    path: str
    predictions_equal: bool
    schedule_equal: bool
    iterations_saved: int
    iterations_loaded: int
    next_learning_rate: float
    next_learning_rate_expected: float
    iterations_after_next_step: int

    @property
    def iterations_equal(self) -> bool:
        """Whether the count of updates came back."""
        return self.iterations_loaded == self.iterations_saved

    @property
    def went_on(self) -> bool:
        """Whether one more step was made, at the rate that the schedule has there."""
        right = math.isclose(
            self.next_learning_rate,
            self.next_learning_rate_expected,
            rel_tol=FLOAT32_RATE,
        )
        return right and self.iterations_after_next_step == self.iterations_saved + 1

    @property
    def faithful(self) -> bool:
        """Whether all came back as it was and training goes on at the right rate."""
        return (
            self.predictions_equal
            and self.schedule_equal
            and self.iterations_equal
            and self.went_on
        )


@dataclass
class Trace:
    """The whole run, from the data to the reloaded model."""

    backend: str
    source: str
    classes: tuple[str, str]
    steps_per_epoch: int = 0
    stages: list[Stage] = field(default_factory=list)
    epochs: list[Epoch] = field(default_factory=list)
    step_learning_rates: list[float] = field(default_factory=list)
    step_losses: list[float] = field(default_factory=list)
    training: Scores | None = None
    held_out: Scores | None = None
    reloaded: Reloaded | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the trace as JSON-native values; what is not finite becomes None."""
        return _json_native(dataclasses.asdict(self))


def observe(losses: list[float], learning_rates: list[float]) -> str:
    """Return a sentence on the last epoch, derived from the numbers up to it."""
    loss, rate = losses[-1], learning_rates[-1]
    if not math.isfinite(loss):
        return "The loss is not a finite number: the rate is too high."
    if len(losses) == 1:
        return "First epoch: nothing to compare with yet."
    before = losses[-2]
    if not math.isfinite(before):
        return "The loss is a finite number again."
    change = (loss - before) / before if before else loss
    if abs(change) < PLATEAU:
        text = f"Plateau: the loss moved by less than {PLATEAU:.0%}"
    elif change > 0:
        text = f"The loss rose by {change:.0%}: the rate may be too high"
    else:
        text = f"The loss fell by {-change:.0%}"
    if rate == learning_rates[-2]:
        return f"{text}."
    turn = "lowered" if rate < learning_rates[-2] else "raised"
    return f"{text}, the rate was {turn}."


def _json_native(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _json_native(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_json_native(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
