"""Checks of the NumPy arrays that native.update takes, before their addresses are used.

The extension sees addresses only, so that a wrong array would corrupt memory.
"""

from typing import Any

import numpy as np

from kerasched.errors import Flag
from kerasched.errors import Items
from kerasched.errors import message

# The types of weights, and their bytes.
TYPES = {"float32": 4, "float64": 8, "bfloat16": 2}

_FLAGS = Items(Flag())


def checked_arrays(
    name: str, arrays: Any, weights: list[np.ndarray] | None = None
) -> list[np.ndarray]:
    """Return a list of arrays, each of the type and shape of its weight.

    Raises:
        TypeError: `arrays` is not a list, or an entry is not an array.
        ValueError: an array does not fit, or its memory cannot be used directly.
    """
    if not isinstance(arrays, (list, tuple)):
        raise TypeError(message("update", name, "a list of arrays", arrays))
    if weights is None:
        weights = list(arrays)
    if len(arrays) != len(weights):
        wanted = f"{len(weights)}, as of `weights`"
        raise ValueError(message("update", f"len({name})", wanted, len(arrays)))
    for index, (array, weight) in enumerate(zip(arrays, weights, strict=True)):
        _check(f"{name}[{index}]", array, weight, written=name != "gradients")
    return list(arrays)


def checked_optional(
    used: bool, name: str, arrays: Any, weights: list[np.ndarray]
) -> list[list[np.ndarray]]:
    """Return a list of the checked arrays, or none if the options do not use them.

    Raises:
        TypeError: as in `checked_arrays`, or `arrays` is not used and not a list.
        ValueError: as in `checked_arrays`, or `arrays` is not used and not empty.
    """
    if used:
        return [checked_arrays(name, arrays, weights)]
    if arrays is None or (isinstance(arrays, (list, tuple)) and not arrays):
        return []
    unused = "None, as the options do not use it"
    kind = ValueError if isinstance(arrays, (list, tuple)) else TypeError
    raise kind(message("update", name, unused, arrays))


def checked_flags(name: str, flags: Any, count: int) -> list[bool]:
    """Return one flag for each weight; all are True if None is given.

    Raises:
        TypeError: it is no list of flags.
        ValueError: it has another length than `weights`.
    """
    if flags is None:
        return [True] * count
    checked = _FLAGS("update", name, flags)
    if len(checked) != count:
        wanted = f"{count}, as of `weights`"
        raise ValueError(message("update", f"len({name})", wanted, len(checked)))
    return list(checked)


def _check(name: str, array: Any, weight: np.ndarray, written: bool) -> None:
    if not isinstance(array, np.ndarray):
        raise TypeError(message("update", name, "a NumPy array", array))

    def require(attribute: str, requirement: str, holds: bool, received: Any) -> None:
        if not holds:
            argument = f"{name}.{attribute}"
            raise ValueError(message("update", argument, requirement, received))

    dtype, flags = array.dtype, array.flags
    require("dtype", "float32, float64 or bfloat16", str(dtype) in TYPES, dtype)
    same_type = dtype == weight.dtype
    require("dtype", f"{weight.dtype}, as of its weight", same_type, dtype)
    same_shape = array.shape == weight.shape
    require("shape", f"{weight.shape}, as of its weight", same_shape, array.shape)
    require("flags.c_contiguous", "True", flags.c_contiguous, False)
    require("flags.aligned", "True", flags.aligned, False)
    require("flags.writeable", "True", flags.writeable or not written, False)
