"""Times functions in turns, so that other load on the machine affects all alike."""

import statistics
import time
from collections.abc import Callable
from collections.abc import Mapping
from typing import Any


def interleaved(
    functions: Mapping[str, Callable[[], Any]], rounds: int
) -> dict[str, dict[str, float]]:
    """Return the median, minimum and maximum time of each function, in seconds.

    Each is called once before, which does not count, and then once in every round.
    """
    seconds: dict[str, list[float]] = {name: [] for name in functions}
    for function in functions.values():
        function()
    for _ in range(rounds):
        for name, function in functions.items():
            start = time.perf_counter()
            function()
            seconds[name].append(time.perf_counter() - start)
    return {name: summary(times) for name, times in seconds.items()}


def summary(times: list[float]) -> dict[str, float]:
    """Return the median, minimum and maximum of a list of times."""
    return {"median": statistics.median(times), "min": min(times), "max": max(times)}
