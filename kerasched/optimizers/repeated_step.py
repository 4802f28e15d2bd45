"""A step on torch that repeats the one before, without examining it again.

On torch every step is plain Python, and for small models most of its time goes into
asking Keras about each variable. The answers hold for the next step if no attribute of
the optimizer was set, the variables and their tensors are the same objects, and the
gradients have the same types and shapes.
"""

import operator
from typing import Any

from kerasched.kernels.options import Scalars


class RepeatedStep:
    """A step that was examined once and may run again.

    Args:
        program: the kernel's program of that step.
        variables: Keras variables: all weights, in the optimizer's order, then their
            slots.
        count: the number of weights.
    """

    def __init__(self, program: Any, variables: list[Any], count: int) -> None:
        self._program = program
        self._variables = variables
        self._weights = variables[:count]

    def fits(self, gradients: list[Any], weights: list[Any] | None) -> bool:
        """Return whether this step can stand for one with these arguments.

        Args:
            gradients: the gradients of that step.
            weights: its variables; None for all.
        """
        return (
            same_variables(weights, self._weights)
            and self._program.held_by(self._variables)
            and self._program.fits(gradients)
        )

    def run(self, scalars: Scalars, gradients: list[Any]) -> None:
        """Run one step, in place."""
        self._program.run(scalars, gradients)


def same_variables(given: list[Any] | None, weights: list[Any]) -> bool:
    """Return whether the given variables are these weights, in order; None means all.

    They are compared by identity: == compares the values of variables.
    """
    if given is None:
        return True
    return len(given) == len(weights) and all(map(operator.is_, given, weights))
