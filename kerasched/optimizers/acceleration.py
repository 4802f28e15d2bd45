"""Replace Keras's optimizers by those of this package, or back, between two fits."""

import inspect
from typing import Any

import keras

from kerasched.errors import message
from kerasched.optimizers.adam import Adam
from kerasched.optimizers.adam import AdamW
from kerasched.optimizers.arguments import is_schedule
from kerasched.optimizers.fused_optimizer import FusedOptimizer
from kerasched.optimizers.fused_optimizer import backend_class
from kerasched.optimizers.lion import Lion
from kerasched.optimizers.loss_scale import LossScaleOptimizer
from kerasched.optimizers.sgd import SGD
from kerasched.training.model_contents import COMPILED
from kerasched.training.model_contents import training_optimizers
from kerasched.training.strategy import strategy_scope

# Where Keras keeps the arguments of `exclude_from_weight_decay`; no config has them.
_EXCLUDED = (
    "_exclude_from_weight_decay",
    "_exclude_from_weight_decay_pattern",
    "_exclude_from_weight_decay_cache",
)
# Keras's classes and those of this package.
_CLASSES = (
    (keras.optimizers.SGD, SGD),
    (keras.optimizers.Adam, Adam),
    (keras.optimizers.AdamW, AdamW),
    (keras.optimizers.Lion, Lion),
)
# Keras's loss scale and ours.
_SCALES = (keras.optimizers.LossScaleOptimizer, LossScaleOptimizer)


def accelerate(model_or_optimizer: Any, *, back: bool = False) -> Any:
    """Replace Keras's SGD, Adam, AdamW or Lion by that of this package.

    One line speeds up a script: `kerasched.accelerate(model)` after `model.compile` or
    between two calls of `fit`. The config, moments, averages, accumulated gradients and
    the step count are kept.

    Args:
        model_or_optimizer: a compiled model, which is changed; or an optimizer, which
            is not. A LossScaleOptimizer or MultiOptimizer around such an optimizer is
            replaced with it; other members of a MultiOptimizer stay. An instance of a
            subclass of LossScaleOptimizer is kept, and its inner optimizer replaced.
        back: True to replace the optimizers of this package by Keras's instead.

    Returns:
        The model, or the new optimizer.

    Raises:
        TypeError: there is no such optimizer, or `back` and it has an option that
            Keras's class lacks.
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
    new = _counterpart(optimizer, back)
    if new is None:
        what = "a model or optimizer with Keras's SGD, Adam, AdamW or Lion"
        raise TypeError(message("accelerate", "model_or_optimizer", what, optimizer))
    return new


def _counterpart(optimizer: Any, back: bool) -> Any:
    """Return what takes the place of an optimizer, maybe itself; None for nothing."""
    if isinstance(optimizer, keras.optimizers.LossScaleOptimizer):
        inner = _counterpart(optimizer.inner_optimizer, back)
        return None if inner is None else _rescaled(optimizer, inner, back)
    if hasattr(optimizer, "optimizers"):
        return _with_members(optimizer, back)
    if isinstance(optimizer, FusedOptimizer) and not back:
        return optimizer
    for public, ours in _CLASSES:
        made = backend_class(public)
        if type(optimizer) not in (made, ours):
            continue
        if type(optimizer) is made and back:
            return optimizer
        if type(optimizer) is ours:
            _refuse_what_keras_lacks(optimizer)
        given = _arguments(optimizer, public)
        return _with_state_of(optimizer, (public if back else ours)(**given))
    return None


def _with_members(multi: Any, back: bool) -> Any:
    """Return a MultiOptimizer with the counterparts of its members."""
    found = {id(member): _counterpart(member, back) for member in multi.optimizers}
    if all(new is None for new in found.values()):
        return None

    def replaced(member: Any) -> Any:
        new = found.get(id(member))
        return member if new is None else new

    table = multi._optimizer_map
    if isinstance(table, keras.optimizers.OptimizerMap):
        others = {pattern: replaced(table[pattern]) for pattern in table}
        new_table = keras.optimizers.OptimizerMap(
            replaced(table.default_optimizer), others
        )
    elif hasattr(table, "with_optimizers"):  # That of kerasched.layerwise.
        new_table = table.with_optimizers(map(replaced, table.values()))
    else:
        what = "a MultiOptimizer with an OptimizerMap, not with a function"
        raise TypeError(message("accelerate", "model_or_optimizer", what, table))
    scale = multi.loss_scale_factor
    new_multi = type(multi)(new_table, loss_scale_factor=scale, name=multi.name)
    if multi.built:
        new_multi.build(multi._trainable_variables)
        _copy(multi._variables, new_multi._variables)
    return new_multi


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


def _refuse_what_keras_lacks(optimizer: FusedOptimizer) -> None:
    scheduled = [n for n in optimizer.scheduled if is_schedule(getattr(optimizer, n))]
    if scheduled or optimizer.independent_weight_decay:
        names = " and ".join(name.replace("_", " ") for name in optimizer.scheduled)
        what = (
            f"an optimizer without schedules of {names} and without "
            "independent_weight_decay, to go back"
        )
        raise TypeError(message("accelerate", "model_or_optimizer", what, optimizer))


def _arguments(optimizer: Any, public: type) -> dict[str, Any]:
    """Return the arguments of Keras's constructor, the same learning rate among them.

    A config would hold a copy of a schedule, if its class is registered, and cannot
    hold a function.
    """
    names = inspect.signature(public).parameters
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
