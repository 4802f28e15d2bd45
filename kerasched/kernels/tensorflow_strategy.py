"""An update under a tf.distribute strategy: each replica updates its own variables.

The replicas of a strategy are threads that share one optimizer. Keras updates the
variables of all replicas in one of them, by `merge_call`, which TensorFlow does not
allow inside of a conditional; so Keras fails where an option needs one. Here the sum of
the gradients over the replicas is all that they exchange. Then each replica runs the
whole update on its own components of the variables, like a model without a strategy.

In a strategy's scope, but outside of its replicas, one thread updates all components.
"""

import dataclasses
from collections.abc import Callable
from typing import Any

import tensorflow as tf
from keras import ops

from kerasched.kernels.options import Scalars
from kerasched.kernels.options import Step
from kerasched.kernels.reference import all_finite
from kerasched.kernels.tensorflow_graph import under_xla
from kerasched.kernels.tensorflow_variables import components_of


def in_use() -> bool:
    """Return whether the code runs in the scope of a tf.distribute strategy."""
    return bool(tf.distribute.has_strategy())


def devices() -> str:
    """Return the number and the type of TensorFlow's logical devices, as text."""
    types = [device.device_type for device in tf.config.list_logical_devices()]
    counts = {name: types.count(name) for name in sorted(set(types))}
    text = ", ".join(f"{count} {name.lower()}" for name, count in counts.items())
    if not in_use():
        return text
    strategy = tf.distribute.get_strategy()
    replicas = strategy.num_replicas_in_sync
    plural = "s" * (replicas > 1)
    return f"{text}; {type(strategy).__name__} of {replicas} replica{plural}"


def left_to_keras(step: Step) -> bool:
    """Return whether Keras's own update runs a step that it supports.

    It is called if no compiled kernel runs the step. In all other steps each replica
    updates its own variables.

    Keras changes only the rows that a sparse gradient has, unless an option changes all
    rows anyway. It also updates variables that are not mirrored, as those of a
    parameter server.
    """
    return not _is_mirrored(step) or (_has_sparse(step) and not densifies(step))


def densifies(step: Step) -> bool:
    """Return whether to make the sums of sparse gradients dense, as Keras does.

    It does so where an option changes every row of a weight. Keras checks that the
    gradients are finite before it adds up rows that occur twice, so that a step which
    may be skipped is left to it.
    """
    options = step.options
    by_row = not (options.slots or options.accumulates or options.use_ema)
    by_row = by_row and not options.weight_decay
    return not (by_row or options.skips_nonfinite)


def summed(step: Step, clip: Callable[[list[Any]], list[Any]]) -> Step:
    """Return a step with the sums of the gradients of all replicas.

    Each replica calls this, outside of any conditional. As in Keras each replica clips
    its own gradients before they are summed. Sums of micro-batches are clipped when
    they are complete.

    Args:
        step: the step of one replica.
        clip: clips gradients by the options of the optimizer, as Keras does.
    """
    if step.options.clips and not step.options.accumulates:
        step = _clipped(step, clip)
    return dataclasses.replace(step, gradients=_sums(step.gradients))


def _clipped(step: Step, clip: Callable[[list[Any]], list[Any]]) -> Step:
    """Return a step whose gradients are divided by the loss scale and clipped."""
    options, gradients = step.options, step.gradients
    if options.unscales:
        gradients = [ops.divide(g, step.scalars.loss_scale) for g in gradients]
    clipped = clip(gradients)
    if options.skips_nonfinite:  # An infinity would be hidden.
        finite = all_finite(gradients)
        clipped = [ops.where(finite, g, float("nan")) for g in clipped]
    done: dict[str, Any] = {"clipvalue": 0.0, "clipnorm": 0.0, "global_clipnorm": 0.0}
    options = dataclasses.replace(options, unscales=False, **done)
    return dataclasses.replace(step, options=options, gradients=clipped)


def _sums(gradients: list[Any]) -> list[Any]:
    context = _several_replicas()
    if context is None:
        return gradients
    several_here = len(tf.distribute.get_strategy().extended.worker_devices) > 1
    if several_here and under_xla():
        raise RuntimeError(
            "XLA cannot compile a step of several replicas of a tf.distribute "
            "strategy: a program of XLA has only the variables of one device. Pass "
            "jit_compile=False to `compile`"
        )
    return list(context.all_reduce(tf.distribute.ReduceOp.SUM, gradients))


def agreeing(gradients: list[Any]) -> list[Any]:
    """Return gradients that are finite in each replica or in none.

    Keras skips a step by the gradients of the first replica alone. If those of any
    replica are not finite, the first gradient becomes NaN in all.
    """
    context = _several_replicas()
    given = [i for i, gradient in enumerate(gradients) if gradient is not None]
    if context is None or not given:
        return gradients
    values = [_values_of(gradients[i]) for i in given]
    finite = [tf.reduce_all(tf.math.is_finite(value)) for value in values]
    lacking = tf.cast(tf.logical_not(tf.reduce_all(finite)), tf.float32)
    lacking = context.all_reduce(tf.distribute.ReduceOp.SUM, lacking)
    first, nan = gradients[given[0]], tf.cast(float("nan"), values[0].dtype)
    agreed = _with_values(first, tf.where(tf.equal(lacking, 0), values[0], nan))
    return [agreed if i == given[0] else g for i, g in enumerate(gradients)]


def run(update: Callable[[Step], Any], step: Step) -> Any:
    """Run an update on the components that belong to this thread.

    Args:
        update: a function of a step, whose result is returned.
        step: a step on a strategy's variables, with gradients of all replicas.
    """
    if not _is_mirrored(step):
        raise ValueError(
            "A model that trains under a tf.distribute strategy must have all "
            "variables, those of its optimizer too, from that strategy. Received: a "
            "variable that was created elsewhere. Create and compile the model inside "
            "of `with strategy.scope()`"
        )
    result = None
    for place, device in _own_places():
        with tf.device(device):
            result = update(_local(step, place))
    return result


def _several_replicas() -> Any:
    """Return the context of a replica that is not alone, otherwise None."""
    context = tf.distribute.get_replica_context()
    several = context is not None and context.num_replicas_in_sync > 1
    return context if several else None


def _own_places() -> list[tuple[int, str]]:
    """Return the components that this thread updates, by index and device."""
    context = tf.distribute.get_replica_context()
    places = list(enumerate(tf.distribute.get_strategy().extended.worker_devices))
    if context is None:
        return places
    # Several workers number their replicas in one sequence.
    number = int(tf.get_static_value(context.replica_id_in_sync_group))
    return [places[number % len(places)]]


def _is_mirrored(step: Step) -> bool:
    """Return whether each variable has a component for each replica."""
    count = len(tf.distribute.get_strategy().extended.worker_devices)
    return all(len(components_of(v)) == count for v in step.variables.flat())


def _local(step: Step, place: int) -> Step:
    """Return a step on one component of each variable."""

    def at(value: Any) -> Any:
        if isinstance(value, tf.distribute.DistributedValues):
            return tf.distribute.get_strategy().experimental_local_results(value)[place]
        return value

    variables = [components_of(v)[place] for v in step.variables.flat()]
    return dataclasses.replace(
        step,
        scalars=Scalars.like(list(map(at, step.scalars.flat()))),
        gradients=[tf.convert_to_tensor(at(g)) for g in step.gradients],
        variables=step.variables.like(variables),
    )


def _has_sparse(step: Step) -> bool:
    return any(isinstance(g, tf.IndexedSlices) for g in step.gradients)


def _values_of(gradient: Any) -> tf.Tensor:
    return gradient.values if isinstance(gradient, tf.IndexedSlices) else gradient


def _with_values(gradient: Any, values: tf.Tensor) -> Any:
    if isinstance(gradient, tf.IndexedSlices):
        return tf.IndexedSlices(values, gradient.indices, gradient.dense_shape)
    return values
