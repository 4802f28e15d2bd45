"""The scope of the tf.distribute strategy that a model was created in.

TensorFlow creates variables for the replicas only in that scope, and reads most of them
only there. Keras enters it in `fit`, but not around callbacks.
"""

import contextlib
from typing import Any


def strategy_scope(model: Any) -> contextlib.AbstractContextManager[Any]:
    """Return a context for code that builds a model's optimizer or changes its state.

    It does nothing for a model without a strategy.
    """
    strategy = getattr(model, "distribute_strategy", None)  # Of TensorFlow's models.
    return contextlib.nullcontext() if strategy is None else strategy.scope()
