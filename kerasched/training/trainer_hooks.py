"""The one place where methods of keras.Model are wrapped.

Keras passes callbacks neither the arguments of `fit` nor its iterator, and passes
optimizers no model. What needs them wraps a method here, when it is first used. A
wrapper calls the method that it stands for, so that wrappers of other packages and
overridden methods go on working.
"""

import functools
from collections.abc import Callable
from typing import Any

import keras

# The wrappers that are installed, as pairs of a method's name and the wrapper.
_installed: set[tuple[str, Callable[..., Any]]] = set()


def wrap_method(name: str, wrapper: Callable[..., Any]) -> bool:
    """Let `wrapper(method, model, *arguments)` run in place of a method of keras.Model.

    Args:
        name: the method's name.
        wrapper: a function, called with the original method, the model and the
            arguments of the call. Installing it again changes nothing.

    Returns:
        Whether keras.Model has such a method.
    """
    owner = next((c for c in keras.Model.__mro__ if name in vars(c)), None)
    if owner is None:
        return False
    if (name, wrapper) not in _installed:
        _installed.add((name, wrapper))
        method = vars(owner)[name]

        @functools.wraps(method)
        def wrapped(model: Any, *arguments: Any, **options: Any) -> Any:
            return wrapper(method, model, *arguments, **options)

        setattr(owner, name, wrapped)
    return True
