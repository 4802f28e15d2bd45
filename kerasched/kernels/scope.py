"""Whether a keras.StatelessScope is open, in which no variable may be changed in place.

Keras has no public function for this. It is looked up in the module of the public
class; tests/optimizers/test_internals.py fails if it moves.
"""

import sys
from collections.abc import Callable

import keras


def _find() -> Callable[[], bool]:
    module = sys.modules.get(keras.StatelessScope.__module__)
    return getattr(module, "in_stateless_scope", lambda: False)


in_stateless_scope = _find()
