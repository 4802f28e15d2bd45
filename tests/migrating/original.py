"""Which kerasched expression stands for which class of another library."""

from collections import defaultdict
from collections.abc import Callable
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Original:
    """A class or function of another library, and ours made of its arguments."""

    name: str
    options: dict[str, Any]
    function: Callable


@dataclass(frozen=True)
class Reason:
    """Why ours has not the values of a trace; no steps stand for the whole of it."""

    text: str
    steps: Collection[int] = ()


# Why some values next to the end of a cosine are not ours.
ROUNDED = "Next to the end 1 + cos(x) has lost its digits in the original's float32."

ORIGINALS: dict[str, list[Original]] = defaultdict(list)


def original(name: str, **options: Any) -> Callable:
    """Keep a function as the mapping of `name` where it has these options."""

    def keep(function: Callable) -> Callable:
        library = function.__module__.rpartition(".")[2]
        ORIGINALS[library].append(Original(name, options, function))
        return function

    return keep
