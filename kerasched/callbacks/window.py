"""The epochs that count, given by their indices or as parts of all epochs."""

import math

from kerasched.errors import message


def window_of(
    owner: str, start: int | float, until: int | float | None, every: int, epochs: int
) -> range:
    """Return the epochs that count, or raise if there can be none.

    Args:
        owner: the class in whose name errors are raised.
        start: argument `start_from_epoch`, the first one.
        until: argument `until_epoch`, the one from which on none counts.
        every: epochs from one that counts to the next.
        epochs: how many epochs there are.
    """
    first = min(_index_of(start, epochs), epochs - 1) if _is_part(start) else start
    end = epochs if until is None else _index_of(until, epochs)
    if first >= epochs:
        what = f"below the number of epochs, which is {epochs}"
        raise ValueError(message(owner, "start_from_epoch", what, start))
    if end <= first:
        what = f"after `start_from_epoch`, which is epoch {first}"
        raise ValueError(message(owner, "until_epoch", what, until))
    return range(first, end, every)


def _is_part(epoch: int | float) -> bool:
    return isinstance(epoch, float)


def _index_of(epoch: int | float, epochs: int) -> int:
    if not _is_part(epoch):
        return int(epoch)
    # A product that is whole may lie a little above it.
    return math.ceil(epoch * epochs - 1e-9)
