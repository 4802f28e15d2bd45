"""The update in keras.ops, for every backend and device.

It runs where neither the compiled kernel nor Keras can, JAX compiles it for a GPU, and
tests compare the kernel with it. rules.py has the formulas of each optimizer; those
here are the same for all, as in csrc/gradient_rule.h, and in the same order.
"""

import dataclasses
from collections.abc import Callable
from typing import Any

import keras
from keras import ops

from kerasched.kernels.options import Arrays
from kerasched.kernels.options import Options
from kerasched.kernels.options import Step
from kerasched.kernels.rules import RULES


def update(step: Step) -> Any:
    """Run one step on variables, by assigning their new values.

    Returns:
        Whether it was applied, as `compute` returns it.
    """
    # TensorFlow's Keras fails to add arrays of shape (0, 2): it takes one for a bias.
    full = [i for i, w in enumerate(step.variables.weights) if 0 not in w.shape]
    if not full:
        return True
    return assign(step.part(full), compute)


def assign(step: Step, compute: Callable[[Step], tuple[Arrays, Any]]) -> Any:
    """Run one step on variables, by assigning what `compute` returns.

    Args:
        step: the step.
        compute: a function like the one below.

    Returns:
        Whether it was applied, as `compute` returns it.
    """
    variables = step.variables.flat()
    values = step.variables.like([ops.convert_to_tensor(v) for v in variables])
    new, applied = compute(dataclasses.replace(step, variables=values))
    for variable, value in zip(variables, new.flat(), strict=True):
        variable.assign(value)
    return applied


def update_averages(step: Step) -> None:
    """Update the averages of weights that have no gradient; all are variables."""
    assign(step, lambda step: (_averaged(step, step.variables), True))


def clear_sums(step: Step) -> None:
    """Clear the sums of weights that have no gradient, if this step updates."""
    updates = _updates(step)
    for total in step.variables.sums:
        value = ops.convert_to_tensor(total)
        total.assign(ops.where(updates, ops.zeros_like(value), value))


def compute(step: Step) -> tuple[Arrays, Any]:
    """Return the arrays after a step on tensors, and whether the step was applied.

    The second is True, or a tensor where the options may skip the step.
    """
    if not step.options.skips_nonfinite:
        return _computed(step), True
    arrays, finite = step.variables, all_finite(step.gradients)
    new = ops.cond(finite, lambda: _computed(step).flat(), arrays.flat)
    return arrays.like(new), finite


def all_finite(gradients: list[Any]) -> Any:
    """Return whether every element of every gradient is finite, as a tensor."""
    return ops.all(ops.stack([ops.all(ops.isfinite(g)) for g in gradients]))


def _computed(step: Step) -> Arrays:
    options, arrays = step.options, step.variables
    if options.unscales:
        scale = step.scalars.loss_scale
        gradients = [g / ops.cast(scale, g.dtype) for g in step.gradients]
        step = dataclasses.replace(step, gradients=gradients)
    if options.accumulates:
        new = ops.cond(
            _updates(step),
            lambda: _updated(step).flat(),
            lambda: _accumulated(step).flat(),
        )
        arrays = arrays.like(new)
    else:
        arrays = _updated(step)
    return _averaged(step, arrays) if options.use_ema else arrays


def _updates(step: Step) -> Any:
    """Return whether this micro-batch is the last before an update."""
    steps = step.options.gradient_accumulation_steps
    return ops.equal((step.scalars.iterations + 1) % steps, 0)


def _updates_before(step: Step) -> Any:
    """Return the number of updates before this one."""
    steps = max(step.options.gradient_accumulation_steps, 1)
    return ops.floor_divide(step.scalars.iterations, steps)


def _accumulated(step: Step) -> Arrays:
    pairs = zip(step.gradients, step.variables.sums, strict=True)
    sums = [ops.cast(ops.add(g, s), s.dtype) for g, s in pairs]
    return dataclasses.replace(step.variables, sums=sums)


def _updated(step: Step) -> Arrays:
    options, arrays, gradients = step.options, step.variables, step.gradients
    if options.accumulates:
        steps = options.gradient_accumulation_steps
        pairs = zip(gradients, arrays.sums, strict=True)
        gradients = [ops.add(g, s) / steps for g, s in pairs]
    gradients = _clipped(options, gradients)
    types = [keras.backend.standardize_dtype(w.dtype) for w in arrays.weights]
    of_types = {dtype: _numbers(step, dtype) for dtype in set(types)}
    rows = zip(
        types, step.decays, gradients, arrays.weights, *arrays.slots, strict=True
    )
    moved = [_moved(options, of_types[dtype], *row) for dtype, *row in rows]
    weights, *slots = (list(group) for group in zip(*moved, strict=True))
    sums = [ops.zeros_like(s) for s in arrays.sums]
    return Arrays(weights, slots, sums, arrays.averages)


def _numbers(step: Step, dtype: str) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    """Return the rule's numbers for weights of a type, and decay and rate in it."""
    scalars, wide = step.scalars, "float64" if dtype == "float64" else "float32"
    rule = RULES[step.options.rule]

    def cast(*values: Any) -> tuple[Any, ...]:
        return tuple(ops.cast(value, dtype) for value in values)

    numbers = rule.prepare(scalars, _updates_before(step) + 1, wide)
    return cast(*numbers), cast(scalars.weight_decay, scalars.learning_rate)


def _moved(
    options: Options,
    numbers: tuple[tuple[Any, ...], tuple[Any, ...]],
    decays: bool,
    gradient: Any,
    weight: Any,
    *slots: Any,
) -> tuple[Any, ...]:
    """Return a weight and its slots after one step."""
    of_rule, (weight_decay, rate) = numbers
    gradient = ops.cast(gradient, weight.dtype)
    if options.weight_decay and decays:
        decay = weight * weight_decay
        weight = weight - (decay if options.independent_weight_decay else decay * rate)
    return RULES[options.rule].move(of_rule, gradient, weight, *slots)


def _clipped(options: Options, gradients: list[Any]) -> list[Any]:
    if options.clipvalue > 0:
        return [ops.clip(g, -options.clipvalue, options.clipvalue) for g in gradients]
    if options.clipnorm > 0:
        return [_clipped_to(options.clipnorm, g) for g in gradients]
    if options.global_clipnorm > 0:
        factor = _global_factor(options.global_clipnorm, gradients)
        return [g * ops.cast(factor, g.dtype) for g in gradients]
    return gradients


def _clipped_to(clip: float, gradient: Any) -> Any:
    norm = ops.sqrt(ops.sum(ops.square(gradient)))
    return gradient * clip / ops.maximum(norm, ops.cast(clip, norm.dtype))


def _global_factor(clip: float, gradients: list[Any]) -> Any:
    """Return the factor that clips the norm, NaN if the norm is not finite."""
    squares = ops.stack([ops.sum(ops.square(g)) for g in gradients])
    norm = ops.sqrt(ops.sum(squares))
    return clip * ops.minimum(1.0 / norm, 1.0 / clip) + (norm - norm)


def _averaged(step: Step, arrays: Arrays) -> Arrays:
    options, updates = step.options, _updates_before(step)
    averages = [
        _next_average(options, updates, weight, average)
        for weight, average in zip(arrays.weights, arrays.averages, strict=True)
    ]
    weights = arrays.weights
    if options.ema_overwrite_frequency:
        ends = ops.equal((updates + 1) % options.ema_overwrite_frequency, 0)
        pairs = zip(weights, averages, strict=True)
        weights = [ops.where(ends, average, weight) for weight, average in pairs]
    return dataclasses.replace(arrays, weights=weights, averages=averages)


def _next_average(options: Options, updates: Any, weight: Any, average: Any) -> Any:
    """Return the next moving average of a weight; the first is the weight itself."""
    later = ops.cast(ops.not_equal(updates, 0), weight.dtype)
    momentum = later * options.ema_momentum
    return momentum * average + (1 - momentum) * weight
