"""The settings and the results of one run of the demo, as plain data."""

import dataclasses
import math
from dataclasses import dataclass
from dataclasses import field
from pathlib import Path
from typing import Any

# A smaller relative change of the loss counts as a plateau.
PLATEAU = 0.01
# The relative tolerance between a rate in float32 and that of `evaluate`.
FLOAT32_TOLERANCE = 5e-6


@dataclass(frozen=True)
class Settings:
    """The options of a run, with the command's default values."""

    backend: str
    epochs: int = 6
    batch_size: int = 32
    learning_rate: float = 0.1
    momentum: float = 0.9
    seed: int = 0
    save: Path = Path("kerasched-demo.keras")
    plot: Path | None = None


@dataclass(frozen=True)
class Stage:
    """One stage of the pipeline: the shape of its array, and the first row."""

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
    """Loss and accuracy of the trained model on one split of the rows."""

    rows: int
    loss: float
    accuracy: float


@dataclass(frozen=True)
class Reloaded:
    """The saved model as a fresh process loaded it and trained it for one step."""

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
        """Whether `optimizer.iterations` was restored."""
        return self.iterations_loaded == self.iterations_saved

    @property
    def continued(self) -> bool:
        """Whether training continued for one step, at the schedule's next rate."""
        right = math.isclose(
            self.next_learning_rate,
            self.next_learning_rate_expected,
            rel_tol=FLOAT32_TOLERANCE,
        )
        return right and self.iterations_after_next_step == self.iterations_saved + 1

    @property
    def faithful(self) -> bool:
        """Whether everything was restored and training continued at the right rate."""
        return (
            self.predictions_equal
            and self.schedule_equal
            and self.iterations_equal
            and self.continued
        )


@dataclass
class Trace:
    """The results of a whole run, from the data to the reloaded model."""

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
        """Return the trace as JSON-native values, with None for non-finite numbers."""
        return _json_native(dataclasses.asdict(self))


def observe(losses: list[float], learning_rates: list[float]) -> str:
    """Return a sentence that compares the last epoch with the one before."""
    loss, rate = losses[-1], learning_rates[-1]
    if not math.isfinite(loss):
        return "The loss is not finite: the rate is too high."
    if len(losses) == 1:
        return "First epoch: nothing to compare with."
    before = losses[-2]
    if not math.isfinite(before):
        return "The loss is finite again."
    change = (loss - before) / before if before else loss
    if abs(change) < PLATEAU:
        text = f"Plateau: the loss changed by less than {PLATEAU:.0%}"
    elif change > 0:
        text = f"The loss rose by {change:.0%}: the rate may be too high"
    else:
        text = f"The loss fell by {-change:.0%}"
    if rate == learning_rates[-2]:
        return f"{text}."
    direction = "lowered" if rate < learning_rates[-2] else "raised"
    return f"{text}; the rate was {direction}."


def _json_native(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _json_native(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_json_native(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
