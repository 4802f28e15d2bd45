"""The update in JAX: the compiled kernel on a CPU, plain XLA on any other device.

One program holds both, and XLA keeps the one for the device it compiles for. It is
partitioned like an elementwise operation, so that sharded weights stay where they are.
"""

import dataclasses
import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.experimental.custom_partitioning import custom_partitioning
from jax.sharding import NamedSharding
from jax.sharding import PartitionSpec

from kerasched.kernels import native
from kerasched.kernels import reference
from kerasched.kernels import trial
from kerasched.kernels.options import Arrays
from kerasched.kernels.options import Options
from kerasched.kernels.options import Scalars
from kerasched.kernels.options import Step

# How many numbers are taken apart at once: more compile for longer.
PART = 16
SCALARS = 5  # Operands before the arrays; csrc/xla_handler.h lists them.


def update(step: Step) -> Any:
    """Do one step on variables, by assigning their new values.

    Returns:
        Whether it was done: True, or a tensor where the options may skip it.
    """
    gradients = _kept(step.scratch, step.gradients)
    return reference.assign(dataclasses.replace(step, gradients=gradients), compute)


def on_cpu() -> bool:
    """Return whether JAX computes on a CPU where nothing else is asked for."""
    return jax.default_backend() == "cpu"


def compute(
    options: Options,
    decays: tuple[bool, ...],
    scalars: Scalars,
    arrays: Arrays,
    gradients: list[Any],
) -> tuple[Arrays, Any]:
    """Return what the arrays are after one step, and whether it was done."""
    flat = arrays.flat()
    wide = any(value.dtype == "float64" for value in flat)
    real = jnp.float64 if wide else jnp.float32
    numbers = [
        jnp.asarray(scalars.learning_rate, real),
        jnp.asarray(scalars.momentum, real),
        jnp.asarray(scalars.weight_decay, real),
        jnp.asarray(scalars.loss_scale, real),
        jnp.asarray(scalars.iterations),
    ]
    kinds = tuple((value.shape, str(value.dtype)) for value in arrays.weights)
    program = _program(options, decays, kinds)
    results = program(*numbers, *flat, *gradients)
    done = results[len(flat)] if options.skips_nonfinite else True
    return arrays.like(results[: len(flat)]), done


def parted(numbers: np.ndarray) -> list[Any]:
    """Return the numbers of a vector as JAX's; list() of an array compiles for seconds.

    EpochSchedule writes them, one for each batch.
    """
    padded = np.pad(numbers, (0, -len(numbers) % PART))
    parts = [_part(padded[i : i + PART]) for i in range(0, len(padded), PART)]
    return [number for part in parts for number in part][: len(numbers)]


_part = jax.jit(tuple)


def unsuited(step: Step) -> str:
    """Return why the kernel cannot do a step, or an empty text."""
    if any(not isinstance(g, jax.Array) for g in step.gradients):
        return "a gradient is sparse"
    pairs = zip(step.gradients, step.variables.weights, strict=True)
    if any(tuple(g.shape) != tuple(w.shape) for g, w in pairs):
        return "a gradient is of another shape than its weight"
    looks_at_all = step.options.clips_norm or step.options.skips_nonfinite
    if looks_at_all and jax.device_count() > 1:
        return "all gradients are looked at before, over several devices"
    return ""


@functools.cache
def unavailable() -> str:
    """Return why the kernel cannot run in this process, or an empty text."""
    return trial.refusal("JAX", _register, _on_trial)


def _register() -> str:
    target, handler = native.ffi_target(), native.ffi_handler()
    jax.ffi.register_ffi_target(target, handler, platform="cpu")
    return ""


def _on_trial(
    options: Options, scalars: Scalars, arrays: Arrays, gradients: list[np.ndarray]
) -> list[np.ndarray]:
    cpu = jax.local_devices(backend="cpu")[0]
    with jax.ensure_compile_time_eval(), jax.default_device(cpu):
        given = arrays.like([jnp.asarray(x) for x in arrays.flat()])
        there = [jnp.asarray(g) for g in gradients]
        decays = (True,) * len(gradients)
        new, _ = compute(options, decays, scalars, given, there)
        return [np.asarray(x) for x in new.flat()]


def _kept(scratch: list[Any], gradients: list[Any]) -> list[Any]:
    """Return gradients that XLA computes straight into the scratch variables.

    The barrier holds the old value as an input, which would be dropped as unused, and
    with it the memory.
    """
    if not scratch:
        return gradients
    old = [variable.value for variable in scratch]
    gradients, _ = jax.lax.optimization_barrier((list(gradients), old))
    for variable, gradient in zip(scratch, gradients, strict=True):
        variable.assign(gradient)
    return gradients


@functools.lru_cache(maxsize=64)
def _program(
    options: Options, decays: tuple[bool, ...], kinds: tuple[tuple[Any, str], ...]
) -> Any:
    """Return the update of weights of these shapes and types, on operands in a row."""
    count = len(kinds)
    groups = 1 + options.momentum + options.use_ema
    groups += options.gradient_accumulation_steps > 1

    def body(*operands: Any) -> tuple[Any, ...]:
        return jax.lax.platform_dependent(
            *operands,
            cpu=functools.partial(_call, options, decays, groups),
            default=functools.partial(_plain, options, decays),
        )

    def partition(mesh: Any, operands: Any, results: Any) -> Any:
        del results
        arrays = tuple(x.sharding for x in operands[SCALARS : SCALARS + count])
        scalar = (NamedSharding(mesh, PartitionSpec()),)
        made = arrays * groups + scalar * options.skips_nonfinite
        return mesh, body, made, scalar * SCALARS + arrays * (groups + 1)

    def shardings(mesh: Any, operands: Any, results: Any) -> Any:
        del results
        arrays = tuple(x.sharding for x in operands[SCALARS : SCALARS + count])
        scalar = (NamedSharding(mesh, PartitionSpec()),)
        return arrays * groups + scalar * options.skips_nonfinite

    partitioned = custom_partitioning(body)
    partitioned.def_partition(
        partition=partition,
        infer_sharding_from_operands=shardings,
        sharding_rule=_sharding_rule(kinds, groups, options.skips_nonfinite),
    )
    return jax.jit(partitioned, inline=True)


def _sharding_rule(
    kinds: tuple[tuple[Any, str], ...], groups: int, says_if_done: bool
) -> str:
    """Return that all arrays of one weight are sharded alike, in each dimension."""
    factors = [
        " ".join(f"w{i}d{axis}" for axis in range(len(shape)))
        for i, (shape, _) in enumerate(kinds)
    ]
    operands = [""] * SCALARS + factors * (groups + 1)
    results = factors * groups + [""] * says_if_done
    return f"{', '.join(operands)} -> {', '.join(results)}"


def _call(
    options: Options, decays: tuple[bool, ...], groups: int, *operands: Any
) -> tuple[Any, ...]:
    changed = operands[SCALARS : SCALARS + groups * len(decays)]
    done = [jax.ShapeDtypeStruct((), bool)] * options.skips_nonfinite
    call = jax.ffi.ffi_call(
        native.ffi_target(),
        [jax.ShapeDtypeStruct(x.shape, x.dtype) for x in changed] + done,
        input_output_aliases={SCALARS + i: i for i in range(len(changed))},
    )
    return tuple(call(*operands, **_attributes(options, decays)))


def _attributes(options: Options, decays: tuple[bool, ...]) -> dict[str, Any]:
    numpy_type = {bool: np.bool_, float: np.float64, int: np.int64}
    given = {
        name: numpy_type[type(value)](value) for name, value in vars(options).items()
    }
    return {**given, "decays": np.array(decays, np.int64)}


def _plain(
    options: Options, decays: tuple[bool, ...], *operands: Any
) -> tuple[Any, ...]:
    count = len(decays)
    items = list(operands[SCALARS:])
    lists = [items[i : i + count] for i in range(0, len(items), count)]
    velocities = lists.pop(1) if options.momentum else []
    sums = lists.pop(1) if options.gradient_accumulation_steps > 1 else []
    averages = lists.pop(1) if options.use_ema else []
    weights, gradients = lists
    arrays = Arrays(weights, velocities, sums, averages)
    rate, momentum, decay, loss_scale, iterations = operands[:SCALARS]
    scalars = Scalars(rate, momentum, decay, iterations, loss_scale)
    new, done = reference.compute(options, decays, scalars, arrays, gradients)
    return (*new.flat(), *([done] if options.skips_nonfinite else []))
