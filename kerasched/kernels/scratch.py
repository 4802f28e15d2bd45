"""When gradients get scratch memory that lasts, for steps that XLA compiles.

XLA takes fresh memory for its temporaries at every execution. A program that needs all
gradients at once spends half its time in the page faults of that memory. An array that
the program takes, may write over, and returns as the gradient keeps its memory.
"""

import math
from typing import Any

import keras

from kerasched.kernels import native

# The bytes of gradients above which a step is faster with scratch memory.
MIN_BYTES = 16 * 2**20


def pays(weights: list[Any]) -> bool:
    """Return whether the gradients of these weights should have scratch memory."""
    types = [keras.backend.standardize_dtype(w.dtype) for w in weights]
    if any(name not in native.TYPES for name in types):
        return False
    sizes = zip((math.prod(w.shape) for w in weights), types, strict=True)
    return sum(count * native.TYPES[name] for count, name in sizes) > MIN_BYTES
