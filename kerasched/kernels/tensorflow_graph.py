"""The graph that TensorFlow traces now."""

from typing import Any

import tensorflow as tf

# Operations whose result is an argument of a program, or the value of a variable.
INPUT_OPERATIONS = ("Placeholder", "ReadVariableOp")


def under_xla() -> bool:
    """Return whether XLA compiles the graph that is traced now.

    TensorFlow has no public function for this. If the private one moves, Keras updates
    models with sparse gradients, and tests/kernels/test_tensorflow.py fails.
    """
    if tf.executing_eagerly():
        return False
    try:
        from tensorflow.python.ops import control_flow_util

        graph = tf.compat.v1.get_default_graph()
        return control_flow_util.GraphOrParentsInXlaContext(graph)
    except (ImportError, AttributeError):
        return False


def is_computed_here(gradient: Any) -> bool:
    """Return whether the graph that is traced now computes a gradient."""
    sparse = isinstance(gradient, tf.IndexedSlices)
    tensor = gradient.values if sparse else gradient
    while tf.is_symbolic_tensor(tensor) and tensor.op.type == "Identity":
        tensor = tensor.op.inputs[0]
    return tf.is_symbolic_tensor(tensor) and tensor.op.type not in INPUT_OPERATIONS
