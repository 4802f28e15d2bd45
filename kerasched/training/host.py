"""Values of variables in the host's memory."""

from typing import Any

import keras
import numpy as np


def copy_of(variable: Any) -> np.ndarray:
    """Return a variable's value as an array that shares no memory with it."""
    return np.array(keras.ops.convert_to_numpy(variable.value))
