"""A tf.data.Dataset that can be read without a change of how it goes on.

A dataset that shuffles anew in each iteration draws the next order from a generator
that all its iterators share. Its graph can be had, and in the graph each shuffle can be
one with a generator of its own.
"""

import contextlib
import sys
from typing import Any

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


def apart(dataset: Any) -> Any:
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
