"""Whether a keras.StatelessScope is open, in which no variable may be changed in place.

Keras has no public function for this. It is looked up in the module of the public
class; tests/optimizers/test_internals.py fails if it moves.
"""

import sys
from collections.abc import Callable

import keras

in_stateless_scope: Callable[[], bool] = getattr(
    sys.modules.get(keras.StatelessScope.__module__),
    "in_stateless_scope",
    lambda: False,
)
