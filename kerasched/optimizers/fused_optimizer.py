"""The arguments that every optimizer of this package has, beside those of Keras."""

from typing import Any
from typing import ClassVar
from typing import Self

import keras

from kerasched.errors import message
from kerasched.optimizers.arguments import as_float
from kerasched.optimizers.arguments import is_schedule
from kerasched.optimizers.arguments import reject_per_update
from kerasched.optimizers.fused_update import FusedUpdate


def backend_class(public: Any) -> Any:
    """Return the class that calling a public optimizer class of Keras instantiates.

    On torch it is a faster subclass of the public class.
    """
    return type(public.__new__(public))


class FusedOptimizer(FusedUpdate):
    """An optimizer with schedules of its hyperparameters and an update in one call.

    A subclass stands before the class of Keras that `backend_class` returns, and
    gives its constructor the arguments of that class by name.

    Attributes:
        scheduled: the arguments beside `learning_rate` that may be schedules, each with
            a number that Keras's constructor gets in place of a schedule.
    """

    scheduled: ClassVar[dict[str, float]]

    def __init__(
        self, *, independent_weight_decay: bool, fused: bool | str, **arguments: Any
    ) -> None:
        name = type(self).__name__
        if fused != "auto" and not isinstance(fused, bool):
            raise ValueError(message(name, "fused", '"auto", True or False', fused))
        for argument in ("learning_rate", *self.scheduled):
            value = arguments[argument]
            if arguments["gradient_accumulation_steps"]:
                reject_per_update(name, argument, value)
            arguments[argument] = as_float(value)
        given = {name: arguments[name] for name in self.scheduled}
        for argument, number in self.scheduled.items():
            if is_schedule(given[argument]):  # Keras's constructor takes none.
                arguments[argument] = number
        super().__init__(**arguments)
        for argument, value in given.items():
            setattr(self, argument, value)
        self.independent_weight_decay = independent_weight_decay
        self.fused = fused

    def get_config(self) -> dict[str, Any]:
        """Return the arguments as JSON-native values, schedules serialised."""
        config = super().get_config()
        for name in self.scheduled:
            value = getattr(self, name)
            if is_schedule(value):
                config[name] = keras.saving.serialize_keras_object(value)
        return {
            **config,
            "independent_weight_decay": self.independent_weight_decay,
            "fused": self.fused,
        }

    @classmethod
    def from_config(
        cls, config: dict[str, Any], custom_objects: dict[str, Any] | None = None
    ) -> Self:
        """Return the optimizer that `get_config` described."""
        config = dict(config)
        for name in cls.scheduled:
            if isinstance(config.get(name), dict):
                config[name] = keras.saving.deserialize_keras_object(
                    config[name], custom_objects=custom_objects
                )
        return super().from_config(config, custom_objects)

    def _needs_reference(self) -> bool:
        """Return whether Keras's own update lacks an option that is set."""
        independent = bool(self.weight_decay) and self.independent_weight_decay
        return independent or any(is_schedule(getattr(self, n)) for n in self.scheduled)
