"""From keras.optimizers.SGD to kerasched.SGD and back, in the middle of a training."""

import inspect
from typing import Any

import keras

from kerasched.errors import message
from kerasched.optimizers.arguments import is_schedule
from kerasched.optimizers.loss_scale import LossScaleOptimizer
from kerasched.optimizers.sgd import SGD
from kerasched.optimizers.update import KerasSGD
from kerasched.training.model_contents import COMPILED
from kerasched.training.model_contents import training_optimizers

# Where Keras keeps what `exclude_from_weight_decay` was told, which no config holds.
_EXCLUDED = (
    "_exclude_from_weight_decay",
    "_exclude_from_weight_decay_pattern",
    "_exclude_from_weight_decay_cache",
)
# Keras's loss scale and ours.
_SCALES = (keras.optimizers.LossScaleOptimizer, LossScaleOptimizer)


def accelerate(model_or_optimizer: Any, *, back: bool = False) -> Any:
    """Turn keras.optimizers.SGD into kerasched.SGD, with its config and state.

    One line speeds up a script: `kerasched.accelerate(model)` after `model.compile` or
    between two calls of `fit`. Velocities, averages, accumulated gradients and the step
    count go on where they were.

    Args:
        model_or_optimizer: a compiled model, which is changed; or an optimizer, which
            is not. A LossScaleOptimizer around an SGD is turned with it.
        back: True to turn kerasched.SGD into keras.optimizers.SGD instead.

    Returns:
        The model, or the optimizer that takes the other's place.

    Raises:
        TypeError: there is no SGD, or `back` and the SGD has what Keras's cannot do.
        ValueError: the model trains with optimizers of its own, which are to be turned
            one by one.
    """
    if isinstance(model_or_optimizer, keras.optimizers.Optimizer):
        return _turned(model_or_optimizer, back)
    model = model_or_optimizer
    optimizer = getattr(model, "optimizer", None)
    if optimizer is None:
        what = "a compiled model or an optimizer"
        raise TypeError(
            message("accelerate", "model_or_optimizer", what, model_or_optimizer)
        )
    _refuse_own_optimizers(model)
    model.optimizer = _turned(optimizer, back, in_a_model=True)
    _let_files_have(model, model.optimizer)
    if model.train_function is not None:
        model.make_train_function(force=True)  # The old one holds the old optimizer.
    return model


def _refuse_own_optimizers(model: Any) -> None:
    """Raise where a model trains with optimizers that it holds itself."""
    every = training_optimizers(model) if isinstance(model, keras.Model) else ()
    own = [path for path in every if path != COMPILED]
    if own:
        what = "a model that trains with the optimizer given to compile alone"
        place = f"model.{own[0]}"
        turned = f"{place} = kerasched.accelerate({place})"
        fix = f"Turn each by itself, as {turned}, before the first call of fit"
        raise ValueError(message("accelerate", "model_or_optimizer", what, own, fix))


def _let_files_have(model: Any, optimizer: Any) -> None:
    """Let a saved model have this optimizer.

    Keras saves the one that `compile` was given, which has no public name;
    tests/optimizers/test_internals.py tells when that changes.
    """
    given = getattr(getattr(model, "_compile_config", None), "config", None)
    if isinstance(given, dict) and "optimizer" in given:
        given["optimizer"] = optimizer


def _turned(optimizer: Any, back: bool, in_a_model: bool = False) -> Any:
    if isinstance(optimizer, keras.optimizers.LossScaleOptimizer):
        hides = type(optimizer) in _SCALES  # What a file is not to hold.
        inner = _turned(optimizer.inner_optimizer, back, in_a_model and hides)
        return _rescaled(optimizer, inner, back)
    if isinstance(optimizer, SGD):
        return _carried(optimizer, _as_keras(optimizer)) if back else optimizer
    if type(optimizer) is not KerasSGD:
        what = "a model or optimizer with keras.optimizers.SGD"
        raise TypeError(message("accelerate", "model_or_optimizer", what, optimizer))
    return optimizer if back else _carried(optimizer, _as_ours(optimizer, in_a_model))


def _rescaled(optimizer: Any, inner: Any, back: bool) -> Any:
    """Return a LossScaleOptimizer around another one, with the scale that it has."""
    wanted = _SCALES[not back]
    if type(optimizer) is wanted and inner is optimizer.inner_optimizer:
        return optimizer
    if type(optimizer) not in _SCALES:  # Somebody else's, who knows what it does.
        optimizer.inner_optimizer = inner
        return optimizer
    new = wanted(**{**optimizer.get_config(), "inner_optimizer": inner})
    if optimizer.built:
        new.build(optimizer._trainable_variables)
        _copy(optimizer._variables, new._variables)
    return new


def _as_ours(optimizer: Any, in_a_model: bool) -> SGD:
    made = SGD(**_arguments(optimizer))
    made.in_a_model = in_a_model
    return made


def _as_keras(optimizer: SGD) -> Any:
    lacks = is_schedule(optimizer.momentum) or is_schedule(optimizer.weight_decay)
    if lacks or optimizer.independent_weight_decay:
        what = (
            "an SGD without schedules of momentum and weight decay and without "
            "independent_weight_decay, to go back"
        )
        raise TypeError(message("accelerate", "model_or_optimizer", what, optimizer))
    return keras.optimizers.SGD(**_arguments(optimizer))


def _arguments(optimizer: Any) -> dict[str, Any]:
    """Return what an SGD was made with, the rate as the very object that it has.

    A config holds a copy of a schedule, if its class is registered, and no function.
    """
    names = inspect.signature(keras.optimizers.SGD).parameters
    given = {name: getattr(optimizer, name) for name in names if name != "kwargs"}
    rate = optimizer._learning_rate
    given["learning_rate"] = (
        rate if callable(rate) else float(keras.ops.convert_to_numpy(rate))
    )
    return given


def _carried(old: Any, new: Any) -> Any:
    """Return the new optimizer with all that the old one has learnt and been told."""
    for name in _EXCLUDED:
        if hasattr(old, name):
            setattr(new, name, getattr(old, name))
    if old.built:
        new.build(old._trainable_variables)
        _copy(_saved(old), _saved(new))
    return new


def _copy(sources: list[Any], targets: list[Any]) -> None:
    """Give variables the values of others, in memory of their own."""
    for source, target in zip(sources, targets, strict=True):
        target.assign(keras.ops.copy(source.value))


def _saved(optimizer: Any) -> list[Any]:
    """Return the variables that a file holds, which both classes have in one order."""
    if isinstance(optimizer, SGD):
        return optimizer.saved_variables
    return optimizer.variables
