"""The metrics of a compiled model by name, with the direction of each.

On JAX and torch they are built before the first epoch. On TensorFlow they are built by
the first batch; until then they are inferred from the arguments of `compile`.
"""

import warnings
from collections import Counter
from collections.abc import Iterator
from typing import Any

import keras

Directions = dict[str, str | None]


def known_metrics(model: keras.Model) -> Directions | None:
    """Return the direction, "min", "max" or None, of each name that a model logs.

    Returns None if the names are not known.
    """
    try:
        names = set(_names(model.get_metrics_result()))
    except Exception:  # Not built, or a custom metric that needs a batch first.
        return _as_compiled(model)
    if not _losses_are_built(model):
        return None
    found: Directions = dict.fromkeys(names)
    for metric in _flat(model.metrics):
        # With several outputs the output's name comes first.
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
    # The metrics of losses are attributes of neither the model nor a layer.
    alone = (all(metric is not one for one in held) for metric in metrics)
    return any(alone) or _has_one_loss(model, _compiled_with(model))


def _has_one_loss(model: keras.Model, config: dict[str, Any]) -> bool:
    """Return whether it is certain that a model logs the total loss only."""
    outputs = getattr(model, "outputs", None) or ()
    return len(outputs) == 1 and _count(config.get("loss")) <= 1


def _count(loss: Any) -> int:
    if isinstance(loss, dict) and "class_name" not in loss:
        return sum(map(_count, loss.values()))
    return sum(map(_count, loss)) if isinstance(loss, (list, tuple)) else 1


def _compiled_with(model: keras.Model) -> dict[str, Any]:
    """Return the arguments of `compile`, an empty dict if they are not available."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # A lambda is not safe to save.
        try:
            return model.get_compile_config() or {}
        except Exception:  # Custom classes may raise anything.
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
            short = name.lower() in ("acc", "accuracy")
            direction = "max" if short else _default_direction(item)
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
    """Return the metrics of the model and its layers that `compile` does not add."""
    found: Directions = {"loss": "min"}
    for metric in model.metrics:
        if not _is_compiled(metric):
            try:
                names = _names({metric.name: metric.result()})
            except Exception:  # A custom metric that needs a batch first.
                return None
            found.update(dict.fromkeys(names, _direction(metric)))
    return found


def _is_compiled(metric: Any) -> bool:
    """Return whether it is the container of the metrics passed to `compile`."""
    return hasattr(metric, "metrics")


def _name_of(item: Any) -> str | None:
    """Return the name in the logs of a metric passed to `compile`."""
    if isinstance(item, str):
        return item
    config = item.get("config") if isinstance(item, dict) else None
    return config.get("name") if isinstance(config, dict) else config


def _default_direction(item: Any) -> str | None:
    try:
        return _direction(keras.metrics.get(item))
    except (TypeError, ValueError):
        return None  # A function of the user, or a class that is not registered.


def _direction(metric: Any) -> str | None:
    # No public attribute of a Keras metric has its direction.
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
