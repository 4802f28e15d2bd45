"""The weights of a moment, to go back to."""

from typing import Any

import keras
import numpy as np

from kerasched.training.named import named_variables


class Snapshot:
    """Weights and the optimizer's slots as they were when `take` was called."""

    def __init__(self) -> None:
        self._weights: list[Any] | None = None
        self._slots: dict[str, Any] = {}

    def take(self, model: keras.Model) -> None:
        """Keep what the model has now, in the host's memory."""
        # Copies: an array may share its memory with the tensor that it came from.
        self._weights = [np.array(weight) for weight in model.get_weights()]
        self._slots = {
            name: np.array(keras.ops.convert_to_numpy(variable.value))
            for name, variable in _slots_of(model).items()
        }

    def restore(self, model: keras.Model) -> bool:
        """Go back to what was kept; False if nothing was."""
        if self._weights is None:
            return False
        model.set_weights(self._weights)
        for name, variable in _slots_of(model).items():
            if name in self._slots:
                variable.assign(self._slots[name])
        return True


def _slots_of(model: keras.Model) -> dict[str, Any]:
    """Return the optimizer's variables that belong to one of the model's weights."""
    named = named_variables(model.optimizer, model.trainable_variables)
    return {name: variable for name, variable in named.items() if " of " in name}
