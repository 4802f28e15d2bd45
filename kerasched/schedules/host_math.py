"""Formulas on the host: NumPy in float64, for `evaluate`.

A schedule's `value(step, xp)` is written once. `xp` is HostMath here, and StepMath in a
training step. Both have the same names. Arithmetic uses Python operators.
"""

import math
from collections.abc import Callable
from collections.abc import Sequence
from typing import Any
from typing import TypeGuard

import numpy as np
from keras import ops

from kerasched.errors import MAX_STEP

# Up to about here exp(x) is finite in float64, and its inverse a normal number.
LARGEST_LOGARITHM = 708.0

Piece = Callable[[Any], Any] | float


class HostMath:
    """NumPy in float64, on integer arrays of any shape."""

    where = staticmethod(np.where)
    minimum = staticmethod(np.minimum)
    maximum = staticmethod(np.maximum)
    floor_divide = staticmethod(np.floor_divide)
    mod = staticmethod(np.mod)
    sqrt = staticmethod(np.sqrt)
    power = staticmethod(np.power)
    exp = staticmethod(np.exp)
    expm1 = staticmethod(np.expm1)
    log1p = staticmethod(np.log1p)
    sin = staticmethod(np.sin)
    cos = staticmethod(np.cos)
    bitwise_and = staticmethod(np.bitwise_and)
    bitwise_xor = staticmethod(np.bitwise_xor)
    right_shift = staticmethod(np.right_shift)

    @staticmethod
    def relu(x: Any) -> Any:
        """Return integers, with negative ones replaced by 0."""
        return np.maximum(x, 0)

    @staticmethod
    def geometric(factor: float, count: Any, length: int = 1) -> Any:
        """Return factor**(count / length), for an array of counts that are 0 or more.

        Results below the normal numbers are 0 and results above them infinite. NumPy
        computes such results ten times slower on some processors.
        """
        exponent = count / length
        if factor == 1.0:
            return np.power(factor, exponent)
        most = LARGEST_LOGARITHM / abs(math.log(factor))
        beyond = 0.0 if factor < 1.0 else math.inf
        within = np.power(factor, np.minimum(exponent, most))
        return np.where(exponent > most, beyond, within)

    @staticmethod
    def largest() -> float:
        """Return the largest finite number."""
        return float(np.finfo("float64").max)

    @staticmethod
    def real(x: Any) -> Any:
        """Return integers as float64. Formulas convert steps in no other way."""
        return np.asarray(x, "float64")

    @staticmethod
    def piecewise(
        step: np.ndarray, boundaries: Sequence[int], pieces: Sequence[Piece]
    ) -> Any:
        """Return the value of the piece of the last boundary at or below each step.

        A piece is a number or a function of the step, called with its own steps only.
        """
        index = HostMath.searchsorted(boundaries, step)
        if are_numbers(pieces):
            return HostMath.take(pieces, index, step)
        first, last = int(index.min(initial=len(pieces))), int(index.max(initial=-1))
        if first == last:
            return value_at(pieces[first], step)
        result = np.empty(step.shape)
        for number in range(first, last + 1):
            here = index == number
            result[here] = value_at(pieces[number], step[here])
        return result

    @staticmethod
    def searchsorted(boundaries: Sequence[int], step: np.ndarray) -> Any:
        """Return how many of the increasing boundaries are at or below each step."""
        return np.searchsorted(boundaries, step, side="right")

    @staticmethod
    def take(column: Sequence[float], index: Any, x: Any) -> Any:
        """Return the items of a column at indices; integers get the dtype of x."""
        return np.asarray(column)[index]

    @staticmethod
    def int32(x: Any) -> Any:
        """Return integers as int32, whose products wrap around."""
        return np.asarray(x).astype("int32")

    @staticmethod
    def find_row(table: Sequence[int], x: Any) -> Any:
        """Return the last row of an increasing table whose number is at or below x."""
        return HostMath.searchsorted(table, x) - 1

    @staticmethod
    def row_number(row: Any) -> Any:
        """Return the number of a row, from 0."""
        return row

    look_up = take

    @staticmethod
    def to_steps(step: Any) -> np.ndarray:
        """Return steps as an int64 array, rounded down, from 0 to 2**31 - 1."""
        steps = np.asarray(step)
        if steps.dtype.kind == "f":
            steps = np.floor(steps)
        elif steps.dtype.kind not in "iu":
            raise TypeError(
                "Argument `step` of a schedule must be a number, or an array of "
                f"numbers. Received: step={step!r}"
            )
        if steps.size and not steps.max() <= MAX_STEP:
            raise ValueError(
                "Argument `step` of a schedule must be a number of at most "
                f"{MAX_STEP}. Received: step={step!r}"
            )
        return np.maximum(steps, 0).astype("int64")

    @staticmethod
    def call_external(schedule: Any, step: np.ndarray) -> np.ndarray:
        """Return the values of another library's schedule, called for each step."""
        unique, index = np.unique(step, return_inverse=True)
        values = [_as_float(schedule(int(one))) for one in unique]
        return np.asarray(values, "float64")[index].reshape(np.shape(step))


def value_at(piece: Piece, step: Any) -> Any:
    """Return the value of a piece at steps."""
    return piece(step) if callable(piece) else piece


def are_numbers(pieces: Sequence[Piece]) -> TypeGuard[Sequence[float]]:
    """Return whether all pieces are numbers, which can be looked up in a table."""
    return all(isinstance(piece, float) for piece in pieces)


def _as_float(value: Any) -> float:
    if isinstance(value, (int, float, np.generic)):
        return float(value)
    return float(ops.convert_to_numpy(value))
