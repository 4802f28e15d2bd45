"""A new learning rate for a model whose step is already compiled.

A compiled step contains the schedule that it was traced with. Assigning another one to
the optimizer has no effect until the step is compiled again.
"""

from typing import Any

import keras
from keras.optimizers.schedules import LearningRateSchedule

from kerasched.errors import message
from kerasched.schedules.arguments import Rate
from kerasched.schedules.arguments import check_of
from kerasched.schedules.constant import Constant
from kerasched.training.leaves import leaves_of
from kerasched.training.leaves import variable_of
from kerasched.training.model_contents import contents_of
from kerasched.training.model_contents import training_optimizer

OWNER = "set_schedule"
BY_NAME = "Pass a dict with a schedule for each, by these names"


def set_schedule(model: keras.Model, schedule: Any) -> None:
    """Set another learning rate of a compiled model, from its next update on.

    The optimizer keeps its state. The step is compiled again at the next update, unless
    a number replaces a number. This may be called before, between and during calls of
    `fit`.

    Args:
        model: a compiled model.
        schedule: a schedule or a number, 0 or more. A number that follows a schedule
            becomes a Constant, as Keras cannot return to a settable rate. Under a
            MultiOptimizer: one for all its optimizers, or a list or tuple with one for
            each, in the order of `optimizer.optimizers`. For a model that trains with
            several optimizers of its own: a dict of such by the attributes that have
            them, as {"a_opt": 0.1, "optimizer": schedule}.

    Raises:
        TypeError: an argument is of the wrong kind.
        ValueError: the model is not compiled, a number is out of range, the list is
            not as long as there are optimizers, the dict has a name of no optimizer,
            or it is not known which of several optimizers is meant.
    """
    compiled(model, OWNER)
    _sync_state(model)
    pairs = [
        (leaf, _checked(rate))
        for optimizer, given in _meant(model, schedule)
        for leaf, rate in _one_each(_leaves(model, optimizer), given)
    ]
    changes = [_assign(*pair) for pair in pairs]
    if any(changes):
        model.make_train_function(force=True)


def _sync_state(model: keras.Model) -> None:
    """Write the state of a running `fit` to the model's variables.

    Between two batches of `fit` on JAX only the trainer has the state. It writes it
    to the variables when a callback reads its `model`, as here.
    """
    callback = keras.callbacks.Callback()
    callback.set_model(model)
    _ = callback.model


def compiled(model: Any, owner: str) -> Any:
    """Return a compiled model, or raise in the name of `owner`."""
    if not isinstance(model, keras.Model):
        raise TypeError(message(owner, "model", "a keras.Model", model))
    if getattr(model, "optimizer", None) is None:
        fix = "Call model.compile(optimizer, ...) first"
        raise ValueError(message(owner, "model", "a compiled model", model, fix))
    return model


def with_weights(model: Any, owner: str) -> Any:
    """Return a model that is built, or raise in the name of `owner`."""
    if not model.built:
        fix = "Call it on data or give it an Input first"
        raise ValueError(message(owner, "model", "a model with weights", model, fix))
    return model


def _meant(model: keras.Model, schedule: Any) -> list[tuple[Any, Any]]:
    """Return the optimizers to change, with the rate given for each."""
    if not isinstance(schedule, dict):
        return [(training_optimizer(model, OWNER, BY_NAME)[1], schedule)]
    held = contents_of(model).optimizers
    if not schedule or not all(name in held for name in schedule):
        what = f"a dict with names among {', '.join(held)}"
        raise ValueError(message(OWNER, "schedule", what, schedule))
    return [(held[name], given) for name, given in schedule.items()]


def _leaves(model: keras.Model, optimizer: Any) -> list[Any]:
    found = leaves_of(model, optimizer)
    if not found and optimizer is model.optimizer:
        with_weights(model, OWNER)
    if not found:
        what, fix = "one whose MultiOptimizer is built", "Build it first"
        raise ValueError(message(OWNER, "model", what, model, fix))
    return found


def _one_each(optimizers: list[Any], schedule: Any) -> list[tuple[Any, Any]]:
    if not isinstance(schedule, (list, tuple)):
        return [(optimizer, schedule) for optimizer in optimizers]
    if len(schedule) != len(optimizers):
        what = f"one for each of the {len(optimizers)} optimizers"
        raise ValueError(message(OWNER, "schedule", what, schedule))
    return list(zip(optimizers, schedule, strict=True))


def _checked(rate: Any) -> Any:
    if isinstance(rate, LearningRateSchedule):
        return rate
    return check_of(Rate)(OWNER, "schedule", rate)


def _assign(optimizer: Any, rate: Any) -> bool:
    """Assign a rate, and return whether the step must be compiled again."""
    variable = variable_of(optimizer, "learning_rate")
    if variable is not None and isinstance(rate, float):
        variable.assign(rate)
        return False
    optimizer.learning_rate = Constant(rate) if isinstance(rate, float) else rate
    return True
