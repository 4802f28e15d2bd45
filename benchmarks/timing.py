"""Times functions turn and turn about, so that other work on the machine hits all."""

import statistics
import time
from collections.abc import Callable
from collections.abc import Mapping
from typing import Any


def interleaved(
    functions: Mapping[str, Callable[[], Any]], rounds: int
) -> dict[str, dict[str, float]]:
    """Return median, minimum and maximum of the seconds that each function takes.

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
    """Return median, minimum and maximum of some times."""
    return {"median": statistics.median(times), "min": min(times), "max": max(times)}
