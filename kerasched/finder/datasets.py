"""Reading datasets without changing their next order.

Random generators and states are restored. A tf.data.Dataset that reshuffles in each
iteration draws the order from a generator that all its iterators share: in a copy of
its graph each shuffle gets its own generator.
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

# Operations of tf.data whose last input is a seed generator that all iterations share,
# and the operations that have seeds of their own instead.
_WITH_OWN_SEEDS = {
    "ShuffleDatasetV2": "ShuffleDataset",
    "ShuffleDatasetV3": "ShuffleDataset",
    "ShuffleAndRepeatDatasetV2": "ShuffleAndRepeatDataset",
    "RandomDatasetV2": "RandomDataset",
}
_IGNORE_STATE = 1


def resets_of(*owners: Any) -> list[Callable[[], Any]]:
    """Return functions that restore the current state of some objects.

    They restore random generators, and objects with `get_state()` and
    `set_state(state)`. Call the last function first: setting a state may draw from a
    generator.

    Args:
        owners: objects whose direct attributes are restored.

    Raises:
        TypeError: BackupAndRestore cannot save a state.
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
    # A copy, as the owner may change the object that it returned.
    state = encode(owner.get_state(), arrays, f"get_state() of {type(owner).__name__}")
    return lambda: owner.set_state(decode(state, arrays))


def independent_copy(dataset: Any) -> Any:
    """Return a copy of a dataset whose iteration does not affect the original.

    Returns the dataset itself if it cannot be copied: if its graph is larger than
    2 GiB, or it is distributed.
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
        if node.op in _WITH_OWN_SEEDS:
            node.op = _WITH_OWN_SEEDS[node.op]
            del node.input[-1]
            # An attribute that those operations do not have.
            node.attr.pop("rerandomize_each_iteration", None)
    copy = raw.DatasetFromGraph(graph_def=graph.SerializeToString())
    return data.from_variant(copy, dataset.element_spec)
