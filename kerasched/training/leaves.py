"""The plain optimizers inside wrappers, and their rates and variables.

A LossScaleOptimizer contains one optimizer, a MultiOptimizer several. The inner ones,
the leaves, have the rate, the step count and the slots.
"""

from typing import Any

import keras
from keras.optimizers.schedules import LearningRateSchedule

from kerasched.training.strategy import strategy_scope


def parts(optimizer: Any) -> list[Any]:
    """Return the optimizers directly inside a wrapper, none for a plain optimizer."""
    inner = getattr(optimizer, "inner_optimizer", None)
    if inner is not None:
        return [inner]
    return list(getattr(optimizer, "optimizers", ()))


def leaves(optimizer: Any) -> list[Any]:
    """Return the plain optimizers inside an optimizer, in order."""
    inside = parts(optimizer)
    if not inside:
        return [optimizer]
    return [leaf for part in inside for leaf in leaves(part)]


def build_optimizer(model: keras.Model) -> None:
    """Build the optimizer of a compiled model, unless it is built."""
    if model.optimizer is not None and not model.optimizer.built:
        with strategy_scope(model):
            model.optimizer.build(model.trainable_variables)


def leaves_of(model: keras.Model, optimizer: Any) -> list[Any]:
    """Return the leaves of an optimizer of a model, none if they are not known.

    A MultiOptimizer may create its optimizers when it is built. That of `compile` is
    built here if the model has weights.

    Args:
        model: a compiled model.
        optimizer: an optimizer that the model holds.
    """
    if _is_undecided(optimizer):
        if optimizer is not model.optimizer or not model.built:
            return []
        build_optimizer(model)
    return leaves(optimizer)


def _is_undecided(optimizer: Any) -> bool:
    """Return whether it contains a MultiOptimizer that is not built."""
    if hasattr(optimizer, "optimizers") and not optimizer.built:
        return True
    return any(map(_is_undecided, parts(optimizer)))


def trained_by(optimizer: Any) -> list[Any] | None:
    """Return the variables that an optimizer is built on, None if it is not built.

    Keras has no public attribute with them.
    """
    return list(optimizer._trainable_variables) if optimizer.built else None


def variable_of(optimizer: Any, name: str) -> Any:
    """Return a plain optimizer's own variable by name, None if there is none."""
    named = (v for v in optimizer.variables if v.name == name)
    return next(named, None)


def step_count(optimizer: Any) -> int:
    """Return the number of steps that a plain optimizer has done, 0 if none.

    An optimizer counts from its creation on, whether or not it is built.
    """
    count = variable_of(optimizer, "iteration")
    return 0 if count is None else int(keras.ops.convert_to_numpy(count))


def rate_of(optimizer: Any) -> Any:
    """Return the rate of a plain optimizer: a variable, schedule or function.

    The public attribute returns the value of a schedule or function, so that the
    private one is used if it exists.
    """
    held = getattr(optimizer, "_learning_rate", None)
    if held is not None:
        return held
    return schedule_of(optimizer) or variable_of(optimizer, "learning_rate")


def schedule_of(optimizer: Any) -> LearningRateSchedule | None:
    """Return a plain optimizer's schedule, None if its rate is not a schedule.

    The config would contain a copy, and fails for a class that is not registered, so
    that the private attribute is used if it exists.
    """
    held = getattr(optimizer, "_learning_rate", None)
    if held is None:
        config = optimizer.get_config()["learning_rate"]
        if isinstance(config, dict):
            held = keras.saving.deserialize_keras_object(config)
    return held if isinstance(held, LearningRateSchedule) else None
