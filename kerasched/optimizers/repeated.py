"""A step of torch that is like the one before it, without asking all of it again.

On torch every step is plain Python, and for small models most of its time goes into
Keras's questions about each variable. What a step found out holds for the next one if
nothing was set on the optimizer, the variables are the same objects with the same
tensors, and the gradients are of the same kind.
"""

import operator
from typing import Any

from kerasched.kernels.options import Scalars


class RepeatedStep:
    """What one step found out, to be used by those that are like it.

    Args:
        program: the kernel's program of that step.
        variables: all of the optimizer's weights, in its order, and then all that
            belongs to them, variables of Keras.
        count: how many of them are weights.
    """

    def __init__(self, program: Any, variables: list[Any], count: int) -> None:
        self._program = program
        self._variables = variables
        self._weights = variables[:count]

    def fits(self, gradients: list[Any], weights: list[Any] | None) -> bool:
        """Return whether a step is like that one; all weights where None are given."""
        return (
            same(weights, self._weights)
            and self._program.held_by(self._variables)
            and self._program.fits(gradients)
        )

    def run(self, scalars: Scalars, gradients: list[Any]) -> None:
        """Do one step, in place."""
        self._program.run(scalars, gradients)


def same(given: list[Any] | None, weights: list[Any]) -> bool:
    """Return whether variables are these weights, in their order; None is all.

    Not by ==, which compares the values of variables.
    """
    if given is None:
        return True
    return len(given) == len(weights) and all(map(operator.is_, given, weights))
