"""Replace keras.optimizers.SGD by kerasched.SGD, or back, also between two fits."""

import inspect
from typing import Any

import keras

from kerasched.errors import message
from kerasched.optimizers.arguments import is_schedule
from kerasched.optimizers.loss_scale import LossScaleOptimizer
from kerasched.optimizers.sgd import SGD
from kerasched.optimizers.sgd import KerasSGD
from kerasched.training.model_contents import COMPILED
from kerasched.training.model_contents import training_optimizers
from kerasched.training.strategy import strategy_scope

# Where Keras keeps the arguments of `exclude_from_weight_decay`; no config has them.
_EXCLUDED = (
    "_exclude_from_weight_decay",
    "_exclude_from_weight_decay_pattern",
    "_exclude_from_weight_decay_cache",
)
# Keras's loss scale and ours.
_SCALES = (keras.optimizers.LossScaleOptimizer, LossScaleOptimizer)


def accelerate(model_or_optimizer: Any, *, back: bool = False) -> Any:
    """Replace keras.optimizers.SGD by kerasched.SGD, with its config and state.

    One line speeds up a script: `kerasched.accelerate(model)` after `model.compile` or
    between two calls of `fit`. Velocities, averages, accumulated gradients and the step
    count are kept.

    Args:
        model_or_optimizer: a compiled model, which is changed; or an optimizer, which
            is not. A LossScaleOptimizer around an SGD is replaced with it.
        back: True to replace kerasched.SGD by keras.optimizers.SGD instead.

    Returns:
        The model, or the new optimizer.

    Raises:
        TypeError: there is no SGD, or `back` and the SGD has an option that Keras's
            class lacks.
        ValueError: the model trains with optimizers of its own, which must be replaced
            one by one.
    """
    if isinstance(model_or_optimizer, keras.optimizers.Optimizer):
        return _converted(model_or_optimizer, back)
    model = model_or_optimizer
    optimizer = getattr(model, "optimizer", None)
    if optimizer is None:
        what = "a compiled model or an optimizer"
        raise TypeError(
            message("accelerate", "model_or_optimizer", what, model_or_optimizer)
        )
    _refuse_own_optimizers(model)
    with strategy_scope(model):
        model.optimizer = _converted(optimizer, back)
    _register_for_saving(model, model.optimizer)
    if model.train_function is not None:
        model.make_train_function(force=True)  # The old one uses the old optimizer.
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


def _register_for_saving(model: Any, optimizer: Any) -> None:
    """Make a saved model contain this optimizer.

    Keras saves the one that `compile` was given, which has no public name;
    tests/optimizers/test_internals.py fails if that changes.
    """
    given = getattr(getattr(model, "_compile_config", None), "config", None)
    if isinstance(given, dict) and "optimizer" in given:
        given["optimizer"] = optimizer


def _converted(optimizer: Any, back: bool) -> Any:
    if isinstance(optimizer, keras.optimizers.LossScaleOptimizer):
        inner = _converted(optimizer.inner_optimizer, back)
        return _rescaled(optimizer, inner, back)
    if isinstance(optimizer, SGD):
        return _with_state_of(optimizer, _as_keras(optimizer)) if back else optimizer
    if type(optimizer) is not KerasSGD:
        what = "a model or optimizer with keras.optimizers.SGD"
        raise TypeError(message("accelerate", "model_or_optimizer", what, optimizer))
    if back:
        return optimizer
    return _with_state_of(optimizer, SGD(**_arguments(optimizer)))


def _rescaled(optimizer: Any, inner: Any, back: bool) -> Any:
    """Return a LossScaleOptimizer around another optimizer, with the same scale."""
    wanted = _SCALES[not back]
    if type(optimizer) is wanted and inner is optimizer.inner_optimizer:
        return optimizer
    if type(optimizer) not in _SCALES:  # A subclass, whose behaviour is not known.
        optimizer.inner_optimizer = inner
        return optimizer
    new = wanted(**{**optimizer.get_config(), "inner_optimizer": inner})
    if optimizer.built:
        new.build(optimizer._trainable_variables)
        _copy(optimizer._variables, new._variables)
    return new


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
    """Return the constructor's arguments, with the learning rate as the same object.

    A config would hold a copy of a schedule, if its class is registered, and cannot
    hold a function.
    """
    names = inspect.signature(keras.optimizers.SGD).parameters
    given = {name: getattr(optimizer, name) for name in names if name != "kwargs"}
    rate = optimizer._learning_rate
    given["learning_rate"] = (
        rate if callable(rate) else float(keras.ops.convert_to_numpy(rate))
    )
    return given


def _with_state_of(old: Any, new: Any) -> Any:
    """Return the new optimizer with the old one's variables and exclusions."""
    for name in _EXCLUDED:
        if hasattr(old, name):
            setattr(new, name, getattr(old, name))
    if old.built:
        new.build(old._trainable_variables)
        _copy(old.variables, new.variables)
    return new


def _copy(sources: list[Any], targets: list[Any]) -> None:
    """Give variables the values of others, in memory of their own."""
    for source, target in zip(sources, targets, strict=True):
        target.assign(keras.ops.copy(source.value))
