"""Checks of the callbacks' arguments, and the epochs that arguments select."""

import math
from typing import Any

from kerasched.errors import Check
from kerasched.errors import Choice
from kerasched.errors import Flag
from kerasched.errors import Integer
from kerasched.errors import Number
from kerasched.errors import Optional
from kerasched.errors import Text
from kerasched.errors import message
from kerasched.errors import scalar

NON_NEGATIVE = Number("a non-negative finite number", minimum=0.0)
ABOVE_0_BELOW_1 = Number("a number above 0 and below 1", 0.0, True, 1.0)
FROM_0_BELOW_1 = Number("a number from 0 to below 1", 0.0, below=1.0)
ABOVE_1 = Number("a finite number above 1", 1.0, True)
COUNT = Integer("a non-negative integer", minimum=0)
POSITIVE_COUNT = Integer("a positive integer", minimum=1)

PLATEAU: dict[str, Check] = {
    "monitor": Text(),
    "factor": ABOVE_0_BELOW_1,
    "patience": COUNT,
    "verbose": COUNT,
    "mode": Choice(("auto", "min", "max")),
    "min_delta": NON_NEGATIVE,
    "cooldown": COUNT,
    "min_lr": NON_NEGATIVE,
    "relative_delta": FROM_0_BELOW_1,
    "min_scale": FROM_0_BELOW_1,
    "max_lr": Optional(NON_NEGATIVE),
    "increase_factor": Optional(ABOVE_1),
    "increase_cooldown": COUNT,
    "reset_after": Optional(POSITIVE_COUNT),
    "eps": NON_NEGATIVE,
    "window": POSITIVE_COUNT,
    "accumulation_size": POSITIVE_COUNT,
    "watch_in_cooldown": Flag(),
    "start_from_epoch": COUNT,
    "on_nan": Choice(("count", "reduce", "ignore")),
    "restore_best_weights": Flag(),
}


class EpochOrFraction:
    """The index of an epoch, or a float as a fraction of all epochs."""

    requirement = "an epoch from 0 as an integer, or a float from 0 to below 1"

    def __call__(self, owner: str, argument: str, value: Any) -> int | float:
        """Return the value to keep."""
        value = scalar(value)
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise TypeError(message(owner, argument, self.requirement, value))
        if value < 0 or (isinstance(value, float) and not value < 1.0):
            raise ValueError(message(owner, argument, self.requirement, value))
        return value


AVERAGING: dict[str, Check] = {
    "start_from_epoch": EpochOrFraction(),
    "until_epoch": Optional(EpochOrFraction()),
    "every": POSITIVE_COUNT,
    "decay": Optional(ABOVE_0_BELOW_1),
    "batch_size": Optional(POSITIVE_COUNT),
    "steps": Optional(POSITIVE_COUNT),
    "swap_in_validation": Flag(),
    "assign_at_end": Flag(),
}


def window_of(
    owner: str, start: int | float, until: int | float | None, every: int, epochs: int
) -> range:
    """Return the selected epochs, or raise if there can be none.

    Args:
        owner: the class in whose name errors are raised.
        start: argument `start_from_epoch`, the first epoch.
        until: argument `until_epoch`, the epoch to stop before.
        every: epochs from one selected epoch to the next.
        epochs: how many epochs there are.
    """
    first = _index_of(start, epochs)
    if isinstance(start, float):
        first = min(first, epochs - 1)
    end = epochs if until is None else _index_of(until, epochs)
    if first >= epochs:
        what = f"below the number of epochs, which is {epochs}"
        raise ValueError(message(owner, "start_from_epoch", what, start))
    if end <= first:
        what = f"after `start_from_epoch`, which is epoch {first}"
        raise ValueError(message(owner, "until_epoch", what, until))
    return range(first, end, every)


def _index_of(epoch: int | float, epochs: int) -> int:
    if not isinstance(epoch, float):
        return epoch
    # Rounding may put a whole product slightly above the integer.
    return math.ceil(epoch * epochs - 1e-9)
