"""Makes XLA run an update in JAX while JAX creates the arrays of the results.

XLA on a CPU runs a program on the caller's thread if its cost estimate is below a
thousand operations: waking another thread would take as long. It estimates none for a
call of the kernel, however long that runs. The caller would then wait for the update,
and JAX would create hundreds of arrays afterwards, with caches that the update emptied.
"""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp

from kerasched.kernels.options import Step

# The number of changed arrays from which another thread pays: measured with 12 to 400
# weights and a momentum (docs/kernel.md).
MIN_ARRAYS = 200
DETOUR_LENGTH = 1024  # Elements, of at least two operations each.


def in_background(step: Step) -> Step:
    """Return a step, compiled as a program of its own, that runs on another thread.

    The step counter takes a detour of many operations. Its value does not change.
    """
    iterations = step.scalars.iterations
    is_traced = isinstance(iterations, jax.core.Tracer)
    if not is_traced or len(step.variables.flat()) < MIN_ARRAYS:
        return step
    same = jax.lax.platform_dependent(
        iterations, cpu=_with_detour, default=lambda number: number
    )
    scalars = dataclasses.replace(step.scalars, iterations=same)
    return dataclasses.replace(step, scalars=scalars)


def _with_detour(number: Any) -> Any:
    """Return the same integer, by operations that XLA counts and cannot remove.

    `sums` is number + 0, 1, 2 and so on. The minimum replaces each larger sum by the
    number; sums that overflow are smaller. So the maximum is the number.
    """
    sums = number + jnp.arange(DETOUR_LENGTH, dtype=number.dtype)
    return jnp.max(jnp.minimum(number, sums))
