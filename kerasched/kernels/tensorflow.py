"""The update in TensorFlow: the compiled kernel inside of an XLA program.

TensorFlow has no public way to call a function of ours on variables in place. Its XLA
has: the handler is registered in the XLA that TensorFlow carries, and a program of
three lines calls it. Neither the registration nor the program's text is promised by
TensorFlow, so that a trial decides at first use.
"""

import functools
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from kerasched.kernels import native
from kerasched.kernels import scratch
from kerasched.kernels import trial
from kerasched.kernels.options import Arrays
from kerasched.kernels.options import Options
from kerasched.kernels.options import Scalars
from kerasched.kernels.options import Step

SCALARS = 5  # Operands before the arrays; csrc/xla_handler.h lists them.
CALL_VERSION = 9  # Of XlaCallModule: TensorFlow 2.21 takes 4 to 10.
# What makes a tensor that is an argument of a program, or a variable's value.
MADE_ELSEWHERE = ("Placeholder", "ReadVariableOp")
TYPES = {"float32": "f32", "float64": "f64", "bfloat16": "bf16"}


def update(step: Step) -> Any:
    """Do one step on variables, in place, eagerly or inside of a graph.

    Returns:
        Whether it was done: True, or a tensor where the options may skip it.
    """
    variables = [resource_of(v) for v in step.variables.flat()]
    key = (step.options, step.decays, tuple(id(v) for v in variables))
    if tf.executing_eagerly():
        if key not in step.cache:
            step.cache[key] = _program(step, variables)
        program = step.cache[key]
    else:  # A graph is made once; what it calls need not be found again.
        program = _program(step, variables)
    gradients = _shaped(step)
    _keep(step, gradients)
    return program(*_numbers(step), *gradients)


def write_of(held: Any) -> Callable[[tf.Tensor], Any]:
    """Return what writes a tensor into a variable, by one operation if that is enough.

    EpochSchedule writes a number for each batch. A variable under a strategy lies on
    several devices.
    """
    if isinstance(held, tf.distribute.DistributedValues):
        return functools.partial(held.assign, read_value=False)
    handle, assign = held.handle, tf.raw_ops.AssignVariableOp
    return lambda value: assign(resource=handle, value=value)


def unsuited(step: Step) -> str:
    """Return why the kernel cannot do a step, or an empty text."""
    if tf.distribute.has_strategy():
        return "a tf.distribute strategy is in use"
    taken = (tf.Tensor, tf.IndexedSlices) if _makes_dense(step) else tf.Tensor
    if not all(isinstance(g, taken) for g in step.gradients):
        return "a gradient is sparse"
    pairs = zip(step.gradients, step.variables.weights, strict=True)
    if not all(g.shape.is_compatible_with(w.shape) for g, w in pairs):
        return "a gradient is of another shape than its weight"
    variables = [resource_of(v) for v in step.variables.flat()]
    if any("CPU" not in v.device.upper() for v in variables if v.device):
        return "a variable is not on the CPU"
    return ""


def has_replicas() -> bool:
    """Return whether a tf.distribute strategy of several replicas is in use."""
    return tf.distribute.get_strategy().num_replicas_in_sync > 1


def decay_in_replicas(weights: list[Any], rate: Any, weight_decay: float) -> None:
    """Decay the weights of all replicas, by the product of two numbers, as Keras does.

    Keras asks for the rate again for each weight, in the thread that all replicas wait
    for; here each replica hands over its own.
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


@functools.cache
def unavailable() -> str:
    """Return why the kernel cannot run in this process, or an empty text."""
    return trial.refusal("TensorFlow", _register, _on_trial)


def _register() -> str:
    return native.register_in_tensorflow(_library())


def _library() -> str:
    """Return the path of the library that holds TensorFlow's XLA."""
    folder = Path(tf.sysconfig.get_lib())
    suffix = "dylib" if sys.platform == "darwin" else "so"
    found = sorted(folder.glob(f"libtensorflow_cc*{suffix}*"))
    if not found:
        raise FileNotFoundError(f"{folder} holds no libtensorflow_cc")
    return str(found[0])


def _on_trial(
    options: Options, scalars: Scalars, arrays: Arrays, gradients: list[np.ndarray]
) -> list[np.ndarray]:
    return _elsewhere(_tried, options, scalars, arrays, gradients)


def _tried(
    options: Options, scalars: Scalars, arrays: Arrays, gradients: list[np.ndarray]
) -> list[np.ndarray]:
    with tf.device("CPU:0"):
        variables = arrays.like([tf.Variable(x) for x in arrays.flat()])
        there = [tf.constant(g) for g in gradients]
        update(Step(options, scalars, there, variables, (True,) * len(gradients)))
        return [v.numpy() for v in variables.flat()]


def resource_of(variable: Any) -> tf.Variable:
    """Return TensorFlow's variable inside one of Keras, or the variable itself."""
    return variable if isinstance(variable, tf.Variable) else variable.value


def _numbers(step: Step) -> list[tf.Tensor]:
    wide = any(v.dtype in ("float64", tf.float64) for v in step.variables.weights)
    real = tf.float64 if wide else tf.float32
    scalars = step.scalars
    reals = (
        scalars.learning_rate,
        scalars.momentum,
        scalars.weight_decay,
        scalars.loss_scale,
    )
    iterations = tf.cast(tf.convert_to_tensor(scalars.iterations), tf.int64)
    return [*(tf.cast(tf.convert_to_tensor(x), real) for x in reals), iterations]


def _shaped(step: Step) -> list[tf.Tensor]:
    """Return dense gradients that have their weights' static shapes."""
    pairs = zip(step.gradients, step.variables.weights, strict=True)
    return [tf.ensure_shape(tf.convert_to_tensor(g), w.shape) for g, w in pairs]


def _keep(step: Step, gradients: list[tf.Tensor]) -> None:
    """Let XLA compute gradients straight into variables, where that pays.

    It writes what a variable is assigned over what it was, and the kernel reads it
    there. Gradients that were not made in this program would be copied.
    """
    weights = step.variables.weights
    if not under_xla() or not scratch.pays(weights):
        return
    if not all(map(_made_here, step.gradients)):
        return
    keys = [("scratch", id(resource_of(weight))) for weight in weights]
    lacking = {
        k: g for k, g in zip(keys, gradients, strict=True) if k not in step.cache
    }
    if lacking:
        step.cache.update(_elsewhere(_receivers, lacking))
    for key, gradient in zip(keys, gradients, strict=True):
        step.cache[key].assign(gradient, read_value=False)


def _receivers(gradients: dict[Any, tf.Tensor]) -> dict[Any, tf.Variable]:
    """Return a new variable like each gradient, in the memory of the computer."""
    with tf.device("CPU:0"):
        return {
            key: tf.Variable(tf.zeros(gradient.shape, gradient.dtype), trainable=False)
            for key, gradient in gradients.items()
        }


def _elsewhere(function: Callable[..., Any], *arguments: Any) -> Any:
    """Return what a function returns in another thread.

    A tf.function that sees a variable being made is traced twice, or refuses; even
    within tf.init_scope. What is traced now is seen in its own thread alone.
    """
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(function, *arguments).result()


def _made_here(gradient: Any) -> bool:
    """Return whether an operation of the graph that is traced now makes a gradient."""
    sparse = isinstance(gradient, tf.IndexedSlices)
    tensor = gradient.values if sparse else gradient
    while tf.is_symbolic_tensor(tensor) and tensor.op.type == "Identity":
        tensor = tensor.op.inputs[0]
    return tf.is_symbolic_tensor(tensor) and tensor.op.type not in MADE_ELSEWHERE


def _makes_dense(step: Step) -> bool:
    """Return whether sparse gradients may be made dense, as Keras makes them.

    Keras does so where there is a momentum: every row moves by its velocity. Without
    one it touches only the rows that the gradient has. It clips before, and asks if
    all is finite, a row that comes twice as two; so neither may be done here. Outside
    of XLA the order of the product with the rate and the sum of rows shows in the last
    bits.
    """
    options = step.options
    by_row = options.clips or options.skips_nonfinite
    return options.momentum and not by_row and under_xla()


def under_xla() -> bool:
    """Return whether XLA compiles what is traced now.

    Nothing public tells. Where TensorFlow moves what does, Keras updates models with
    sparse gradients again, and tests/kernels/test_tensorflow.py fails.
    """
    if tf.executing_eagerly():
        return False
    try:
        from tensorflow.python.ops import control_flow_util

        graph = tf.compat.v1.get_default_graph()
        return control_flow_util.GraphOrParentsInXlaContext(graph)
    except (ImportError, AttributeError):
        return False


def _program(step: Step, variables: list[tf.Variable]) -> Callable[..., Any]:
    """Return a function of the numbers and gradients that updates the variables."""
    text = _text(step.options, step.decays, variables, _numbers(step)[0].dtype)
    dtypes = [v.dtype for v in variables]
    shapes = [v.shape for v in variables]
    skips = step.options.skips_nonfinite
    call = _call_module()

    @tf.function(jit_compile=True, autograph=False)
    def run(*operands: tf.Tensor) -> Any:
        values = [v.read_value() for v in variables]
        results = call(
            args=[*operands[:SCALARS], *values, *operands[SCALARS:]],
            version=CALL_VERSION,
            module=text,
            Sout=shapes + [()] * skips,
            Tout=dtypes + [tf.bool] * skips,
            platforms=["CPU"],
        )
        for variable, value in zip(variables, results[: len(variables)], strict=True):
            variable.assign(value, read_value=False)
        return results[-1] if skips else True

    return run


def _call_module() -> Callable[..., list[tf.Tensor]]:
    """Return the operation that runs a program of XLA.

    It is not among tf.raw_ops. Where it moves, the trial says so, and
    tests/kernels/test_tensorflow.py tells.
    """
    from tensorflow.compiler.tf2xla.ops import gen_xla_ops

    return gen_xla_ops.xla_call_module


def _text(
    options: Options,
    decays: tuple[bool, ...],
    variables: list[tf.Variable],
    real: tf.DType,
) -> str:
    """Return the program in XLA's language: one call, in place."""
    scalars = [f"tensor<{TYPES[real.name]}>"] * (SCALARS - 1) + ["tensor<i64>"]
    arrays = [_type(v) for v in variables]
    gradients = arrays[: len(decays)]
    operands = scalars + arrays + gradients
    names = [f"%{i}" for i in range(len(operands))]
    parameters = ", ".join(map("{}: {}".format, names, operands))
    results = arrays + ["tensor<i1>"] * options.skips_nonfinite
    many = len(results) > 1
    made = ", ".join(f"%r#{i}" if many else "%r" for i in range(len(results)))
    types = ", ".join(results)
    aliases = ", ".join(
        "#stablehlo.output_operand_alias<"
        f"output_tuple_indices = [{i if many else ''}], operand_index = {SCALARS + i}, "
        "operand_tuple_indices = []>"
        for i in range(len(arrays))
    )
    return f"""module {{ func.func public @main({parameters}) -> ({types}) {{
    %r{f":{len(results)}" if many else ""} = stablehlo.custom_call
      @{native.ffi_target()}({", ".join(names)}) {{
        api_version = 4 : i32, backend_config = {{{_attributes(options, decays)}}},
        output_operand_aliases = [{aliases}]
      }} : ({", ".join(operands)}) -> ({types})
    return {made} : {types} }} }}"""


def _type(variable: tf.Variable) -> str:
    sizes = "".join(f"{size}x" for size in variable.shape)
    return f"tensor<{sizes}{TYPES[variable.dtype.name]}>"


def _attributes(options: Options, decays: tuple[bool, ...]) -> str:
    given = [f"{name} = {_literal(value)}" for name, value in vars(options).items()]
    marks = ", ".join(str(int(decay)) for decay in decays)
    return ", ".join([*given, f"decays = array<i64: {marks}>"])


def _literal(value: bool | int | float) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return f"{value} : i64"
    return f"{value!r} : f64" if "." in repr(value) else f"{value:.17e} : f64"
