"""The registry of kerasched equivalents for schedules of other libraries."""

from collections import defaultdict
from collections.abc import Callable
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Original:
    """A class or function of another library, and its equivalent in kerasched."""

    name: str
    options: dict[str, Any]
    function: Callable


@dataclass(frozen=True)
class Reason:
    """Why a schedule differs from a trace, at the given steps or everywhere."""

    text: str
    steps: Collection[int] = ()


# For the last values before the end of a cosine.
ROUNDED = "Near the end of the cosine the original loses its precision in float32."

ORIGINALS: dict[str, list[Original]] = defaultdict(list)


def original(name: str, **options: Any) -> Callable:
    """Register a function as the equivalent of `name` with these options."""

    def register(function: Callable) -> Callable:
        library = function.__module__.rpartition(".")[2]
        ORIGINALS[library].append(Original(name, options, function))
        return function

    return register
