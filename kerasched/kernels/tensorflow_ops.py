"""A plain update of SGD by TensorFlow's own operations, for small weights.

TensorFlow has operations that run the whole plain update of one variable, in place.
They pass over memory once, as the kernel does, so that the two differ only in the cost
of a call: kerasched/kernels/dispatch.py has the measurements.
"""

import math

import tensorflow as tf

from kerasched.kernels import tensorflow
from kerasched.kernels.options import Step
from kerasched.kernels.tensorflow_graph import under_xla
from kerasched.kernels.tensorflow_variables import resource_of

# The kernel updates weights of so many elements and more. For ResNet-50 any threshold
# from 4,096 to 400,000 gave the same time within 3 %.
LARGE = 65_536


def supports(step: Step) -> bool:
    """Return whether these operations can run a step, and are the fastest for it.

    In a program that XLA compiles, its own loops are as fast.
    """
    options = step.options
    if not options.rule.startswith("sgd"):
        return False
    extra = options.use_ema or options.skips_nonfinite or options.weight_decay
    return not (extra or options.changes_gradients or under_xla())


def update(step: Step) -> bool:
    """Run one step on variables, in place, eagerly or inside of a graph.

    Returns:
        True: it is always applied.
    """
    sizes = [math.prod(weight.shape) for weight in step.variables.weights]
    small = [i for i, size in enumerate(sizes) if size < LARGE]
    large = [i for i, size in enumerate(sizes) if size >= LARGE]
    _update_each(step.part(small))
    if large:
        tensorflow.update(step.part(large))
    return True


def _update_each(step: Step) -> None:
    scalars = step.scalars
    numbers: dict[tf.DType, tuple[tf.Tensor, ...]] = {}
    weights, slots = step.variables.weights, step.variables.slots
    for i, gradient in enumerate(step.gradients):
        weight = resource_of(weights[i])
        if weight.dtype not in numbers:
            given = (scalars.learning_rate, *scalars.hyperparameters)
            numbers[weight.dtype] = tuple(tf.cast(x, weight.dtype) for x in given)
        rate, *momentum = numbers[weight.dtype]
        if not momentum:
            tf.raw_ops.ResourceApplyGradientDescent(
                var=weight.handle, alpha=rate, delta=gradient
            )
            continue
        tf.raw_ops.ResourceApplyKerasMomentum(
            var=weight.handle,
            accum=resource_of(slots[0][i]).handle,
            lr=rate,
            grad=gradient,
            momentum=momentum[0],
            use_nesterov=step.options.rule == "sgd_nesterov",
        )
