"""The contents of a model: its optimizers, and variables that Keras does not list.

A model with a custom `train_step` may have its own optimizers, as Keras's GAN example,
besides or instead of `model.optimizer`. The contents are found by a search through
attributes, lists, tuples and dicts, and named by attribute path, such as "a_opt",
"nets/generator/opt" or "optimizers/0"; `model.optimizer` is "optimizer".
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
from kerasched.training.leaves import step_count

COMPILED = "optimizer"

# Attributes that repeat others, or that `compile` creates and `fit` resets.
_LISTED = {
    *("_tracker", "_metrics", "_trainable_variables", "_non_trainable_variables"),
    *("_seed_generators", "_compile_metrics", "_compile_loss", "_loss_tracker"),
    *("_jax_state", "_torch_params"),
}
# Attributes to search last, for layers that no other attribute has.
_LAST = ("_functional", "_layers", "_operations")
_TORCH_MODULES = "_modules"
_PLAIN = (str, bytes, int, float, complex, bool, type(None), np.ndarray, np.generic)
_FRAMEWORKS = {"tensorflow", "torch", "jax", "jaxlib", "numpy", "keras", "kerasched"}
_NOT_SEARCHED = (keras.callbacks.Callback, keras.utils.PyDataset, type)
# The methods that a model with other optimizers overrides.
_OWN_STEP = ("train_step", "make_train_function")


@dataclasses.dataclass(frozen=True)
class ModelContents:
    """The contents of a model by attribute path.

    Attributes:
        optimizers: the optimizers, `model.optimizer` first, without those inside
            others.
        metrics: the metrics, without those that `compile` creates.
        variables: the variables of neither of these that `model.variables` does not
            have.
    """

    optimizers: dict[str, Any]
    metrics: dict[str, Any]
    variables: dict[str, Any]


def contents_of(model: Any) -> ModelContents:
    """Return the contents of a model, at any depth."""
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
    """Return all variables of a model and its contents, each once."""
    held = contents_of(model)
    owners = [*held.optimizers.values(), *held.metrics.values()]
    every = [*model.variables, *model.metrics_variables, *held.variables.values()]
    every += [variable for owner in owners for variable in owner.variables]
    return list({id(variable): variable for variable in every}.values())


def training_optimizers(model: Any) -> dict[str, Any]:
    """Return the optimizers that train a model, by attribute path.

    Keras's own step applies `model.optimizer` only. A custom step may apply any of the
    model's optimizers, except an unused RMSprop that `compile` created by default.
    """
    if not has_own_step(model):
        optimizer = getattr(model, COMPILED, None)
        return {} if optimizer is None else {COMPILED: optimizer}
    every = contents_of(model).optimizers
    used = {n: one for n, one in every.items() if not _is_unused_default(n, one)}
    return used or every


def training_optimizer(model: Any, owner: str, fix: str = "") -> tuple[str, Any]:
    """Return the path and the one optimizer that trains a compiled model.

    Args:
        model: the model.
        owner: the class or function that error messages name.
        fix: the hint if there are several, by default to call set_schedule.

    Raises:
        ValueError: there are several, or none.
    """
    found = training_optimizers(model)
    if len(found) == 1:
        return next(iter(found.items()))
    if not found:
        fix = "Call model.compile(optimizer, ...) first"
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


def has_own_step(model: Any) -> bool:
    """Return whether a model overrides the step that Keras makes for it."""
    cls, base = type(model), keras.Model
    return any(
        getattr(cls, name) is not getattr(base, name) or name in vars(model)
        for name in _OWN_STEP
    )


def _is_unused_default(name: str, optimizer: Any) -> bool:
    """Return whether it is the default optimizer of `compile`, and is unused."""
    if name.rpartition("/")[2] != COMPILED:
        return False
    (leaf, *others) = leaves(optimizer)
    if others or not isinstance(leaf, keras.optimizers.RMSprop):
        return False
    return step_count(leaf) == 0 and _is_default(leaf)


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
    """Yield each optimizer, metric and variable once, with the shortest path to it."""
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
    """Yield the direct contents of an object, with the last part of their path."""
    if isinstance(owner, dict):
        # A dict may be large, such as a vocabulary: convert only the keys needed.
        pairs = [(key, v) for key, v in owner.items() if not isinstance(v, _PLAIN)]
        # A colon separates owners and names in the files of BackupAndRestore.
        yield from ((str(key).replace(":", "."), value) for key, value in pairs)
    elif isinstance(owner, (list, tuple)):
        yield from ((str(place), value) for place, value in enumerate(list(owner)))
    elif _is_searched(owner):
        names = {**vars(owner), **vars(owner).get(_TORCH_MODULES, {})}
        last = [name for name in _LAST if name in names]
        for name in [n for n in names if n not in _LAST] + last:
            if name not in _LISTED and name != _TORCH_MODULES:
                yield name.removeprefix("_") if name in _LAST else name, names[name]


def _is_searched(owner: Any) -> bool:
    """Return whether to search the attributes of an object."""
    if isinstance(owner, (keras.Layer, keras.Loss)):
        return True
    if isinstance(owner, _NOT_SEARCHED) or not hasattr(owner, "__dict__"):
        return False
    package = type(owner).__module__.partition(".")[0]
    return package == "types" or not (
        package in _FRAMEWORKS or package in sys.stdlib_module_names
    )
