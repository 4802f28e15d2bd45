"""A user's program, which .ci/run checks with mypy.

A line that ignores an error must have that error, or `--warn-unused-ignores` fails.
This shows that mypy knows the signatures.
"""

from typing import Any
from typing import assert_type

import kerasched
from kerasched import CosineDecay
from kerasched import OneCycle
from kerasched import PiecewiseConstant
from kerasched import Schedule
from kerasched import Warmup
from kerasched.callbacks import BackupAndRestore
from kerasched.callbacks import EpochSchedule
from kerasched.callbacks import LearningRateFinder
from kerasched.callbacks import LearningRateLogger
from kerasched.callbacks import ReduceOnPlateau
from kerasched.callbacks import WeightAveraging

cosine = CosineDecay(0.1, decay_steps=1000, end_learning_rate=0.01)
schedule = Warmup(cosine, 100, 0.001, "cosine")
combined = 0.5 * schedule + cosine.shift(10).clip(high=0.05) / 2
pieces = PiecewiseConstant([100, 200], [0.1, 0.01, 0.001], name="pieces")
assert_type(combined, Schedule)
assert_type(1e-3 - cosine, Schedule)
cycle = OneCycle(0.1, 1000, shape="linear")
rates = combined.evaluate([0, 1, 2])
momentum = cycle.momentum(low=0.85, high=0.95)

optimizer = kerasched.SGD(learning_rate=schedule, momentum=0.9, fused="auto")
callbacks: list[Any] = [
    BackupAndRestore("run"),
    EpochSchedule(schedule, 100),
    LearningRateLogger(),
    ReduceOnPlateau("val_loss", factor=0.5),
    WeightAveraging(start_from_epoch=0.75),
]


def train(model: Any, x: Any, y: Any) -> float | None:
    kerasched.set_schedule(model, schedule)
    kerasched.accelerate(model)
    callbacks.append(LearningRateFinder(x, y))
    return kerasched.find_learning_rate(model, x, y, steps=50).suggestion


CosineDecay(0.1, steps=1000)  # type: ignore[call-arg]
Warmup(cosine, 100, shape="round")  # type: ignore[arg-type]
cosine.decay_steps = 100  # type: ignore[misc]
cosine.evaluate()  # type: ignore[call-overload]
kerasched.set_schedule(None)  # type: ignore[call-arg]
ReduceOnPlateau("loss", factors=0.5)  # type: ignore[call-arg]
LearningRateLogger(every="epoch")  # type: ignore[arg-type]
