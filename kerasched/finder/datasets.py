"""Datasets that are read by a sweep, and then go on as if they had not been.

Random generators and states are set back. A tf.data.Dataset that shuffles anew in each
iteration draws the next order from a generator that all its iterators share: in a copy
of its graph each shuffle gets a generator of its own.
"""

import contextlib
import sys
from collections.abc import Callable
from typing import Any

from kerasched.resuming.encoding import Arrays
from kerasched.resuming.encoding import decode
from kerasched.resuming.encoding import encode
from kerasched.resuming.encoding import has_state_methods
from kerasched.resuming.generators import kind_of

# Operations whose last input is the shared generator, and those without.
_OF_THEIR_OWN = {
    "ShuffleDatasetV2": "ShuffleDataset",
    "ShuffleDatasetV3": "ShuffleDataset",
    "ShuffleAndRepeatDatasetV2": "ShuffleAndRepeatDataset",
    "RandomDatasetV2": "RandomDataset",
}
# What the latter do not know.
_UNKNOWN_THERE = "rerandomize_each_iteration"
_IGNORE_STATE = 1


def resets_of(*owners: Any) -> list[Callable[[], Any]]:
    """Return functions that bring some objects back to where they are now.

    Their random generators are set to their states, and to those that have
    `get_state()` and `set_state(state)` theirs is given. The functions are for use from
    the last one to the first: what sets a state may draw from a generator.

    Args:
        owners: objects whose attributes are looked at, and not those of attributes.

    Raises:
        TypeError: a state is nothing that BackupAndRestore could save.
    """
    values = [
        value for owner in owners for value in getattr(owner, "__dict__", {}).values()
    ]
    resets = [*map(_reset_of, values), *map(_reset_of_state, owners)]
    return [reset for reset in resets if reset is not None]


def _reset_of(value: Any) -> Callable[[], Any] | None:
    kind = kind_of(value)
    if kind is None:
        return None
    state = kind.get(value)
    return lambda: kind.put(value, state)


def _reset_of_state(owner: Any) -> Callable[[], Any] | None:
    if not has_state_methods(owner):
        return None
    arrays: Arrays = {}
    # A copy, as the owner may go on to change what it has given.
    state = encode(owner.get_state(), arrays, f"get_state() of {type(owner).__name__}")
    return lambda: owner.set_state(decode(state, arrays))


def independent_copy(dataset: Any) -> Any:
    """Return a dataset of the same batches, whose iteration leaves the other alone.

    The same dataset where that cannot be: of a graph larger than 2 GiB, or distributed.
    """
    tensorflow = sys.modules["tensorflow"]
    cannot = (TypeError, ValueError, AttributeError, tensorflow.errors.OpError)
    with contextlib.suppress(*cannot):
        return _copied(tensorflow, dataset)
    return dataset


def _copied(tensorflow: Any, dataset: Any) -> Any:
    raw, data = tensorflow.raw_ops, tensorflow.data.experimental
    written = raw.DatasetToGraphV2(
        input_dataset=data.to_variant(dataset), external_state_policy=_IGNORE_STATE
    )
    graph = tensorflow.compat.v1.GraphDef.FromString(written.numpy())
    for node in graph.node:
        if node.op in _OF_THEIR_OWN:
            node.op = _OF_THEIR_OWN[node.op]
            del node.input[-1]
            node.attr.pop(_UNKNOWN_THERE, None)
    copy = raw.DatasetFromGraph(graph_def=graph.SerializeToString())
    return data.from_variant(copy, dataset.element_spec)
