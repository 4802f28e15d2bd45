"""Weights and optimizer state carried over to another run, with nothing dropped.

Keras restores an optimizer's variables by their order. If their number differs, it only
warns and restores none of them: momentum is gone and the schedule starts anew. Here
they are restored by name, and state that cannot be restored is an error.
"""

import warnings
from pathlib import Path
from typing import Any

import keras

from kerasched.errors import Flag
from kerasched.errors import message
from kerasched.resuming.saved_model import opened
from kerasched.resuming.saved_model import reading
from kerasched.resuming.saved_model import state_for
from kerasched.resuming.variable_names import describe
from kerasched.resuming.variable_names import is_rate
from kerasched.resuming.variable_names import named_variables
from kerasched.training.leaves import build_optimizer
from kerasched.training.leaves import leaves
from kerasched.training.leaves import step_count
from kerasched.training.leaves import trained_by
from kerasched.training.model_contents import COMPILED
from kerasched.training.model_contents import contents_of
from kerasched.training.model_contents import training_optimizer
from kerasched.training.model_contents import training_optimizers
from kerasched.training.restored import restored_on_error
from kerasched.training.set_schedule import compiled
from kerasched.training.set_schedule import with_weights
from kerasched.training.strategy import strategy_scope
from kerasched.training.variables import copy_of


def load_training_state(
    model: keras.Model, path: str | Path, strict: bool = True
) -> None:
    """Load weights and optimizer state of a saved model into a compiled one.

    The optimizer is built first and restored by name. So momentum and step count are
    kept if the learning rate was a number and is now a schedule, or the reverse, if the
    optimizer in the file is of another class with the same state (Keras's SGD and a
    subclass), and if the file is from another backend. If both rates are numbers, the
    rate is restored; a schedule is always the one that the model was compiled with.

    Optimizers that the model holds in attributes, lists or dicts are restored too, if
    Keras saves them. Build them before, by `optimizer.build(variables)`: a file does
    not say which variables they were built on.

    Args:
        model: a model that is built, and compiled for the rest of the run.
        path: a `.keras` or `.weights.h5` file that Keras saved. A `.keras` file says
            which layers were trainable, so that this may have changed. A weights file
            does not name its variables: they are matched by number and shapes, and the
            same layers must be trainable as when it was saved.
        strict: True to raise if saved state has no variable in the model, or a variable
            has no saved state; the model is then unchanged. False to warn instead: all
            that matches is restored, saved state without a variable is dropped, and
            variables without saved state, as for a layer that was frozen, start at
            their initial values.

    Raises:
        TypeError: an argument is of the wrong kind.
        ValueError: the model is not built or not compiled, the file is of another
            kind, damaged or holds no optimizer, or the state does not fit.
        OSError: the file is not there or cannot be read.
    """
    owner = "load_training_state"
    strict = Flag()(owner, "strict", strict)
    used = training_optimizers(with_weights(compiled(model, owner), owner))
    # A custom loop may apply optimizers that the model's own step does not.
    own = {
        name: optimizer
        for name, optimizer in contents_of(model).optimizers.items()
        if name != COMPILED and (name in used or optimizer.built)
    }
    restoring = restored_on_error(model if own else None)
    with strategy_scope(model), opened(path, owner) as saved, restoring:
        restored = []
        if COMPILED in used:
            build_optimizer(model)
            target = _StateTarget(owner, str(path), model, model.optimizer)
            restored.append(
                (target, target.filled(saved.optimizer_values(model), strict))
            )
        with reading(own) as arrays:
            model.load_weights(saved.weights_file, objects_to_skip=[model.optimizer])
        for name, optimizer in own.items():
            if name not in used and not arrays[name]:
                continue  # It is not in the file, and may not be in use.
            target = _StateTarget(owner, str(path), model, optimizer, name)
            values = saved.own_values(name, optimizer, model.weights, arrays[name])
            restored.append((target, target.filled(values, strict)))
        for target, values in restored:
            target.assign(values)


def copy_optimizer_state(source: Any, model: keras.Model, strict: bool = True) -> None:
    """Copy the state of an optimizer to the one that a model is now compiled with.

    For a model that is compiled again during a run: the step count is kept, and the
    state for each weight that both optimizers have, such as momentum.

    Args:
        source: the optimizer that has trained the model.
        model: the model, compiled with the new optimizer. If the model holds
            several, the state goes to the one built on the same variables.
        strict: as in `load_training_state`.

    Raises:
        TypeError: an argument is of the wrong kind.
        ValueError: the model is not built or not compiled, `source` was never used, or
            the state does not fit.
    """
    owner = "copy_optimizer_state"
    strict = Flag()(owner, "strict", strict)
    with_weights(compiled(model, owner), owner)
    if not isinstance(source, keras.optimizers.Optimizer):
        raise TypeError(
            message(owner, "source", "a keras.optimizers.Optimizer", source)
        )
    if not source.built:
        raise ValueError(message(owner, "source", "an optimizer that was used", source))
    with strategy_scope(model):
        optimizer = _successor_of(source, model, owner)
        target = _StateTarget(owner, "source", model, optimizer)
        values = state_for(source, optimizer, model.weights)
        target.assign(target.filled(values, strict))


def _successor_of(source: Any, model: Any, owner: str) -> Any:
    """Return the built optimizer for the variables that another one has trained."""
    build_optimizer(model)
    trained = trained_by(source)
    for optimizer in training_optimizers(model).values():
        if optimizer is not source and _are_same(trained_by(optimizer), trained):
            return optimizer
    fix = "Build the new one before, on the variables that `source` was built on"
    path, optimizer = training_optimizer(model, owner, fix)
    if not optimizer.built:
        optimizer.build(trained)
    return optimizer


def _are_same(variables: list[Any] | None, others: list[Any] | None) -> bool:
    if variables is None or others is None:
        return False
    return list(map(id, variables)) == list(map(id, others))


class _StateTarget:
    """An optimizer of a model whose state is restored.

    Args:
        owner: the function in whose name errors are raised.
        origin: where the state comes from.
        model: the model.
        optimizer: the optimizer, which is built.
        path: the attribute path of an optimizer of the model's own.
    """

    def __init__(
        self, owner: str, origin: str, model: Any, optimizer: Any, path: str = ""
    ) -> None:
        self._owner, self._origin, self._optimizer = owner, origin, optimizer
        self._whose = path or "the optimizer of the model"
        same = "Compile the model with the same optimizer and options"
        self._fix = "Build it on the same variables" if path else same
        self._weights = model.weights
        self._trainable = trained_by(optimizer) if path else model.trainable_variables
        self._named = named_variables(optimizer, self._weights)
        self._new: list[str] = []

    def filled(self, values: dict[str, Any], strict: bool) -> dict[str, Any]:
        """Add initial values for variables without saved state.

        Raise if a shape differs; raise or warn if variables and saved state differ.
        """
        for name, variable in self._named.items():
            if name in values and tuple(variable.shape) != values[name].shape:
                raise ValueError(
                    f"{self._owner}: {describe([name], self._weights)} has the shape "
                    f"{tuple(variable.shape)} in {self._whose}, and "
                    f"{values[name].shape} in {self._origin}."
                )
        named = self._named
        lost = [name for name in values if name not in named and not is_rate(name)]
        self._new = [n for n in named if n not in values and not is_rate(n)]
        self._report(lost, strict)
        return {**values, **self._initial_values()}

    def assign(self, values: dict[str, Any]) -> None:
        """Assign what `filled` returned."""
        for name, variable in self._named.items():
            if name in values:
                variable.assign(values[name])
        if any(getattr(leaf, "use_ema", False) for leaf in leaves(self._optimizer)):
            # Keras starts an average at the weight in its first update, which is past.
            for name in self._new:
                role, _, place = name.partition(" of ")
                if role == "average":
                    self._named[name].assign(self._weights[int(place)].value)

    def _report(self, lost: list[str], strict: bool) -> None:
        faults = []
        if lost:
            verb = "cannot restore" if strict else "drops"
            faults.append(f"{verb} {describe(lost, self._weights)}")
        if self._new:
            new = describe(self._new, self._weights)
            faults.append(f"does not find {new} in {self._origin}")
        if not faults:
            return
        text = f"{self._owner}: {self._whose} {' and '.join(faults)}."
        if strict:
            raise ValueError(f"{text} {self._fix}, or pass strict=False.")
        if self._new:
            text = (
                f"{text} Variables without saved state start at their initial values."
            )
        warnings.warn(text, stacklevel=4)

    def _initial_values(self) -> dict[str, Any]:
        """Return the initial values of the variables without saved state."""
        optimizer = self._optimizer
        if not self._new or not any(map(step_count, leaves(optimizer))):
            return {}  # They have these values.
        try:
            fresh = type(optimizer).from_config(optimizer.get_config())
        except Exception as error:  # A function, or a class that is not registered.
            text = f"{self._owner} cannot create an unused copy of {self._whose}."
            raise ValueError(f"{text} Compile the model again first.") from error
        fresh.build(self._trainable)
        named = named_variables(fresh, self._weights)
        return {name: copy_of(named[name]) for name in self._new}
