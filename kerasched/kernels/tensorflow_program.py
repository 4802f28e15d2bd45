"""The XLA program by which TensorFlow calls the kernel on variables, in place.

TensorFlow has no public way to call a foreign function on variables in place. Its XLA
has one: the kernel's handler is registered in the XLA that TensorFlow contains, and a
StableHLO program with a single custom call runs it. TensorFlow promises neither the
registration nor the operation, so that a self-test decides at first use.
"""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import tensorflow as tf

from kerasched.kernels import native
from kerasched.kernels.options import ITERATIONS
from kerasched.kernels.options import Options

CALL_VERSION = 9  # Of XlaCallModule: TensorFlow 2.21 takes 4 to 10.
MLIR_TYPES = {"float32": "f32", "float64": "f64", "bfloat16": "bf16"}


def register() -> str:
    """Register the handler in TensorFlow's XLA; return why not, or an empty text."""
    folder = Path(tf.sysconfig.get_lib())
    suffix = "dylib" if sys.platform == "darwin" else "so"
    found = sorted(folder.glob(f"libtensorflow_cc*{suffix}*"))
    if not found:
        raise FileNotFoundError(f"{folder} holds no libtensorflow_cc")
    return native.register_in_tensorflow(str(found[0]))


def compiled(
    options: Options,
    decays: tuple[bool, ...],
    variables: list[tf.Variable],
    real: tf.DType,
) -> Callable[..., Any]:
    """Return a function of scalars and gradients that updates the variables.

    It returns whether it did: True, or a tensor where the options may skip a step.

    Args:
        options: the options of the update.
        decays: for each weight whether weight decay applies to it.
        variables: the weights and their slots, list after list.
        real: the type of the scalars.
    """
    text = _stablehlo(options, decays, variables, real)
    dtypes = [v.dtype for v in variables]
    shapes = [v.shape for v in variables]
    skips = options.skips_nonfinite
    scalars = options.scalars
    call = _call_module()

    @tf.function(jit_compile=True, autograph=False)
    def run(*operands: tf.Tensor) -> Any:
        values = [v.read_value() for v in variables]
        results = call(
            args=[*operands[:scalars], *values, *operands[scalars:]],
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
    """Return the operation that runs a StableHLO program.

    It is not in tf.raw_ops. If it moves, the self-test gives that as the reason, and
    tests/kernels/test_tensorflow.py fails.
    """
    from tensorflow.compiler.tf2xla.ops import gen_xla_ops

    return gen_xla_ops.xla_call_module


def _stablehlo(
    options: Options,
    decays: tuple[bool, ...],
    variables: list[tf.Variable],
    real: tf.DType,
) -> str:
    """Return the text of the program: one call, whose results replace its operands."""
    scalars = [f"tensor<{MLIR_TYPES[real.name]}>"] * options.scalars
    scalars[ITERATIONS] = "tensor<i64>"
    arrays = [_type(v) for v in variables]
    gradients = arrays[: len(decays)]
    operands = scalars + arrays + gradients
    names = [f"%{i}" for i in range(len(operands))]
    parameters = ", ".join(map("{}: {}".format, names, operands))
    results = arrays + ["tensor<i1>"] * options.skips_nonfinite
    many = len(results) > 1
    returned = ", ".join(f"%r#{i}" if many else "%r" for i in range(len(results)))
    types = ", ".join(results)
    aliases = ", ".join(
        "#stablehlo.output_operand_alias<"
        f"output_tuple_indices = [{i if many else ''}], "
        f"operand_index = {len(scalars) + i}, "
        "operand_tuple_indices = []>"
        for i in range(len(arrays))
    )
    return f"""module {{ func.func public @main({parameters}) -> ({types}) {{
    %r{f":{len(results)}" if many else ""} = stablehlo.custom_call
      @{native.ffi_target()}({", ".join(names)}) {{
        api_version = 4 : i32, backend_config = {{{_attributes(options, decays)}}},
        output_operand_aliases = [{aliases}]
      }} : ({", ".join(operands)}) -> ({types})
    return {returned} : {types} }} }}"""


def _type(variable: tf.Variable) -> str:
    sizes = "".join(f"{size}x" for size in variable.shape)
    return f"tensor<{sizes}{MLIR_TYPES[variable.dtype.name]}>"


def _attributes(options: Options, decays: tuple[bool, ...]) -> str:
    given = [f"{name} = {_literal(value)}" for name, value in vars(options).items()]
    flags = ", ".join(str(int(decay)) for decay in decays)
    return ", ".join([*given, f"decays = array<i64: {flags}>"])


def _literal(value: bool | int | float | str) -> str:
    if isinstance(value, str):
        return f'"{value}"'
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return f"{value} : i64"
    return f"{value:.17e} : f64"
