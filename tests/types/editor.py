"""The types that an editor knows of schedules; tests/test_types.py runs pyright on it.

The comment below a line is the type that pyright reveals, or the rule of an error.
"""

from typing import reveal_type

import numpy as np
from keras.optimizers.schedules import LearningRateSchedule

from kerasched import CosineDecay
from kerasched import PiecewiseConstant
from kerasched import Schedule
from kerasched import Warmup


class Plateau(Schedule):
    """A schedule defined by the user."""

    learning_rate: float
    plateau_steps: int = 100


reveal_type(CosineDecay.__init__)
# (self: CosineDecay, initial_learning_rate: float, decay_steps: int,
# end_learning_rate: float = 0, exponent: float = 1, k_decay: float = 1, *,
# name: str | None = None) -> None
reveal_type(Plateau.__init__)
# (self: Plateau, learning_rate: float, plateau_steps: int = 100, *,
# name: str | None = None) -> None

cosine = CosineDecay(0.1, decay_steps=1000, name="cosine")
pieces = PiecewiseConstant([100, 200], (0.1, 0.01, 0.001))
CosineDecay(0.1, 1000, end=0.01)
# error: reportCallIssue
Warmup(cosine, 100, shape="round")
# error: reportArgumentType

reveal_type(cosine)
# CosineDecay
reveal_type(cosine.decay_steps)
# int
cosine.decay_steps = 100
# error: reportAttributeAccessIssue
reveal_type(CosineDecay.from_epochs(0.1, decay_epochs=90, steps_per_epoch=391))
# CosineDecay

reveal_type(cosine + pieces)
# Schedule
reveal_type(cosine - 1e-3)
# Schedule
reveal_type(0.5 * cosine)
# Schedule
reveal_type(cosine / 2)
# Schedule
reveal_type(cosine.clip(high=0.05).then(pieces))
# Schedule

reveal_type(cosine.evaluate(10))
# float64
reveal_type(cosine.evaluate([0, 10]))
# ndarray[tuple[Any, ...], dtype[float64]]
reveal_type(cosine.evaluate(np.arange(10)))
# ndarray[tuple[Any, ...], dtype[float64]]


def use(schedule: LearningRateSchedule) -> None:
    """A function for a schedule of Keras also accepts one of ours."""


use(cosine)
use(0.5 * cosine)
