"""The kinds of arguments that callbacks have, by name."""

from kerasched.errors import Check
from kerasched.errors import Choice
from kerasched.errors import Flag
from kerasched.errors import Integer
from kerasched.errors import Number
from kerasched.errors import Optional
from kerasched.errors import Text

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
