"""The kinds of arguments that callbacks have, by name."""

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
    """The index of an epoch, or a float as a part of all epochs."""

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
