"""A schedule given by a function of the user."""

from collections.abc import Callable
from typing import Annotated
from typing import Any

import keras

from kerasched.errors import message
from kerasched.schedules.base import Schedule
from kerasched.schedules.registry import PACKAGE
from kerasched.schedules.registry import register


class RegisteredFunction:
    """A function that is registered with Keras, kept as its registered name."""

    requirement = "a function registered with Keras, or its registered name"

    def __call__(self, owner: str, argument: str, value: Any) -> str:
        if isinstance(value, str):
            return self._known(owner, argument, value)
        named = callable(value) and hasattr(value, "__name__")
        if not named or isinstance(value, type):
            fix = FIX if callable(value) else ""
            raise TypeError(message(owner, argument, self.requirement, value, fix))
        try:
            name = keras.saving.get_registered_name(value)
        except (AttributeError, TypeError):
            name = ""  # A partial has no name, and some objects have no hash.
        if name and keras.saving.get_registered_object(name) is value:
            return name
        raise ValueError(message(owner, argument, self.requirement, value, FIX))

    def _known(self, owner: str, argument: str, name: str) -> str:
        known = keras.saving.get_registered_object(name)
        if callable(known) and not isinstance(known, type):
            return name
        fix = "Import the module that registers it first"
        raise ValueError(message(owner, argument, self.requirement, name, fix))


FIX = (
    "Define it with def, which gives it a name by which it can be saved, and decorate "
    "it with keras.saving.register_keras_serializable()"
)


@keras.saving.register_keras_serializable(PACKAGE)
def one_over_step(step: Any) -> Any:
    """Return 0.1 / (1 + step / 100): the example of FromFunction."""
    return 0.1 / (1.0 + step / 100.0)


@register(
    "from_function",
    reference="torch, LambdaLR; optax, any callable",
    example={"function": one_over_step},
)
class FromFunction(Schedule):
    """Compute the rate with a function that is registered with Keras.

    function(step)

    Only the function's registered name is saved, never its code. The function must be
    registered before a saved schedule is loaded.

    Args:
        function: a function of the step, registered with Keras by
            keras.saving.register_keras_serializable(). It takes the step as a real
            number, a float32 scalar tensor in a training step and a float in
            `evaluate`, and returns the rate. It must not branch on the step (use
            keras.ops.where). A lambda is not accepted, because it has no name.
    """

    function: Annotated[str | Callable[[Any], Any], RegisteredFunction()]

    def value(self, step: Any, xp: Any) -> Any:
        return xp.call_external(self._called, step)

    @property
    def exact(self) -> bool:
        return False

    def _called(self, step: Any) -> Any:
        on_host = isinstance(step, int)
        step = float(step) if on_host else keras.ops.cast(step, "float32")
        return keras.saving.get_registered_object(self.function)(step)
