"""Memory for the gradients of a compiled step in JAX.

A compiled program can write only over its donated arguments, so that the memory travels
with the optimizer's state. kerasched/kernels/scratch.py says why there is such memory.
"""

from collections.abc import Iterable
from typing import Any

import jax
import jax.numpy as jnp


class StateWithScratch(list[Any]):
    """The values of an optimizer's variables, and memory for the gradients.

    Keras sees a list of the values. JAX flattens it to the values, then the memory.

    Args:
        values: one array for each variable of the optimizer.
        scratch: one array for each weight, of its shape and type.
    """

    def __init__(self, values: Iterable[Any], scratch: Iterable[Any]) -> None:
        super().__init__(values)
        self.scratch = list(scratch)


jax.tree_util.register_pytree_node(
    StateWithScratch,
    lambda state: ((list(state), state.scratch), None),
    lambda _, children: StateWithScratch(*children),
)


def zeros_like(weights: Iterable[Any]) -> list[Any]:
    """Return new memory for the gradients of some weights."""
    return [jnp.zeros(weight.shape, weight.dtype) for weight in weights]


def receive(gradients: list[Any], scratch: list[Any]) -> list[Any]:
    """Return the gradients, which XLA then computes in the memory of `scratch`.

    They replace the entries of `scratch`, which the compiled program must return. The
    barrier keeps the old entries as inputs: XLA would drop them as unused, together
    with their memory.
    """
    if scratch:
        gradients, _ = jax.lax.optimization_barrier((list(gradients), list(scratch)))
        scratch[:] = gradients
    return gradients
