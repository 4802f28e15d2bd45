"""All variables of a model, its optimizers and its other contents, by name.

No file of Keras has them all: none has the states of dropout's seeds.

The name of a variable begins with its owner: "model", "optimizer" for the one that
`compile` was given, "optimizer a_opt" for another one by its attribute path, "metric"
or "variable" for one that Keras does not list and no optimizer has.
"""

from collections.abc import Iterator
from typing import Any

import keras
import numpy as np

from kerasched.resuming.encoding import Arrays
from kerasched.training.leaves import build_optimizer
from kerasched.training.leaves import trained_by
from kerasched.training.model_contents import COMPILED
from kerasched.training.model_contents import contents_of
from kerasched.training.model_contents import training_optimizers
from kerasched.training.strategy import strategy_scope
from kerasched.training.variables import assign
from kerasched.training.variables import copy_of
from kerasched.training.variables import in_parts

MODEL, METRIC, VARIABLE = "model", "metric", "variable"
# Owners of the variables that an optimizer can be built on.
TRAINABLE_OWNERS = (MODEL, VARIABLE)

# The prefixes of array names.
OWNERS = (f"{MODEL}:", COMPILED, f"{METRIC}:", f"{VARIABLE}:")

Named = dict[str, Any]
# For each optimizer the names of the variables that it is built on, None if unbuilt.
BuiltOn = dict[str, list[str] | None]


def arrays_of(model: keras.Model) -> Arrays:
    """Return copies of all variables of a model and its contents."""
    return {name: _copy(variable) for name, variable in _every(model)}


def help_to_copy(model: keras.Model) -> None:
    """Send what `arrays_of` in another process needs of variables in parts."""
    for _, variable in _every(model):
        if in_parts(variable):
            _copy(variable)


def built_on(model: keras.Model) -> BuiltOn:
    """Return the names of the variables that each optimizer is built on."""
    owned = _owned(model)
    names = {
        id(v): name for owner in TRAINABLE_OWNERS for name, v in owned[owner].items()
    }
    return {
        _owner_of(path): _names_of(optimizer, names)
        for path, optimizer in contents_of(model).optimizers.items()
    }


def set_arrays(model: keras.Model, arrays: Arrays, built: BuiltOn | None) -> None:
    """Assign what `arrays_of` returned to a model and its contents.

    Variables are matched by name. If the names of an owner differ, as those of a model
    that is created a second time in a process, they are matched by order. Optimizers
    that were built are built. Metrics that do not exist are skipped, as the first batch
    may build them.

    Args:
        model: the model.
        arrays: what `arrays_of` returned.
        built: what `built_on` returned; None if it is not known.

    Raises:
        ValueError: the variables do not match. None is assigned then.
    """
    _build(model, arrays, built)
    owned, pairs = _owned(model), []
    untold = {METRIC} if built is not None else {METRIC, *_idle(model)}
    for owner in dict.fromkeys([*map(_owner, arrays), *owned]):
        named = owned.get(owner, {})
        values = {
            now: arrays[then] for then, now in _renamed(owner, named, arrays).items()
        }
        if owner not in untold:
            _compare(named, values, never_built=(built or {}).get(owner, ()) is None)
        pairs += [
            (variable, values[name])
            for name, variable in named.items()
            if _kind(values.get(name)) == _kind(variable)
        ]
    for variable, value in pairs:
        assign(variable, value)


def _every(model: keras.Model) -> Iterator[tuple[str, Any]]:
    for named in _owned(model).values():
        yield from named.items()


def _owned(model: keras.Model) -> dict[str, Named]:
    """Return the variables by owner and name."""
    held = contents_of(model)
    owned = {MODEL: _by_path(MODEL, model.variables)}
    for path, optimizer in held.optimizers.items():
        owned[_owner_of(path)] = _by_path(_owner_of(path), optimizer.variables)
    metrics = held.metrics.items()
    owned[METRIC] = {
        f"{METRIC}:{path}/{place}": variable
        for path, metric in metrics
        for place, variable in enumerate(metric.variables)
    }
    loose = held.variables.items()
    owned[VARIABLE] = {f"{VARIABLE}:{path}": variable for path, variable in loose}
    return owned


def _idle(model: keras.Model) -> list[str]:
    """Return the owners of optimizers that do not train a model.

    Files of earlier versions have only the optimizer of `compile`.
    """
    idle = set(contents_of(model).optimizers) - {COMPILED, *training_optimizers(model)}
    return [_owner_of(path) for path in idle]


def _by_path(owner: str, variables: Any) -> Named:
    seen: dict[str, int] = {}
    named = {}
    for variable in variables:
        number = seen[variable.path] = seen.get(variable.path, 0) + 1
        ending = f"#{number}" if number > 1 else ""
        named[f"{owner}:{variable.path}{ending}"] = variable
    return named


def _owner_of(path: str) -> str:
    """Return the owner's name of an optimizer."""
    return path if path == COMPILED else f"{COMPILED} {path}"


def _owner(name: str) -> str:
    return name.partition(":")[0]


def _renamed(owner: str, named: Named, arrays: Arrays) -> dict[str, str]:
    """Return an owner's variable names in the model, by their names in the file."""
    then = [name for name in arrays if _owner(name) == owner]
    others = set(then) != set(named) and len(then) == len(named)
    now = named if others and owner != METRIC else then
    return dict(zip(then, now, strict=True))


def _names_of(optimizer: Any, names: dict[int, str]) -> list[str] | None:
    """Return the names of what an optimizer is built on, "" for an unknown one."""
    variables = trained_by(optimizer)
    return None if variables is None else [names.get(id(v), "") for v in variables]


def _build(model: keras.Model, arrays: Arrays, built: BuiltOn | None) -> None:
    """Build the optimizers that were built when the file was written."""
    if built is None:
        build_optimizer(model)
        return
    owned, variables = _owned(model), {}
    for owner in TRAINABLE_OWNERS:
        for then, now in _renamed(owner, owned[owner], arrays).items():
            variables[then] = owned[owner].get(now)
    for path, optimizer in contents_of(model).optimizers.items():
        names = built.get(_owner_of(path))
        if optimizer.built or names is None:
            continue
        if path == COMPILED:
            build_optimizer(model)
            continue
        known = [variables.get(name) for name in names]
        if any(variable is None for variable in known):
            raise ValueError(
                f"The variables that {path} was built on are not held by the model. "
                f"Call {path}.build(variables) before fit."
            )
        with strategy_scope(model):
            optimizer.build(known)


def _compare(named: Named, values: Arrays, never_built: bool) -> None:
    """Raise if an owner's variables differ from those in the file.

    An optimizer that was not built, and so never used, may be built now.
    """
    for name in [*values, *named]:
        now, then = _kind(named.get(name)), _kind(values.get(name))
        if now != then and not (never_built and name in named and name not in values):
            raise ValueError(
                f"The model is not the one that was saved: {name} is {now} in the "
                f"model and {then} in the file."
            )


def _copy(variable: Any) -> np.ndarray:
    value = copy_of(variable)
    # A step on JAX converts the uint32 of a seed to int32.
    return value.astype(variable.dtype) if value.dtype.kind in "iu" else value


def _kind(value: Any) -> str:
    if value is None:
        return "not there"
    return f"{tuple(value.shape)} {keras.backend.standardize_dtype(value.dtype)}"
