"""TensorFlow's variables inside Keras's, and their components under a strategy.

A variable that was created in the scope of a tf.distribute strategy of several replicas
has a component for each of them, a plain variable on the replica's device.
"""

from typing import Any

import tensorflow as tf


def resource_of(variable: Any) -> tf.Variable:
    """Return TensorFlow's variable in a Keras variable, or the variable itself."""
    return variable if isinstance(variable, tf.Variable) else variable.value


def components_of(variable: Any) -> tuple[tf.Variable, ...]:
    """Return the variables that hold the values of one, on this machine.

    That is the variable itself, unless a strategy has created it.
    """
    held = resource_of(variable)
    return tuple(tf.distribute.get_strategy().experimental_local_results(held))
