"""Creates each optimizer twice, so that memory placement favours none of them.

With 161 small tensors, the first of several identical programs was 8 % faster than the
others, since memory becomes more fragmented later.
"""

import itertools
from collections.abc import Callable
from collections.abc import Mapping
from typing import Any
from typing import TypeVar

Made = TypeVar("Made")

NOTE = (
    "Each optimizer is created twice, in both orders, after one that is not timed: "
    "what is created earlier has a better place in memory."
)


def twice(
    makers: Mapping[str, Callable[[], Made]], use: Callable[[Made], Any]
) -> dict[str, list[Made]]:
    """Return two objects of each maker: one in the given order, one in reverse.

    Args:
        makers: a function for each name that creates an object.
        use: called with an extra object of the first maker, created before all others.
    """
    use(next(iter(makers.values()))())
    first = {name: make() for name, make in makers.items()}
    second = {name: makers[name]() for name in reversed(list(makers))}
    return {name: [first[name], second[name]] for name in makers}


def in_turn(functions: list[Callable[[], Any]]) -> Callable[[], Any]:
    """Return a function that calls the next of `functions` at each call."""
    following = itertools.cycle(functions)
    return lambda: next(following)()
