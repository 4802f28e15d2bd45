"""The one place where methods of Keras's classes are wrapped.

Keras passes callbacks neither the arguments of `fit` nor its iterator, and passes
optimizers no model. Code that needs them wraps a method here, when it is first used. A
wrapper calls the method that it stands for, so that wrappers of other packages and
overridden methods go on working.
"""

import functools
from collections.abc import Callable
from typing import Any

import keras

# The installed wrappers: the class, the method's name and the wrapper.
_installed: set[tuple[type, str, Callable[..., Any]]] = set()


def wrap_method(
    name: str, wrapper: Callable[..., Any], cls: type = keras.Model
) -> None:
    """Call `wrapper(method, self, *arguments)` in place of a method of a Keras class.

    Args:
        name: the method's name. Nothing happens if the class has no such method.
        wrapper: a function, called with the original method, the instance and the
            arguments of the call. Installing it again changes nothing.
        cls: the class.
    """
    owner = next((c for c in cls.__mro__ if name in vars(c)), None)
    if owner is None or (cls, name, wrapper) in _installed:
        return
    _installed.add((cls, name, wrapper))
    method = vars(owner)[name]

    @functools.wraps(method)
    def wrapped(self: Any, *arguments: Any, **options: Any) -> Any:
        return wrapper(method, self, *arguments, **options)

    setattr(owner, name, wrapped)
