"""The update in JAX: the compiled kernel on a CPU, plain XLA on any other device.

One program contains both, and JAX keeps the one for the device it compiles for. Sharded
weights stay sharded: jax_sharding.py partitions the kernel, and XLA the operations.
"""

import dataclasses
import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from kerasched.kernels import jax_calls
from kerasched.kernels import jax_scratch
from kerasched.kernels import jax_sharding
from kerasched.kernels import reference
from kerasched.kernels import self_test
from kerasched.kernels.options import ITERATIONS
from kerasched.kernels.options import Arrays
from kerasched.kernels.options import Options
from kerasched.kernels.options import Scalars
from kerasched.kernels.options import Step

# How many elements are split off at once: more compile for longer.
CHUNK = 16


def update(step: Step) -> Any:
    """Run one step on variables, by assigning their new values.

    Returns:
        Whether it was applied: True, or a tensor where the options may skip it.
    """
    gradients = jax_sharding.like_weights(step.gradients, step.variables.weights)
    gradients = jax_scratch.receive(gradients, step.scratch)
    return reference.assign(dataclasses.replace(step, gradients=gradients), compute)


def on_cpu() -> bool:
    """Return whether the default device of JAX is a CPU."""
    return jax.default_backend() == "cpu"


def compute(step: Step) -> tuple[Arrays, Any]:
    """Return the arrays after a step on tensors, and whether the step was applied."""
    options, scalars, arrays = step.options, step.scalars, step.variables
    flat = arrays.flat()
    wide = any(value.dtype == "float64" for value in flat)
    real = jnp.float64 if wide else jnp.float32
    numbers = [jnp.asarray(value, real) for value in scalars.flat()]
    numbers[ITERATIONS] = jnp.asarray(scalars.iterations)
    program = _program(options, step.decays, tuple(x.ndim for x in arrays.weights))
    results = list(program(*numbers, *flat, *step.gradients))
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
    return ""


@functools.cache
def unavailable() -> str:
    """Return why the kernel cannot run in this process, or an empty text."""
    return self_test.xla_failure("JAX", jax_calls.register, _run_self_test)


def _run_self_test(step: Step) -> list[np.ndarray]:
    cpu = jax.local_devices(backend="cpu")[0]
    with jax.ensure_compile_time_eval(), jax.default_device(cpu):
        new, _ = compute(step.map(jnp.asarray))
        return [np.asarray(x) for x in new.flat()]


@functools.lru_cache(maxsize=64)
def _program(
    options: Options, decays: tuple[bool, ...], ranks: tuple[int, ...]
) -> Callable[..., tuple[Any, ...]]:
    """Return the update of weights of these ranks.

    Its operands are the scalars, the arrays that it changes, and the gradients.
    """
    kernel = jax_sharding.partitioned(options, decays, ranks)
    plain = functools.partial(_plain, options, decays)

    def program(*operands: Any) -> tuple[Any, ...]:
        return jax.lax.platform_dependent(*operands, cpu=kernel, default=plain)

    return jax.jit(program, inline=True)


def _plain(
    options: Options, decays: tuple[bool, ...], *operands: Any
) -> tuple[Any, ...]:
    items = iter(operands[options.scalars :])

    def group(used: bool = True) -> list[Any]:
        return [next(items) for _ in decays] if used else []

    weights, slots = group(), [group() for _ in range(options.slots)]
    arrays = Arrays(weights, slots, group(options.accumulates), group(options.use_ema))
    scalars = Scalars.like(operands[: options.scalars])
    step = Step(options, scalars, list(items), arrays, decays)
    new, applied = reference.compute(step)
    return (*new.flat(), *([applied] if options.skips_nonfinite else []))
