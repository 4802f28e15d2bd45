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
from kerasched.training.files import state_for
from kerasched.training.host import copy_of
from kerasched.training.leaves import build_optimizer
from kerasched.training.leaves import leaves
from kerasched.training.leaves import variable_of
from kerasched.training.named import describe
from kerasched.training.named import is_rate
from kerasched.training.named import named_variables
from kerasched.training.set_schedule import optimizer_of


def load_training_state(
    model: keras.Model, path: str | Path, strict: bool = True
) -> None:
    """Load weights and optimizer state of a saved model into a compiled one.

    The optimizer is built first and restored by name, so that momentum and step count
    stay where a number as learning rate has become a schedule or a schedule a number,
    and where the file is of another class with the same state (Keras's SGD and a
    subclass) or of another backend. A rate that both have as a number is restored; a
    schedule is always the one that the model was compiled with.

    Args:
        model: a model that is built and compiled as the run is to go on.
        path: a `.keras` or `.weights.h5` file that Keras saved. A `.keras` file tells
            which layers were trainable, so that others may be now. A weights file does
            not tell what its variables are: they are known by their number and shapes,
            and the same layers must be trainable as when it was saved.
        strict: True to raise where state would be lost or is new, with the model left
            as it was. False to warn instead: what is in the file and in the model is
            restored, what is new, as for a layer that was frozen, starts as if never
            used, and what is lost is dropped.

    Raises:
        TypeError: an argument is of the wrong kind.
        ValueError: the model is not built or not compiled, the file is of another
            kind, damaged or holds no optimizer, or the state does not fit.
        OSError: the file is not there or cannot be read.
    """
    owner = "load_training_state"
    strict = Flag()(owner, "strict", strict)
    optimizer = _built_optimizer_of(model, owner)
    with Saved(path, owner) as saved:
        values = saved.optimizer_values(model)
        new = _compare(owner, str(path), model, values, strict)
        values.update(_never_used(owner, model, new))
        model.load_weights(saved.weights_file, objects_to_skip=[optimizer])
    _assign(model, values, new)


def copy_optimizer_state(source: Any, model: keras.Model, strict: bool = True) -> None:
    """Copy the state of an optimizer to the one that a model is now compiled with.

    For a model that is compiled anew within a run: the step count and what both
    optimizers keep for each weight, as momentum, go on.

    Args:
        source: the optimizer that trained the model until now.
        model: the model, compiled with the new optimizer.
        strict: as in `load_training_state`.

    Raises:
        TypeError: an argument is of the wrong kind.
        ValueError: the model is not built or not compiled, `source` was never used, or
            the state does not fit.
    """
    owner = "copy_optimizer_state"
    strict = Flag()(owner, "strict", strict)
    _built_optimizer_of(model, owner)
    if not isinstance(source, keras.optimizers.Optimizer):
        raise TypeError(
            message(owner, "source", "a keras.optimizers.Optimizer", source)
        )
    if not source.built:
        raise ValueError(message(owner, "source", "an optimizer that was used", source))
    values = state_for(source, model)
    new = _compare(owner, "source", model, values, strict)
    values.update(_never_used(owner, model, new))
    _assign(model, values, new)


def _built_optimizer_of(model: Any, owner: str) -> Any:
    optimizer = optimizer_of(model, owner)
    if not model.built:
        fix = "Call it on data or give it an Input before"
        raise ValueError(message(owner, "model", "a model with weights", model, fix))
    build_optimizer(model)
    return optimizer


def _compare(
    owner: str, origin: str, model: Any, values: dict[str, Any], strict: bool
) -> list[str]:
    """Return the names of what is new.

    Raise, or warn, where state is lost or new; raise where a shape differs.
    """
    weights = model.weights
    named = named_variables(model.optimizer, weights)
    for name, variable in named.items():
        if name in values and tuple(variable.shape) != values[name].shape:
            raise ValueError(
                f"{owner}: {describe([name], weights)} has the shape "
                f"{tuple(variable.shape)} in the optimizer of the model, and "
                f"{values[name].shape} in {origin}."
            )
    lost = [name for name in values if name not in named and not is_rate(name)]
    new = [name for name in named if name not in values and not is_rate(name)]
    faults = []
    if lost:
        faults.append(f"would lose {describe(lost, weights)}")
    if new:
        faults.append(f"does not find {describe(new, weights)} in {origin}")
    if not faults:
        return []
    text = f"{owner}: the optimizer of the model {' and '.join(faults)}."
    if strict:
        raise ValueError(f"{text} Compile it as it was, or pass strict=False.")
    if new:
        text = f"{text} What it does not find starts as if never used."
    warnings.warn(text, stacklevel=3)
    return new


def _never_used(owner: str, model: Any, new: list[str]) -> dict[str, Any]:
    """Return what the new state of an optimizer is before its first update."""
    optimizer, weights = model.optimizer, model.weights
    counts = [variable_of(leaf, "iteration") for leaf in leaves(optimizer)]
    if not new or not any(int(count) for count in counts if count is not None):
        return {}  # It is as it was built.
    try:
        fresh = type(optimizer).from_config(optimizer.get_config())
    except Exception as error:  # A function as its map, or a class not registered.
        text = f"{owner} cannot make an unused copy of the optimizer of the model."
        raise ValueError(f"{text} Compile the model anew before.") from error
    fresh.build(model.trainable_variables)
    named = named_variables(fresh, weights)
    return {name: copy_of(named[name]) for name in new}


def _assign(model: Any, values: dict[str, Any], new: list[str]) -> None:
    named = named_variables(model.optimizer, model.weights)
    for name, variable in named.items():
        if name in values:
            variable.assign(values[name])
    if any(getattr(leaf, "use_ema", False) for leaf in leaves(model.optimizer)):
        # The first update would begin an average at its weight, and is past.
        for name in new:
            role, _, place = name.partition(" of ")
            if role == "average":
                named[name].assign(model.weights[int(place)].value)
