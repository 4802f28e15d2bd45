"""All that a model holds: its optimizers, and variables that Keras does not list.

A model whose `train_step` is its own may have optimizers of its own, as Keras's example
of a GAN has, beside or instead of `model.optimizer`. What is held is found by one walk
through attributes, lists, tuples and dicts, and is known by its attribute path, as
"a_opt", "nets/generator/opt" or "optimizers/0"; `model.optimizer` is "optimizer".
"""

import dataclasses
import inspect
import sys
from collections import deque
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np

from kerasched.errors import message
from kerasched.training.leaves import leaves
from kerasched.training.leaves import leaves_of
from kerasched.training.leaves import parts
from kerasched.training.leaves import variable_of

COMPILED = "optimizer"

# What a model has of itself twice, or of what compile makes, which fit resets.
_LISTED = {
    *("_tracker", "_metrics", "_trainable_variables", "_non_trainable_variables"),
    *("_seed_generators", "_compile_metrics", "_compile_loss", "_loss_tracker"),
    *("_jax_state", "_torch_params"),
}
# Where a layer is found if no attribute has it.
_LAST = ("_functional", "_layers", "_operations")
_TORCH_MODULES = "_modules"
_PLAIN = (str, bytes, int, float, complex, bool, type(None), np.ndarray, np.generic)
_FRAMEWORKS = {"tensorflow", "torch", "jax", "jaxlib", "numpy", "keras", "kerasched"}
_NOT_HELD = (keras.callbacks.Callback, keras.utils.PyDataset, type)
# What a model overrides whose own step may apply other optimizers.
_OWN_STEP = ("train_step", "make_train_function")


@dataclasses.dataclass(frozen=True)
class ModelContents:
    """What a model holds, by attribute paths.

    Attributes:
        optimizers: the optimizers, `model.optimizer` first; those inside another one
            are a part of it.
        metrics: the metrics, but for those that `compile` makes.
        variables: the variables that are none of the above's and that
            `model.variables` does not have.
    """

    optimizers: dict[str, Any]
    metrics: dict[str, Any]
    variables: dict[str, Any]


def contents_of(model: Any) -> ModelContents:
    """Return what a model holds, at whatever depth."""
    found = dict(_walk(model))
    optimizers = _of(keras.optimizers.Optimizer, found)
    inner = {id(one) for each in optimizers.values() for one in _inside(each)}
    optimizers = {n: one for n, one in optimizers.items() if id(one) not in inner}
    metrics = _of(keras.metrics.Metric, found)
    owners = [*optimizers.values(), *metrics.values()]
    known = [variable for owner in owners for variable in owner.variables]
    listed = {id(v) for v in (*known, *model.variables, *model.metrics_variables)}
    variables = _of(keras.Variable, found)
    loose = {n: v for n, v in variables.items() if id(v) not in listed}
    return ModelContents(optimizers, metrics, loose)


def every_variable(model: Any) -> list[Any]:
    """Return all variables of a model and of all that it holds, each once."""
    held = contents_of(model)
    owners = [*held.optimizers.values(), *held.metrics.values()]
    every = [*model.variables, *model.metrics_variables, *held.variables.values()]
    every += [variable for owner in owners for variable in owner.variables]
    return list({id(variable): variable for variable in every}.values())


def training_optimizers(model: Any) -> dict[str, Any]:
    """Return the optimizers that train a model, by attribute paths.

    Keras's own step applies `model.optimizer` alone. A step of the model's own may
    apply any that is held, but for the RMSprop that `compile` makes where no optimizer
    is given, as long as it has done no step.
    """
    if not _has_own_step(model):
        optimizer = getattr(model, COMPILED, None)
        return {} if optimizer is None else {COMPILED: optimizer}
    every = contents_of(model).optimizers
    used = {n: one for n, one in every.items() if not _is_left_over(n, one)}
    return used or every


def training_optimizer(model: Any, owner: str, fix: str = "") -> tuple[str, Any]:
    """Return the path and the one optimizer that trains a compiled model.

    Args:
        model: the model.
        owner: the class or function in whose name errors are raised.
        fix: what to do where there are several, if it is not set_schedule.

    Raises:
        ValueError: there are several, or none.
    """
    found = training_optimizers(model)
    if len(found) == 1:
        return next(iter(found.items()))
    if not found:
        fix = "Call model.compile(optimizer, ...) before"
        raise ValueError(message(owner, "model", "a compiled model", model, fix))
    rates = ", ".join(f"{name!r}: rate" for name in found)
    what = "the only one that trains the model, as it is not known which rate is meant"
    fix = fix or (
        f"Set the rate of each with set_schedule(model, {{{rates}}}). If one of them "
        "is not used, set its attribute to None"
    )
    raise ValueError(message(owner, "optimizer", what, list(found), fix))


def training_leaves(model: Any, owner: str) -> list[Any]:
    """Return the plain optimizers of the one that trains a model, as `leaves_of` does.

    Raises:
        ValueError: several train it, so that it is not known which rate is meant.
    """
    _, optimizer = training_optimizer(model, owner)
    return leaves_of(model, optimizer)


def _has_own_step(model: Any) -> bool:
    cls, base = type(model), keras.Model
    return any(
        getattr(cls, name) is not getattr(base, name) or name in vars(model)
        for name in _OWN_STEP
    )


def _is_left_over(name: str, optimizer: Any) -> bool:
    """Return whether an optimizer is what `compile` makes by default, and is unused."""
    if name.rpartition("/")[2] != COMPILED:
        return False
    (leaf, *others) = leaves(optimizer)
    if others or not isinstance(leaf, keras.optimizers.RMSprop):
        return False
    count = variable_of(leaf, "iteration")
    return int(keras.ops.convert_to_numpy(count.value)) == 0 and _is_default(leaf)


def _is_default(optimizer: Any) -> bool:
    config = optimizer.get_config()
    arguments = inspect.signature(type(optimizer)).parameters
    given = {n: config[n] for n in arguments if n in config and n != "name"}
    rate = given.pop("learning_rate")
    default = arguments["learning_rate"].default
    same = isinstance(rate, float) and np.float32(rate) == np.float32(default)
    return same and all(v == arguments[n].default for n, v in given.items())


def _inside(optimizer: Any) -> Iterator[Any]:
    for part in parts(optimizer):
        yield part
        yield from _inside(part)


def _of(kind: type, found: dict[str, Any]) -> dict[str, Any]:
    return {name: one for name, one in found.items() if isinstance(one, kind)}


def _walk(model: Any) -> Iterator[tuple[str, Any]]:
    """Give each optimizer, metric and variable once, by the shortest path to it."""
    ends = (keras.optimizers.Optimizer, keras.metrics.Metric, keras.Variable)
    waiting, seen = deque([("", model)]), {id(model)}
    if getattr(model, COMPILED, None) is not None:
        seen.add(id(model.optimizer))
        yield COMPILED, model.optimizer
    while waiting:
        path, owner = waiting.popleft()
        for name, value in _children(owner):
            if isinstance(value, _PLAIN) or id(value) in seen:
                continue
            seen.add(id(value))
            inner = f"{path}/{name}" if path else name
            if isinstance(value, ends):
                yield inner, value
            elif isinstance(value, keras.random.SeedGenerator):
                seen.add(id(value.state))
                yield inner, value.state
            else:
                waiting.append((inner, value))


def _children(owner: Any) -> Iterator[tuple[str, Any]]:
    """Give what an object holds directly, with the last part of its path."""
    if isinstance(owner, dict):
        # It may be large, as a vocabulary is: its keys are not all made names of.
        pairs = [(key, v) for key, v in owner.items() if not isinstance(v, _PLAIN)]
        # A colon parts owners and names in the files of BackupAndRestore.
        yield from ((str(key).replace(":", "."), value) for key, value in pairs)
    elif isinstance(owner, (list, tuple)):
        yield from ((str(place), value) for place, value in enumerate(list(owner)))
    elif _is_looked_into(owner):
        names = {**vars(owner), **vars(owner).get(_TORCH_MODULES, {})}
        last = [name for name in _LAST if name in names]
        for name in [n for n in names if n not in _LAST] + last:
            if name not in _LISTED and name != _TORCH_MODULES:
                yield name.removeprefix("_") if name in _LAST else name, names[name]


def _is_looked_into(owner: Any) -> bool:
    """Return whether an object's attributes are the model's, and no framework's own."""
    if isinstance(owner, (keras.Layer, keras.Loss)):
        return True
    if isinstance(owner, _NOT_HELD) or not hasattr(owner, "__dict__"):
        return False
    package = type(owner).__module__.partition(".")[0]
    return package == "types" or not (
        package in _FRAMEWORKS or package in sys.stdlib_module_names
    )
