"""Whether a keras.StatelessScope is open, in which no variable may be written over.

Keras has no public way to ask. The function is looked up beside the public class, here
alone; tests/optimizers/test_internals.py tells when it moves.
"""

import sys
from collections.abc import Callable

import keras


def _asking() -> Callable[[], bool]:
    module = sys.modules.get(keras.StatelessScope.__module__)
    return getattr(module, "in_stateless_scope", lambda: False)


in_stateless_scope = _asking()
