"""Weights and optimizer state carried over to another run, with nothing dropped.

Keras restores an optimizer's variables by their numbers, and where the count differs
it leaves out all of them with only a warning: momentum is gone and the schedule starts
anew. Here they are restored by name, and what cannot be is an error.
"""

import warnings
from pathlib import Path
from typing import Any

import keras

from kerasched.errors import Flag
from kerasched.errors import message
from kerasched.training.files import Saved
from kerasched.training.files import reading
from kerasched.training.held import COMPILED
from kerasched.training.held import training_optimizer
from kerasched.training.held import training_optimizers
from kerasched.training.host import copy_of
from kerasched.training.leaves import build_optimizer
from kerasched.training.named import describe
from kerasched.training.named import is_rate
from kerasched.training.named import named_variables
from kerasched.training.set_schedule import compiled
from kerasched.training.untouched import back_after_an_error


def load_training_state(
    model: keras.Model, path: str | Path, strict: bool = True
) -> None:
    """Load weights and optimizer state of a saved model into a compiled one.

    The optimizer is built first and restored by name, so that momentum and step count
    stay where a number as learning rate has become a schedule or a schedule a number,
    and where the file is of another class with the same state (Keras's SGD and a
    subclass) or of another backend. A rate that both have as a number is restored; a
    schedule is always the one that the model was compiled with.

    Optimizers that a model with a `train_step` of its own holds, in attributes, lists
    or dicts, are restored with it, as far as Keras saves them. They must be built
    before, by `optimizer.build(variables)`: a file does not tell on what.

    Args:
        model: a model that is built and compiled as the run is to go on.
        path: a `.keras` or `.weights.h5` file that Keras saved. A weights file does not
            tell what its variables are: they are known by their number and shapes.
        strict: True to raise where state would be lost or is new, with the model left
            as it was. False to warn instead: what is new starts as if never used.

    Raises:
        TypeError: an argument is of the wrong kind.
        ValueError: the model is not built or not compiled, the file is of another
            kind or holds no optimizer, or the state does not fit.
    """
    owner = "load_training_state"
    strict = Flag()(owner, "strict", strict)
    used = training_optimizers(_with_weights(model, owner))
    own = {name: one for name, one in used.items() if name != COMPILED}
    trainable = model.trainable_variables
    with Saved(path, owner) as saved, back_after_an_error(model if own else None):
        states = []
        if COMPILED in used:
            build_optimizer(model)
            values = saved.optimizer_values(model.optimizer, trainable)
            named = named_variables(model.optimizer, trainable)
            _compare(owner, str(path), named, values, trainable, strict)
            states.append((named, values))
        with reading(own) as arrays:
            model.load_weights(saved.weights_file, objects_to_skip=[model.optimizer])
        for name, optimizer in own.items():
            values = saved.own_values(name, optimizer, trainable, arrays[name])
            named = named_variables(optimizer, trainable)
            _compare(owner, str(path), named, values, trainable, strict, name)
            states.append((named, values))
        for named, values in states:
            _assign(named, values)


def copy_optimizer_state(source: Any, model: keras.Model, strict: bool = True) -> None:
    """Copy the state of an optimizer to the one that a model is now compiled with.

    For a model that is compiled anew within a run: the step count and what both
    optimizers keep for each weight, as momentum, go on.

    Args:
        source: the optimizer that trained the model until now.
        model: the model, compiled with the new optimizer. Of several optimizers that
            the model holds, the state goes to the one built on the same variables.
        strict: as in `load_training_state`.

    Raises:
        TypeError: an argument is of the wrong kind.
        ValueError: the model is not built or not compiled, `source` was never used, or
            the state does not fit.
    """
    owner = "copy_optimizer_state"
    strict = Flag()(owner, "strict", strict)
    _with_weights(model, owner)
    if not isinstance(source, keras.optimizers.Optimizer):
        raise TypeError(
            message(owner, "source", "a keras.optimizers.Optimizer", source)
        )
    if not source.built:
        raise ValueError(message(owner, "source", "an optimizer that was used", source))
    optimizer = _in_the_place_of(source, model, owner)
    trainable = model.trainable_variables
    values = {
        name: copy_of(variable)
        for name, variable in named_variables(source, trainable).items()
    }
    named = named_variables(optimizer, trainable)
    _compare(owner, "source", named, values, trainable, strict)
    _assign(named, values)


def _with_weights(model: Any, owner: str) -> Any:
    """Return a model that is compiled and built, or raise."""
    if not compiled(model, owner).built:
        fix = "Call it on data or give it an Input before"
        raise ValueError(message(owner, "model", "a model with weights", model, fix))
    return model


def _in_the_place_of(source: Any, model: Any, owner: str) -> Any:
    """Return the built optimizer that trains what another one has trained."""
    build_optimizer(model)
    trained = _trained_by(source)
    for optimizer in training_optimizers(model).values():
        if optimizer is not source and _trained_by(optimizer) == trained:
            return optimizer
    fix = "Build the new one before, on the variables that `source` was built on"
    path, optimizer = training_optimizer(model, owner, fix)
    if not optimizer.built:
        optimizer.build(source._trainable_variables)
    return optimizer


def _trained_by(optimizer: Any) -> list[int] | None:
    """Return what identifies the variables that an optimizer is built on."""
    if not optimizer.built:
        return None
    return [id(variable) for variable in optimizer._trainable_variables]


def _compare(
    owner: str,
    origin: str,
    named: Any,
    values: Any,
    trainable: Any,
    strict: bool,
    path: str = "",
) -> None:
    """Raise, or warn, where state is lost or new; raise where a shape differs.

    The attribute path is that of an optimizer of the model's own.
    """
    whose = path or "the optimizer of the model"
    for name, variable in named.items():
        if name in values and tuple(variable.shape) != values[name].shape:
            raise ValueError(
                f"{owner}: {describe([name], trainable)} has the shape "
                f"{tuple(variable.shape)} in {whose}, and "
                f"{values[name].shape} in {origin}."
            )
    lost = [name for name in values if name not in named and not is_rate(name)]
    new = [name for name in named if name not in values and not is_rate(name)]
    faults = []
    if lost:
        faults.append(f"would lose {describe(lost, trainable)}")
    if new:
        faults.append(f"does not find {describe(new, trainable)} in {origin}")
    if not faults:
        return
    text = f"{owner}: {whose} {' and '.join(faults)}."
    if strict:
        fix = "Build it as it was" if path else "Compile it as it was"
        raise ValueError(f"{text} {fix}, or pass strict=False.")
    warnings.warn(text, stacklevel=3)


def _assign(named: Any, values: Any) -> None:
    for name, variable in named.items():
        if name in values:
            variable.assign(values[name])
