"""Has XLA run an update in JAX while JAX makes the arrays of its results.

XLA on a CPU runs a program on the caller's thread if it counts less than a thousand
operations in it, as that takes no longer than to wake another. In a call of the kernel
it counts none, however long it runs. JAX then makes its hundreds of arrays when the
update is over and has emptied the caches, and a loop does not go on meanwhile.
"""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp

from kerasched.kernels.options import Step

# How many arrays an update must make for that to be worth the other thread: measured
# with 12 to 400 weights and a momentum (docs/kernel.md).
MANY = 200
LONG = 1024  # Numbers that are looked at, by two operations each and more.


def in_background(step: Step) -> Step:
    """Return a step, of a program of its own, that XLA runs on another thread.

    Only the counter of the steps is taken by another way. It is the same number.
    """
    iterations = step.scalars.iterations
    if not isinstance(iterations, jax.core.Tracer) or len(step.variables.flat()) < MANY:
        return step
    again = jax.lax.platform_dependent(
        iterations, cpu=_by_a_detour, default=lambda number: number
    )
    scalars = dataclasses.replace(step.scalars, iterations=again)
    return dataclasses.replace(step, scalars=scalars)


def _by_a_detour(number: Any) -> Any:
    """Return the same integer, by operations that XLA must count and cannot leave out.

    None of the sums is chosen, as the first is the number and the others are larger; or
    smaller than all, where they are too large for the type.
    """
    sums = number + jnp.arange(LONG, dtype=number.dtype)
    return jnp.max(jnp.minimum(number, sums))
