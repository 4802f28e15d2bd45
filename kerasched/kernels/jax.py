"""The update in JAX: the compiled kernel on a CPU, plain XLA on any other device.

One program contains both, and XLA keeps the one for the device it compiles for. It is
partitioned like an elementwise operation, so that sharded weights stay sharded.
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

from kerasched.kernels import jax_scratch
from kerasched.kernels import native
from kerasched.kernels import reference
from kerasched.kernels import self_test
from kerasched.kernels.options import Arrays
from kerasched.kernels.options import Options
from kerasched.kernels.options import Scalars
from kerasched.kernels.options import Step

# How many elements are split off at once: more compile for longer.
CHUNK = 16
SCALARS = 5  # Operands before the arrays; csrc/xla_handler.h lists them.


def update(step: Step) -> Any:
    """Run one step on variables, by assigning their new values.

    Returns:
        Whether it was applied: True, or a tensor where the options may skip it.
    """
    gradients = jax_scratch.receive(step.gradients, step.scratch)
    return reference.assign(dataclasses.replace(step, gradients=gradients), compute)


def on_cpu() -> bool:
    """Return whether the default device of JAX is a CPU."""
    return jax.default_backend() == "cpu"


def compute(
    options: Options,
    decays: tuple[bool, ...],
    scalars: Scalars,
    arrays: Arrays,
    gradients: list[Any],
) -> tuple[Arrays, Any]:
    """Return the arrays after one step, and whether the step was applied."""
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
    applied = results[len(flat)] if options.skips_nonfinite else True
    return arrays.like(results[: len(flat)]), applied


def unstack(numbers: np.ndarray) -> list[Any]:
    """Return the elements of a vector as JAX arrays.

    EpochSchedule writes one for each batch. list() of an array compiles for seconds.
    """
    padded = np.pad(numbers, (0, -len(numbers) % CHUNK))
    chunks = [_unstack(padded[i : i + CHUNK]) for i in range(0, len(padded), CHUNK)]
    return [number for chunk in chunks for number in chunk][: len(numbers)]


_unstack = jax.jit(tuple)


def unsupported(step: Step) -> str:
    """Return why the kernel cannot run a step, or an empty text."""
    if any(not isinstance(g, jax.Array) for g in step.gradients):
        return "a gradient is sparse"
    pairs = zip(step.gradients, step.variables.weights, strict=True)
    if any(tuple(g.shape) != tuple(w.shape) for g, w in pairs):
        return "a gradient is of another shape than its weight"
    reads_all_first = step.options.clips_norm or step.options.skips_nonfinite
    if reads_all_first and jax.device_count() > 1:
        return "a norm or a check needs the gradients of several devices"
    return ""


@functools.cache
def unavailable() -> str:
    """Return why the kernel cannot run in this process, or an empty text."""
    return self_test.xla_failure("JAX", _register, _run_self_test)


def _register() -> str:
    target, handler = native.ffi_target(), native.ffi_handler()
    jax.ffi.register_ffi_target(target, handler, platform="cpu")
    return ""


def _run_self_test(
    options: Options, scalars: Scalars, arrays: Arrays, gradients: list[np.ndarray]
) -> list[np.ndarray]:
    cpu = jax.local_devices(backend="cpu")[0]
    with jax.ensure_compile_time_eval(), jax.default_device(cpu):
        given = arrays.like([jnp.asarray(x) for x in arrays.flat()])
        there = [jnp.asarray(g) for g in gradients]
        decays = (True,) * len(gradients)
        new, _ = compute(options, decays, scalars, given, there)
        return [np.asarray(x) for x in new.flat()]


@functools.lru_cache(maxsize=64)
def _program(
    options: Options, decays: tuple[bool, ...], kinds: tuple[tuple[Any, str], ...]
) -> Any:
    """Return the update of weights of these shapes and types.

    Its operands are the scalars, the arrays that it changes, and the gradients.
    """
    count = len(kinds)
    groups = 1 + options.momentum + options.use_ema + options.accumulates

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
    kinds: tuple[tuple[Any, str], ...], groups: int, skips_nonfinite: bool
) -> str:
    """Return the rule by which all arrays of one weight have the same sharding."""
    factors = [
        " ".join(f"w{i}d{axis}" for axis in range(len(shape)))
        for i, (shape, _) in enumerate(kinds)
    ]
    operands = [""] * SCALARS + factors * (groups + 1)
    results = factors * groups + [""] * skips_nonfinite
    return f"{', '.join(operands)} -> {', '.join(results)}"


def _call(
    options: Options, decays: tuple[bool, ...], groups: int, *operands: Any
) -> tuple[Any, ...]:
    changed = operands[SCALARS : SCALARS + groups * len(decays)]
    applied = [jax.ShapeDtypeStruct((), bool)] * options.skips_nonfinite
    call = jax.ffi.ffi_call(
        native.ffi_target(),
        [jax.ShapeDtypeStruct(x.shape, x.dtype) for x in changed] + applied,
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
    sums = lists.pop(1) if options.accumulates else []
    averages = lists.pop(1) if options.use_ema else []
    weights, gradients = lists
    arrays = Arrays(weights, velocities, sums, averages)
    rate, momentum, decay, loss_scale, iterations = operands[:SCALARS]
    scalars = Scalars(rate, momentum, decay, iterations, loss_scale)
    new, applied = reference.compute(options, decays, scalars, arrays, gradients)
    return (*new.flat(), *([applied] if options.skips_nonfinite else []))
