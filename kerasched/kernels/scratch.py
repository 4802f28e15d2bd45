"""When gradients get memory that stays, for the backends whose steps XLA compiles.

XLA takes fresh memory for its temporaries at every execution, and a program that needs
all gradients at once spends half its time in page faults of it. A variable whose new
value is the gradient, and whose old one XLA may write over, is memory that stays.
"""

from typing import Any

import keras

from kerasched.kernels import native

# The bytes of gradients from which a step gains by such variables.
MIN_BYTES = 16 * 2**20


def pays(weights: list[Any]) -> bool:
    """Return whether the gradients of these weights should have memory that stays."""
    types = [keras.backend.standardize_dtype(w.dtype) for w in weights]
    if any(name not in native.TYPES for name in types):
        return False
    sizes = zip(map(elements, weights), types, strict=True)
    return sum(count * native.TYPES[name] for count, name in sizes) > MIN_BYTES


def elements(variable: Any) -> int:
    """Return how many numbers a variable has."""
    size = 1
    for length in variable.shape:
        size *= length
    return size
