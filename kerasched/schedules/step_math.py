"""Formulas in a training step: keras.ops in float32, for an optimizer's calls.

StepMath has the names of HostMath, which says how both are used.
"""

import math
import operator
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from kerasched.errors import MAX_STEP
from kerasched.schedules.host_math import HostMath
from kerasched.schedules.host_math import Piece
from kerasched.schedules.host_math import are_numbers
from kerasched.schedules.host_math import value_at

# Pieces that a compiled step selects from one by one; more are looked up in a table.
FEW = 16


class StepMath:
    """keras.ops in float32 (float64 if that is `floatx`), on integer tensors."""

    floor_divide = staticmethod(operator.floordiv)
    mod = staticmethod(operator.mod)
    sqrt = staticmethod(ops.sqrt)
    exp = staticmethod(ops.exp)
    expm1 = staticmethod(ops.expm1)
    log1p = staticmethod(ops.log1p)
    sin = staticmethod(ops.sin)
    cos = staticmethod(ops.cos)
    relu = staticmethod(ops.relu)

    @staticmethod
    def minimum(x: Any, y: Any) -> Any:
        """Return the smaller of two, each a tensor or a number."""
        if isinstance(x, float) and isinstance(y, float):
            return min(x, y)
        return ops.minimum(_like(x, y), _like(y, x))

    @staticmethod
    def maximum(x: Any, y: Any) -> Any:
        """Return the larger of two, each a tensor or a number."""
        if isinstance(x, float) and isinstance(y, float):
            return max(x, y)
        return ops.maximum(_like(x, y), _like(y, x))

    @staticmethod
    def where(condition: Any, a: Any, b: Any) -> Any:
        """Select from `a` or `b`; a Python float gets the real dtype."""
        return ops.where(condition, _real_if_float(a), _real_if_float(b))

    @staticmethod
    def power(x: Any, y: Any) -> Any:
        """Return x to the power y, a number or a real tensor."""
        return ops.power(x, _like(y, x))

    @staticmethod
    def geometric(factor: float, count: Any, length: int = 1) -> Any:
        """Return factor**(count / length), for a real tensor of counts.

        The logarithm is computed on the host: 0.9999 has a rounding error in float32
        that would show in its millionth power.
        """
        return ops.exp(count * (math.log(factor) / length))

    @staticmethod
    def largest() -> float:
        return float(np.finfo(_real_dtype()).max)

    @staticmethod
    def real(x: Any) -> Any:
        """Return integers as reals. Formulas convert steps in no other way."""
        return ops.cast(x, _real_dtype())

    @staticmethod
    def piecewise(step: Any, boundaries: Sequence[int], pieces: Sequence[Piece]) -> Any:
        """Return the value of the piece of the last boundary at or below each step.

        A piece is a number or a function of the step, computed at every step. Many
        numbers are looked up in a table: XLA would take minutes to compile selections.
        """
        if len(pieces) > FEW and are_numbers(pieces):
            return StepMath.take(pieces, StepMath.searchsorted(boundaries, step), step)
        result = value_at(pieces[0], step)
        for boundary, piece in zip(boundaries, pieces[1:], strict=True):
            result = StepMath.where(step >= boundary, value_at(piece, step), result)
        return result

    @staticmethod
    def searchsorted(boundaries: Sequence[int], step: Any) -> Any:
        table = _table(boundaries, keras.backend.standardize_dtype(step.dtype))
        if len(step.shape) == 0:
            # TensorFlow's searchsorted rejects a scalar, as Keras before 3.12 does in
            # a graph.
            return ops.sum(ops.cast(step >= table, "int32"))
        found = ops.searchsorted(table, ops.reshape(step, [-1]), side="right")
        return ops.reshape(found, ops.shape(step))

    @staticmethod
    def take(column: Sequence[float], index: Any, x: Any) -> Any:
        return ops.take(_table(column, _dtype_of(column, x)), index, axis=0)

    @staticmethod
    def int32(x: Any) -> Any:
        return ops.cast(x, "int32")

    @staticmethod
    def bitwise_and(x: Any, y: Any) -> Any:
        """Return the bits that are set in both of two words."""
        return ops.bitwise_and(x, _like(y, x))

    @staticmethod
    def bitwise_xor(x: Any, y: Any) -> Any:
        """Return the bits in which two words differ."""
        return ops.bitwise_xor(x, _like(y, x))

    @staticmethod
    def right_shift(x: Any, y: Any) -> Any:
        """Return words shifted right arithmetically: the sign bit fills the gap."""
        return ops.right_shift(x, _like(y, x))

    @staticmethod
    def find_row(table: Sequence[int], x: Any) -> Any:
        """Return a mask of the rows whose number is at or below x.

        To gather by row number would take ten more operations, as it could be -1.
        """
        return ops.expand_dims(x, -1) >= _like(table, x)

    @staticmethod
    def row_number(row: Any) -> Any:
        return ops.sum(ops.cast(row, "int32"), axis=-1) - 1

    @staticmethod
    def look_up(column: Sequence[float], row: Any, x: Any) -> Any:
        """Return the value of a column in a row; integers get the dtype of x."""
        values = _column(column, x)
        if list(column) == sorted(column):
            zero = _column([type(column[0])(0)], x)
            return ops.amax(ops.where(row, values, zero), axis=-1)
        number = ops.expand_dims(StepMath.row_number(row), -1)
        here = number == np.arange(len(column), dtype="int32")
        return ops.sum(ops.where(here, values, _column([0.0], x)), axis=-1)

    @staticmethod
    def to_steps(step: Any) -> Any:
        """Return steps as an integer tensor: rounded down and not negative."""
        if isinstance(step, (int, float, list, tuple, np.ndarray, np.generic)):
            return ops.convert_to_tensor(HostMath.to_steps(step), "int32")
        step = ops.convert_to_tensor(step)
        dtype = keras.backend.standardize_dtype(step.dtype)
        if dtype not in ("int32", "int64"):
            if "float" in dtype:
                step = ops.floor(step)
            step = ops.minimum(step, _largest_step(dtype))
            step = ops.cast(step, "int32")
        return StepMath.relu(step)

    @staticmethod
    def call_external(schedule: Any, step: Any) -> Any:
        """Return the values of another library's schedule, called for each step.

        Keras's own warmup branches on the step, so it takes scalars only.
        """
        if len(step.shape) == 0:  # TensorFlow's shape of a scalar is truthy.
            return ops.cast(schedule(step), _real_dtype())
        values = ops.map(
            lambda one: ops.cast(schedule(one), _real_dtype()), ops.reshape(step, [-1])
        )
        return ops.reshape(values, ops.shape(step))


def to_rates(value: Any, step: Any) -> Any:
    """Return a formula's result as a real tensor in the shape of the steps."""
    value = _real_if_float(value)
    if value.shape == step.shape:
        return value
    return ops.broadcast_to(value, ops.shape(step))


def _real_dtype() -> str:
    return "float64" if keras.config.floatx() == "float64" else "float32"


def _real_if_float(x: Any) -> Any:
    if isinstance(x, float):
        return ops.convert_to_tensor(x, _real_dtype())
    return x


def _like(y: Any, x: Any) -> Any:
    """Return a number, or a tuple of numbers, with the dtype of a tensor.

    It saves TensorFlow a cast. On other backends a half-precision `floatx` would turn
    integers into reals.
    """
    if not isinstance(y, (int, float, tuple)):
        return y
    return _constant(y, keras.backend.standardize_dtype(x.dtype))


def _column(column: Sequence[float], x: Any) -> Any:
    return _constant(column, _dtype_of(column, x))


def _dtype_of(column: Sequence[float], x: Any) -> str:
    """Return the dtype of x for a column of integers, else the real dtype."""
    whole = isinstance(column[0], int)
    return keras.backend.standardize_dtype(x.dtype) if whole else _real_dtype()


def _table(column: Sequence[float], dtype: str) -> Any:
    """Return a long column as a tensor; JAX converts a list item by item, slowly."""
    if keras.backend.backend() == "torch":  # Its compiler cannot trace a NumPy array.
        return ops.convert_to_tensor(list(column), dtype)
    return ops.convert_to_tensor(np.asarray(column, dtype), dtype)


def _constant(value: Any, dtype: str) -> Any:
    if keras.backend.backend() == "tensorflow":
        value = np.asarray(value, dtype)
    return ops.convert_to_tensor(value, dtype)


def _largest_step(dtype: str) -> float | int:
    """Return the largest step up to 2**31 - 1 that `dtype` represents exactly."""
    if dtype == "bfloat16":
        return float(2**31 - 2**23)
    if "float" in dtype:
        limits = np.finfo(dtype)
        below = float(np.nextafter(np.array(2.0**31, dtype), np.array(0, dtype)))
        return min(below, float(limits.max), float(MAX_STEP))
    return min(int(np.iinfo(dtype).max), MAX_STEP)
