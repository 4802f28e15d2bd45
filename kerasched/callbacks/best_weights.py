"""The best weights of a run, kept to be restored."""

from typing import Any

import keras

from kerasched.resuming.variable_names import named_variables
from kerasched.training.model_contents import COMPILED
from kerasched.training.model_contents import contents_of
from kerasched.training.variables import copy_of


class BestWeights:
    """The weights and the optimizers' slots at the last call of `take`."""

    def __init__(self) -> None:
        self._weights: list[Any] | None = None
        self._slots: dict[str, Any] = {}

    def take(self, model: keras.Model) -> None:
        """Copy the current values to the host's memory."""
        self._weights = [copy_of(weight) for weight in model.weights]
        self._slots = {
            name: copy_of(variable) for name, variable in _slots_of(model).items()
        }

    def restore(self, model: keras.Model) -> bool:
        """Restore the copies; return False if there are none."""
        if self._weights is None:
            return False
        model.set_weights(self._weights)
        for name, variable in _slots_of(model).items():
            if name in self._slots:
                variable.assign(self._slots[name])
        return True

    def get_arrays(self) -> dict[str, Any]:
        """Return the copies by name."""
        weights = enumerate(self._weights or ())
        kept = {f"weights/{number}": weight for number, weight in weights}
        return {**kept, **{f"slots/{name}": a for name, a in self._slots.items()}}

    def set_arrays(self, arrays: dict[str, Any]) -> None:
        """Restore what `get_arrays` returned."""
        kinds: dict[str, dict[str, Any]] = {"weights": {}, "slots": {}}
        for name, array in arrays.items():
            kind, _, rest = name.partition("/")
            kinds[kind][rest] = array
        self._weights = list(kinds["weights"].values()) or None
        self._slots = kinds["slots"]


def _slots_of(model: keras.Model) -> dict[str, Any]:
    """Return the slots by name, and the model's variables that Keras does not list.

    Seeds are left out.
    """
    held = contents_of(model)
    floats = keras.backend.is_float_dtype
    loose = {n: v for n, v in held.variables.items() if floats(v.dtype)}
    slots = {f"variable {name}": variable for name, variable in loose.items()}
    weights = [*model.trainable_variables, *loose.values()]
    for path, optimizer in held.optimizers.items():
        beginning = "" if path == COMPILED else f"{path}/"
        for name, variable in named_variables(optimizer, weights).items():
            if " of " in name:
                slots[beginning + name] = variable
    return slots
