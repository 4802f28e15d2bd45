"""The metrics of a compiled model by name, each with the direction in which it is good.

On JAX and torch they are built when the first epoch begins. On TensorFlow they are not,
and are known from what `compile` was given.
"""

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
    found: Directions = dict.fromkeys(names)
    for metric in _flat(model.metrics):
        # With several outputs a name has the output's before it.
        for name in names:
            if name == metric.name or name.endswith(f"_{metric.name}"):
                found[name] = found[name] or _direction(metric)
    return _with_losses(found)


def _as_compiled(model: keras.Model) -> Directions | None:
    config = model.get_compile_config() or {}
    items = [config.get("metrics") or [], config.get("weighted_metrics") or []]
    if len(getattr(model, "outputs", None) or ()) != 1 or not all(
        isinstance(item, (list, tuple)) for item in items
    ):
        return None
    found: Directions = {"loss": "min"}
    for item in [*items[0], *items[1]]:
        name = _name_of(item)
        if name is None:
            return None
        found[name] = "max" if name.lower() in ("acc", "accuracy") else _asked(item)
    return _with_losses(found)


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
