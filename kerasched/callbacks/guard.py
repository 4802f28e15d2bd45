"""What must be done when an evaluation within fit ends, however it ends.

Of an exception while fit validates Keras tells no callback, so that the model's
`evaluate`, which fit calls, is wrapped while fit runs.
"""

from collections.abc import Callable
from typing import Any

import keras


def guard(model: keras.Model, clean_up: Callable[[], None]) -> None:
    """Call `clean_up` after each evaluation of a model, in the place of an older one.

    After a fit that failed the wrapper stays until the next one.
    """
    release(model)
    evaluate = model.evaluate

    def guarded(*arguments: Any, **options: Any) -> Any:
        try:
            return evaluate(*arguments, **options)
        finally:
            clean_up()

    guarded.is_guard = True
    model.evaluate = guarded


def release(model: keras.Model) -> None:
    """Give a model its own `evaluate` back."""
    if hasattr(vars(model).get("evaluate"), "is_guard"):
        del model.evaluate
