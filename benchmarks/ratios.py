"""Measures ratios of times in interleaved runs, with their confidence intervals."""

import math
import statistics
import time
from collections.abc import Callable
from collections.abc import Mapping
from typing import Any

from timing import summary

PAIRS = 15  # A verdict needs at least this many pairs.


def stopwatch(function: Callable[[], Any]) -> float:
    """Return the seconds that a call takes."""
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def taking_turns(
    functions: Mapping[str, Callable[[], Any]],
    rounds: int,
    clock: Callable[[Callable[[], Any]], float] = stopwatch,
) -> dict[str, list[float]]:
    """Return the seconds of each function in every round, after two warmup rounds.

    The order alternates from round to round, so that none is always first.
    """
    seconds: dict[str, list[float]] = {name: [] for name in functions}
    for number in range(-2, rounds):
        order = list(functions) if number % 2 else list(functions)[::-1]
        for name in order:
            taken = clock(functions[name])
            if number >= 0:
                seconds[name].append(taken)
    return seconds


def row(case: dict[str, Any], seconds: dict[str, list[float]]) -> dict[str, Any]:
    """Return a result row: the case, a summary of the seconds, and ratios to ours."""
    ratios = {
        name: interval([t / o for t, o in zip(times, seconds["ours"], strict=True)])
        for name, times in seconds.items()
        if name != "ours"
    }
    summaries = {name: summary(times) for name, times in seconds.items()}
    return {**case, "seconds": summaries, "ratios": ratios}


def interval(ratios: list[float]) -> dict[str, float]:
    """Return the median of paired ratios and the 95 % interval of the median.

    The ends are order statistics: the k-th lowest and highest, k the largest for which
    at most k heads in as many coin tosses have a probability of at most 2.5 %. They
    assume no distribution of the times. With fewer than 6 pairs they are the extremes.
    """
    ordered, count = sorted(ratios), len(ratios)
    k = max(1, _rank(count))
    return {
        "median": statistics.median(ordered),
        "low": ordered[k - 1],
        "high": ordered[count - k],
        "pairs": count,
    }


def _rank(count: int) -> int:
    below, rank = 0.0, 0
    while True:
        below += math.comb(count, rank) / 2**count
        if below > 0.025:
            return rank
        rank += 1
