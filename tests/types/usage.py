"""A user's program as a type checker sees it: .ci/run checks this file with mypy.

A line with an ignored error must have that error, or `--warn-unused-ignores` fails: it
shows that mypy knows the signatures. The arguments of schedules are not known to it.
"""

from typing import Any

import kerasched
from kerasched import CosineDecay
from kerasched import OneCycle
from kerasched import Warmup
from kerasched.callbacks import BackupAndRestore
from kerasched.callbacks import EpochSchedule
from kerasched.callbacks import LearningRateFinder
from kerasched.callbacks import LearningRateLogger
from kerasched.callbacks import ReduceOnPlateau
from kerasched.callbacks import WeightAveraging

cosine = CosineDecay(0.1, decay_steps=1000, end_learning_rate=0.01)
schedule = Warmup(cosine, 100, 0.001, "cosine")
# Not `0.5 * schedule`: Keras has no types, so its base class passes for a float there.
combined = schedule * 0.5 + cosine.shift(10).clip(high=0.05)
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
    # The module of the same name hides the function from mypy.
    kerasched.accelerate(model)  # type: ignore[operator]
    callbacks.append(LearningRateFinder(x, y))
    return kerasched.find_learning_rate(model, x, y, steps=50).suggestion


cosine.evaluate()  # type: ignore[call-arg]
kerasched.set_schedule(None)  # type: ignore[call-arg]
ReduceOnPlateau("loss", factors=0.5)  # type: ignore[call-arg]
LearningRateLogger(every="epoch")  # type: ignore[arg-type]
