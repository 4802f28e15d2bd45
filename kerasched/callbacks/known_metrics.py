"""The metrics of a compiled model by name, each with the direction in which it is good.

On JAX and torch they are built when the first epoch begins. On TensorFlow they are not,
and are known from what `compile` was given, as far as that tells.
"""

import warnings
from collections import Counter
from collections.abc import Iterator
from typing import Any

import keras

Directions = dict[str, str | None]


def known_metrics(model: keras.Model) -> Directions | None:
    """Return "min", "max" or None for not known, by the names that a model logs.

    None is returned where the names themselves are not known.
    """
    try:
        names = set(_names(model.get_metrics_result()))
    except Exception:  # Not built, or one of the user's that needs a batch before.
        return _as_compiled(model)
    if not _losses_are_built(model):
        return None
    found: Directions = dict.fromkeys(names)
    for metric in _flat(model.metrics):
        # With several outputs a name has the output's before it.
        for name in names:
            if name == metric.name or name.endswith(f"_{metric.name}"):
                found[name] = found[name] or _direction(metric)
    return _with_losses(found)


def _losses_are_built(model: keras.Model) -> bool:
    """Return whether the losses of several outputs are among a model's metrics."""
    metrics = model.metrics
    if keras.backend.backend() != "tensorflow" or any(map(_is_compiled, metrics)):
        return True  # With the metrics given to compile, which gave their results.
    held = [*vars(model).values()]
    held += [metric for layer in model.layers for metric in layer.metrics]
    # Those of the losses are held by neither the model nor a layer.
    alone = (all(metric is not one for one in held) for metric in metrics)
    return any(alone) or _has_one_loss(model, _compiled_with(model))


def _has_one_loss(model: keras.Model, config: dict[str, Any]) -> bool:
    """Return whether it is certain that a model logs no loss but the whole one."""
    outputs = getattr(model, "outputs", None) or ()
    return len(outputs) == 1 and _count(config.get("loss")) <= 1


def _count(loss: Any) -> int:
    if isinstance(loss, dict) and "class_name" not in loss:
        return sum(map(_count, loss.values()))
    return sum(map(_count, loss)) if isinstance(loss, (list, tuple)) else 1


def _compiled_with(model: keras.Model) -> dict[str, Any]:
    """Return what `compile` was given, nothing where that cannot be had."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # That a lambda is not safe to be saved.
        try:
            return model.get_compile_config() or {}
        except Exception:  # What the user's own classes may raise.
            return {}


def _as_compiled(model: keras.Model) -> Directions | None:
    config = _compiled_with(model)
    found = _own_metrics(model)
    items = [config.get("metrics") or [], config.get("weighted_metrics") or []]
    if found is None or not config or not _has_one_loss(model, config):
        return None
    if not all(isinstance(item, (list, tuple)) for item in items):
        return None
    used: Counter[str] = Counter()
    for prefix, group in zip(("", "weighted_"), items, strict=True):
        for item in group:
            name = _name_of(item)
            if name is None:
                return None
            direction = "max" if name.lower() in ("acc", "accuracy") else _asked(item)
            found[_unique(name, prefix, used)] = direction
    return _with_losses(found)


def _unique(name: str, prefix: str, used: Counter[str]) -> str:
    """Return the name under which Keras logs a metric after those before it."""
    if name in used:
        name = f"{prefix}{name}"
    number = used[name]
    used[name] += 1
    return f"{name}_{number}" if number else name


def _own_metrics(model: keras.Model) -> Directions | None:
    """Return those that are not given to compile: of the model and of its layers."""
    found: Directions = {"loss": "min"}
    for metric in model.metrics:
        if not _is_compiled(metric):
            try:
                names = _names({metric.name: metric.result()})
            except Exception:  # One of the user's that needs a batch before.
                return None
            found.update(dict.fromkeys(names, _direction(metric)))
    return found


def _is_compiled(metric: Any) -> bool:
    """Return whether it is what holds the metrics given to compile."""
    return hasattr(metric, "metrics")


def _name_of(item: Any) -> str | None:
    """Return the name that a metric given to compile gets in the logs."""
    if isinstance(item, str):
        return item
    config = item.get("config") if isinstance(item, dict) else None
    return config.get("name") if isinstance(config, dict) else config


def _asked(item: Any) -> str | None:
    try:
        return _direction(keras.metrics.get(item))
    except (TypeError, ValueError):
        return None  # A function of the user, or a class that is not registered.


def _direction(metric: Any) -> str | None:
    # There is no public way to ask a metric of Keras for its direction.
    return {"up": "max", "down": "min"}.get(getattr(metric, "_direction", None))


def _with_losses(found: Directions) -> Directions:
    is_loss = (name for name in found if name == "loss" or name.endswith("_loss"))
    return {**found, **dict.fromkeys(is_loss, "min")}


def _names(results: dict[str, Any]) -> Iterator[str]:
    for name, value in results.items():
        if isinstance(value, dict):
            yield from _names(value)
        else:
            yield name


def _flat(metrics: Any) -> Iterator[Any]:
    for metric in metrics:
        inside = getattr(metric, "metrics", None)
        if inside:
            yield from _flat(inside)
        else:
            yield metric
