"""The rates that a sweep suggests: fastai's four, and the default between two of them.

The four rules are those of fastai 2.8.12, callback/schedule.py, index for index,
including the steps that they use. Like fastai's they compute in float32, because on a
straight line rounding decides which index wins. Ties go to the first index, and a
negative index counts from the end. docs/finder.md compares the rules.
"""

import math
from collections.abc import Callable
from collections.abc import Mapping
from typing import Any

import numpy as np

# `slide` compares slopes this many positions apart, and stops where they differ by at
# most the threshold.
SLIDE_WIDTH = 15
SLIDE_THRESHOLD = 0.005


def suggest(rates: Any, losses: Any, steps: int) -> dict[str, float | None]:
    """Return the rate that each rule suggests, None where it has too few losses.

    The first tenth of the steps, the last five losses, and everything from the first
    NaN on are ignored. The rules are `middle` (the geometric mean of `valley` and
    `minimum`, which is the default), `valley` (two thirds down the longest fall),
    `steepest` (the steepest slope over the logarithm of the rate), `minimum` (a tenth
    of the rate of the lowest loss) and `slide` (where slopes 15 steps apart differ by
    no more than 0.005, from the right).

    Args:
        rates: the rate of each step, rising.
        losses: the smoothed loss of each step, as many as there are rates.
        steps: the requested number of steps; the sweep may have stopped before.
    """
    part = slice(steps // 10, -5)
    seen = np.asarray(losses, "float32")[part]
    bad = np.flatnonzero(np.isnan(seen))
    seen = seen[: bad[0]] if len(bad) else seen
    at = np.asarray(rates, "float32")[part][: len(seen)]
    with np.errstate(all="ignore"):  # Losses may be infinite.
        return with_middle({name: rule(at, seen) for name, rule in RULES.items()})


def with_middle(suggestions: Mapping[str, float | None]) -> dict[str, float | None]:
    """Return the suggestions of fastai's rules with `middle` before them.

    middle = sqrt(valley * minimum)

    `valley` lies where the loss falls, which is safe and often slow; `minimum` lies
    near the rates at which training diverges. This is the rate halfway between them on
    a logarithmic axis.
    """
    valley, minimum = suggestions["valley"], suggestions["minimum"]
    if valley is None or minimum is None:
        return {"middle": None, **suggestions}
    return {"middle": math.sqrt(valley * minimum), **suggestions}


def valley(rates: np.ndarray, losses: np.ndarray) -> float | None:
    """Return the rate two thirds down the longest falling subsequence."""
    if len(losses) == 0:
        return None
    lengths = np.ones(len(losses), "int64")
    for end in range(1, len(losses)):
        above = lengths[:end][losses[:end] > losses[end]]
        lengths[end] = 1 + above.max(initial=0)
    end = int(lengths.argmax())
    start = end - int(lengths[end]) if end else 0
    third = (end - start) / 3
    return float(rates[start + int(third) + int(third / 2)])


def steepest(rates: np.ndarray, losses: np.ndarray) -> float | None:
    """Return the rate at which the loss falls the fastest over the rate's logarithm."""
    if len(losses) < 2:
        return None
    # Computed in float64, which rounds like torch in nearly all cases.
    logs = np.log(rates.astype("float64")).astype("float32")
    return float(rates[(np.diff(losses) / np.diff(logs)).argmin()])


def minimum(rates: np.ndarray, losses: np.ndarray) -> float | None:
    """Return a tenth of the rate of the lowest loss."""
    return float(rates[losses.argmin()]) / 10 if len(losses) else None


def slide(rates: np.ndarray, losses: np.ndarray) -> float | None:
    """Return the rate where the slopes at both ends of an interval are about equal.

    The interval slides to the left from the end of the losses.
    """
    if len(losses) <= SLIDE_WIDTH:
        return None
    slopes = np.gradient(losses)
    right, left = -1, -1 - SLIDE_WIDTH
    found = rates[left]
    while left >= -len(losses) and abs(slopes[right] - slopes[left]) > SLIDE_THRESHOLD:
        found = rates[left]
        right, left = right - 1, left - 1
    return float(found)


RULES: dict[str, Callable[[np.ndarray, np.ndarray], float | None]] = {
    "valley": valley,
    "steepest": steepest,
    "minimum": minimum,
    "slide": slide,
}

DEFAULT = "middle"
NAMES = (DEFAULT, *RULES)
