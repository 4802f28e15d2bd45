"""The best weights of a run, kept to be restored."""

from typing import Any

import keras

from kerasched.resuming.variable_names import named_variables
from kerasched.training.model_contents import COMPILED
from kerasched.training.model_contents import contents_of
from kerasched.training.variables import copy_of

# How the names of the weights begin.
WEIGHTS = "weights/"


class BestWeights:
    """The weights and the optimizers' slots at the last call of `take`, by name."""

    def __init__(self) -> None:
        self._arrays: dict[str, Any] = {}

    def take(self, model: keras.Model) -> None:
        """Copy the current values to the host's memory."""
        self._arrays = {n: copy_of(v) for n, v in _variables_of(model).items()}

    def restore(self, model: keras.Model) -> bool:
        """Restore the copies; return False if there are none.

        Raises:
            ValueError: they are of a model with other weights.
        """
        if not self._arrays:
            return False
        variables = _variables_of(model)
        counts = [
            sum(name.startswith(WEIGHTS) for name in names)
            for names in (self._arrays, variables)
        ]
        if counts[0] != counts[1]:
            raise ValueError(
                f"The best weights are those of a model with {counts[0]} weights. "
                f"Received: a model with {counts[1]}."
            )
        for name, variable in variables.items():
            if name in self._arrays:
                variable.assign(self._arrays[name])
        return True

    def get_arrays(self) -> dict[str, Any]:
        """Return the copies by name."""
        return dict(self._arrays)

    def set_arrays(self, arrays: dict[str, Any]) -> None:
        """Restore what `get_arrays` returned."""
        self._arrays = dict(arrays)


def _variables_of(model: keras.Model) -> dict[str, Any]:
    """Return weights, slots and the float variables that Keras does not list, by name.

    Seeds are left out.
    """
    held = contents_of(model)
    floats = keras.backend.is_float_dtype
    loose = {n: v for n, v in held.variables.items() if floats(v.dtype)}
    found = {f"{WEIGHTS}{n}": weight for n, weight in enumerate(model.weights)}
    found |= {f"slots/variable {name}": variable for name, variable in loose.items()}
    weights = [*model.trainable_variables, *loose.values()]
    for path, optimizer in held.optimizers.items():
        beginning = "slots/" if path == COMPILED else f"slots/{path}/"
        for name, variable in named_variables(optimizer, weights).items():
            if " of " in name:
                found[beginning + name] = variable
    return found
