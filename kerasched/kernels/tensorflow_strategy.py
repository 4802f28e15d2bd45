"""Weight decay under a tf.distribute strategy of several replicas."""

from typing import Any

import tensorflow as tf

from kerasched.kernels.tensorflow import resource_of


def has_replicas() -> bool:
    """Return whether a tf.distribute strategy of several replicas is in use."""
    return tf.distribute.get_strategy().num_replicas_in_sync > 1


def decay_in_replicas(weights: list[Any], rate: Any, weight_decay: float) -> None:
    """Apply weight decay to the weights of all replicas, rounded as Keras rounds it.

    Keras computes the rate again for each weight, in the thread that all replicas wait
    for. Here each replica passes its own rate.
    """

    def decay(weight: tf.Variable, rate: tf.Tensor) -> None:
        factor = tf.cast(weight_decay, weight.dtype)
        weight.assign_sub(weight * factor * tf.cast(rate, weight.dtype))

    def merged(strategy: Any, rate: Any) -> None:
        for weight in map(resource_of, weights):
            strategy.extended.update(weight, decay, args=(rate,), group=False)

    tf.__internal__.distribute.interim.maybe_merge_call(
        merged, tf.distribute.get_strategy(), tf.convert_to_tensor(rate)
    )
