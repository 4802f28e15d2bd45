"""The calls of the compiled kernel from a JAX program, on arrays of one device."""

from typing import Any

import jax
import numpy as np

from kerasched.kernels import native
from kerasched.kernels.options import ITERATIONS
from kerasched.kernels.options import LOSS_SCALE
from kerasched.kernels.options import Options

# csrc/xla_handler.h lists the operands of both calls.

# The options that the first pass over the gradients uses, for any update rule.
STATISTICS_OPTIONS = (
    "clipnorm",
    "global_clipnorm",
    "gradient_accumulation_steps",
    "unscales",
    "skips_nonfinite",
)


def register() -> None:
    """Register the handlers of the kernel in JAX."""
    for target, handler in native.ffi_handlers().items():
        jax.ffi.register_ffi_target(target, handler, platform="cpu")


def groups(options: Options) -> int:
    """Return the number of arrays that an update changes, for each weight."""
    return 1 + options.slots + options.use_ema + options.accumulates


def update(
    options: Options,
    decays: tuple[bool, ...],
    *operands: Any,
    statistics: Any = None,
) -> tuple[Any, ...]:
    """Return the changed arrays, and whether the step was applied if it may be skipped.

    Args:
        options: the options of the update.
        decays: for each weight whether weight decay applies to it.
        operands: the scalars, the arrays that change, and the gradients.
        statistics: those of whole gradients, if the arrays are shards; None to let the
            kernel compute them.
    """
    first = options.scalars
    changed = operands[first : first + groups(options) * len(decays)]
    applied = [jax.ShapeDtypeStruct((), bool)] * options.skips_nonfinite
    call = jax.ffi.ffi_call(
        native.ffi_target(),
        [jax.ShapeDtypeStruct(x.shape, x.dtype) for x in changed] + applied,
        input_output_aliases={first + i: i for i in range(len(changed))},
    )
    if statistics is not None:
        operands = (*operands, statistics)
    attributes = {**_attributes(options), "decays": np.array(decays, np.int64)}
    return tuple(call(*operands, **attributes))


def statistics(options: Options, count: int, *operands: Any) -> Any:
    """Return the statistics of the gradients in the operands of an update.

    A vector: the sum of squares of each gradient, 0 if no norm is clipped; then 0, or 1
    if a gradient is not finite.

    Args:
        options: the options of the update.
        count: the number of weights.
        operands: those of the update.
    """
    loss_scale = operands[LOSS_SCALE]
    arrays = operands[options.scalars :]
    before = count * (1 + options.slots)  # The weights and the slots.
    sums = arrays[before : before + count * options.accumulates]
    result = jax.ShapeDtypeStruct((count + 1,), loss_scale.dtype)
    call = jax.ffi.ffi_call(native.ffi_statistics_target(), result)
    attributes = _attributes(options)
    used = {name: attributes[name] for name in STATISTICS_OPTIONS}
    return call(loss_scale, operands[ITERATIONS], *sums, *arrays[-count:], **used)


def _attributes(options: Options) -> dict[str, Any]:
    numpy_type = {bool: np.bool_, float: np.float64, int: np.int64, str: str}
    return {
        name: numpy_type[type(value)](value) for name, value in vars(options).items()
    }
