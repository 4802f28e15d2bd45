"""What the replicas of a tf.distribute strategy do before each updates itself."""

import dataclasses
from collections.abc import Callable
from typing import Any

from keras import ops

from kerasched.kernels import dispatch
from kerasched.kernels.options import Step
from kerasched.kernels.reference import all_finite


def summed(step: Step, clip: Callable[[list[Any]], list[Any]]) -> Step:
    """Return a step with the gradients of all replicas.

    As in Keras each replica clips its own gradients before they are summed. Sums of
    micro-batches are clipped when they are complete.

    Args:
        step: the step of one replica.
        clip: clips gradients by the options of the optimizer, as Keras does.
    """
    if step.options.clips and not step.options.accumulates:
        step = _clipped(step, clip)
    return dataclasses.replace(step, gradients=dispatch.summed(step.gradients))


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
