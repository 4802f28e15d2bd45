"""The update in TensorFlow: the compiled kernel, called from an XLA program."""

import dataclasses
import functools
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import tensorflow as tf

from kerasched.kernels import scratch
from kerasched.kernels import self_test
from kerasched.kernels import tensorflow_program
from kerasched.kernels import tensorflow_strategy
from kerasched.kernels.options import ITERATIONS
from kerasched.kernels.options import Scalars
from kerasched.kernels.options import Step
from kerasched.kernels.tensorflow_graph import is_computed_here
from kerasched.kernels.tensorflow_graph import under_xla
from kerasched.kernels.tensorflow_variables import components_of
from kerasched.kernels.tensorflow_variables import resource_of


def update(step: Step) -> Any:
    """Run one step on variables, in place, eagerly or inside of a graph.

    Returns:
        Whether it was applied: True, or a tensor where the options may skip it.
    """
    variables = [resource_of(v) for v in step.variables.flat()]
    scalars = _operands(step.scalars, step.variables.weights)
    given = (step.options, step.decays, variables, scalars[0].dtype)
    key = (step.options, step.decays, tuple(id(v) for v in variables))
    if tf.executing_eagerly():
        if key not in step.cache:
            step.cache[key] = tensorflow_program.compiled(*given)
        program = step.cache[key]
    else:  # A graph is traced once, so that its program need not be found again.
        program = tensorflow_program.compiled(*given)
    gradients = _dense(step)
    _write_to_scratch(step, gradients)
    return program(*scalars, *gradients)


def writer(held: Any) -> Callable[[tf.Tensor], Any]:
    """Return a function that writes a tensor to a variable, in one operation if it can.

    EpochSchedule writes a number for each batch. A variable under a strategy lies on
    several devices.
    """
    if isinstance(held, tf.distribute.DistributedValues):
        return functools.partial(held.assign, read_value=False)
    handle, assign = held.handle, tf.raw_ops.AssignVariableOp
    return lambda value: assign(resource=handle, value=value)


def unsupported(step: Step) -> str:
    """Return why the kernel cannot run a step, or an empty text."""
    taken = (tf.Tensor, tf.IndexedSlices) if _may_densify(step) else tf.Tensor
    if not all(isinstance(g, taken) for g in step.gradients):
        return "a gradient is sparse"
    pairs = zip(step.gradients, step.variables.weights, strict=True)
    if not all(g.shape.is_compatible_with(w.shape) for g, w in pairs):
        return "a gradient is of another shape than its weight"
    devices = [c.device for v in step.variables.flat() for c in components_of(v)]
    if any("CPU" not in device.upper() for device in devices if device):
        return "a variable is not on the CPU"
    return ""


@functools.cache
def unavailable() -> str:
    """Return why the kernel cannot run in this process, or an empty text."""
    run = functools.partial(_in_another_thread, _run_self_test)
    return self_test.xla_failure("TensorFlow", tensorflow_program.register, run)


def _run_self_test(step: Step) -> list[np.ndarray]:
    with tf.device("CPU:0"):
        gradients = list(map(tf.constant, step.gradients))
        variables = step.variables.like(list(map(tf.Variable, step.variables.flat())))
        update(dataclasses.replace(step, gradients=gradients, variables=variables))
        return [variable.numpy() for variable in variables.flat()]


def _operands(scalars: Scalars, weights: list[Any]) -> list[tf.Tensor]:
    """Return the scalars as tensors, in the order of the program's operands."""
    wide = any(weight.dtype in ("float64", tf.float64) for weight in weights)
    real = tf.float64 if wide else tf.float32
    numbers = list(map(tf.convert_to_tensor, scalars.flat()))
    types = [real] * len(numbers)
    types[ITERATIONS] = tf.int64
    return list(map(tf.cast, numbers, types))


def _dense(step: Step) -> list[tf.Tensor]:
    """Return dense gradients that have their weights' static shapes."""
    pairs = zip(step.gradients, step.variables.weights, strict=True)
    return [tf.ensure_shape(tf.convert_to_tensor(g), w.shape) for g, w in pairs]


def _may_densify(step: Step) -> bool:
    """Return whether sparse gradients may be made dense, as Keras makes them.

    Keras does so where the rule has slots: every row moves by them. Without any it
    changes only the rows that the gradient has. It clips gradients, and checks
    that they are finite, before it adds up rows that occur twice, so that neither may
    be done here. Outside of XLA the order of these operations shows in the last bits.
    Replicas of a strategy clip their gradients before they are summed and made dense.
    """
    if tensorflow_strategy.in_use():
        return tensorflow_strategy.densifies(step)
    options = step.options
    by_row = options.clips or options.skips_nonfinite
    return options.slots > 0 and not by_row and under_xla()


def _write_to_scratch(step: Step, gradients: list[tf.Tensor]) -> None:
    """Let XLA compute gradients in the memory of variables, where that pays.

    XLA writes the value that is assigned to a variable over the old one, and the kernel
    reads it there. Gradients that another program computed would be copied.
    """
    weights = step.variables.weights
    if not under_xla() or not scratch.pays(weights):
        return
    if not all(map(is_computed_here, step.gradients)):
        return
    keys = [("scratch", id(resource_of(weight))) for weight in weights]
    pairs = zip(keys, gradients, strict=True)
    lacking = {key: gradient for key, gradient in pairs if key not in step.cache}
    if lacking:
        step.cache.update(_in_another_thread(_scratch_variables, lacking))
    for key, gradient in zip(keys, gradients, strict=True):
        step.cache[key].assign(gradient, read_value=False)


def _scratch_variables(gradients: dict[Any, tf.Tensor]) -> dict[Any, tf.Variable]:
    """Return a new variable on the CPU for each gradient."""
    with tf.device("CPU:0"):
        return {
            key: tf.Variable(tf.zeros(gradient.shape, gradient.dtype), trainable=False)
            for key, gradient in gradients.items()
        }


def _in_another_thread(function: Callable[..., Any], *arguments: Any) -> Any:
    """Return the result of a function that creates variables.

    A tf.function in which a variable is created is traced twice, or raises, even within
    tf.init_scope. Tracing affects its own thread alone.
    """
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(function, *arguments).result()
