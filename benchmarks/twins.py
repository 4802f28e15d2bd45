"""Makes all that is timed twice, so that none has the better place in memory.

Of programs that are the same, the one that was made first of all was 8 % faster with
161 small tensors, and the others a little by their order: memory gets more scattered.
"""

import itertools
from collections.abc import Callable
from collections.abc import Mapping
from typing import Any
from typing import TypeVar

Made = TypeVar("Made")

NOTE = (
    "Each is made twice, in both orders, after one that is not timed, and the two take "
    "turns: what is made sooner has a better place in memory."
)


def twice(
    makers: Mapping[str, Callable[[], Made]], use: Callable[[Made], Any]
) -> dict[str, list[Made]]:
    """Return two of each: the first made in the order given, the second in reverse.

    Args:
        makers: what makes each.
        use: called with one of the first kind that is made before all and not returned.
    """
    use(next(iter(makers.values()))())
    first = {name: make() for name, make in makers.items()}
    second = {name: makers[name]() for name in reversed(list(makers))}
    return {name: [first[name], second[name]] for name in makers}


def in_turn(functions: list[Callable[[], Any]]) -> Callable[[], Any]:
    """Return a function that calls one of some, the next at each call."""
    following = itertools.cycle(functions)
    return lambda: next(following)()
