"""Checks of the arguments of a sweep."""

from collections.abc import Mapping
from typing import Any

from kerasched.errors import Check
from kerasched.errors import Choice
from kerasched.errors import Flag
from kerasched.errors import Integer
from kerasched.errors import Number
from kerasched.errors import Optional
from kerasched.errors import checked
from kerasched.errors import message

OWNER = "find_learning_rate"

POSITIVE = Number("a positive finite number", minimum=0.0, exclusive=True)

SWEEP: dict[str, Check] = {
    "batch_size": Optional(Integer("a positive integer", minimum=1)),
    "shuffle": Flag(),
    "min_lr": POSITIVE,
    "max_lr": POSITIVE,
    "steps": Integer("an integer of at least 2", minimum=2),
    "mode": Choice(("exponential", "linear")),
    "smoothing": Number("a number from 0 to below 1", 0.0, below=1.0),
    "divergence": Optional(Number("a finite number above 1", 1.0, True)),
    "verbose": Integer("a non-negative integer", minimum=0),
}


def checked_sweep(owner: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments of a sweep as plain values, or raise."""
    values = checked(owner, SWEEP, arguments)
    if values["max_lr"] <= values["min_lr"]:
        what = f"above min_lr={values['min_lr']!r}"
        raise ValueError(message(owner, "max_lr", what, arguments["max_lr"]))
    return values
