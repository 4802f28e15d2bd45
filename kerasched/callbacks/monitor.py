"""The metric that a callback monitors: whether it is logged, and its direction.

On JAX and torch Keras builds the metrics before the first epoch, on TensorFlow in the
first batch. There some errors come after the first epoch.
"""

from collections.abc import Iterator
from typing import Any

import keras

from kerasched.errors import message
from kerasched.training.fit_call import fit_call_of

# The methods that a subclass of Model may override to log other names.
OWN_LOGS = ("train_step", "test_step", "compute_metrics", "get_metrics_result", "fit")


def check_monitor(callback: Any, monitor: str, has_trained: bool = False) -> None:
    """Raise ValueError if it is certain that no epoch will log the metric.

    It is not certain where the model, or a callback that is neither Keras's nor ours,
    may add names.

    Args:
        callback: the callback, within a call of `fit`.
        monitor: the name of the metric.
        has_trained: whether the model has trained for an epoch.
    """
    if monitor.startswith("learning_rate") or not _keras_alone_logs(callback):
        return
    names = _logged_names(callback.model, has_trained)
    name = monitor.removeprefix("val_")
    if names is not None and monitor in names:
        return
    if name in (names or ["loss"]):
        _refuse_without_validation(callback, monitor, name)
    elif names is not None:
        listed = [*sorted(names), *(f"val_{name}" for name in sorted(names))]
        what = f"one of {', '.join(listed)}"
        raise ValueError(message(type(callback).__name__, "monitor", what, monitor))


def direction_of(callback: Any, monitor: str, has_trained: bool) -> str | None:
    """Return "min" or "max" as Keras infers it, None if the metrics are not built.

    Raises:
        ValueError: the metrics are built, and Keras cannot tell.
    """
    model = callback.model
    direction = _inferred_by_keras(model, monitor)
    is_built = has_trained or _logged_names(model, has_trained) is not None
    if direction is None and is_built:
        what = f"'min' or 'max', as the direction of {monitor!r} is not known"
        raise ValueError(message(type(callback).__name__, "mode", what, "auto"))
    return direction


def _inferred_by_keras(model: keras.Model, monitor: str) -> str | None:
    """Return the direction that a callback of Keras infers in its mode "auto".

    A Keras metric has no public attribute with its direction. So a callback of Keras is
    shown two values, and keeps the better one.
    """
    judge = keras.callbacks.EarlyStopping(monitor, patience=2)
    judge.set_model(model)
    judge.on_train_begin()
    try:
        judge.on_epoch_end(0, {monitor: 0.0})
    except ValueError:  # It cannot tell.
        return None
    judge.on_epoch_end(1, {monitor: 1.0})
    return "max" if judge.best == 1.0 else "min"


def _refuse_without_validation(callback: Any, monitor: str, name: str) -> None:
    call = fit_call_of(callback.model)
    if monitor != name and call.is_seen and call.validation_data() is None:
        what = "the name of a metric of training, as fit has no validation data"
        fix = f"Pass validation_data or validation_split to fit, or monitor {name!r}"
        owner = type(callback).__name__
        raise ValueError(message(owner, "monitor", what, monitor, fix))


def _logged_names(model: keras.Model, has_trained: bool) -> list[str] | None:
    """Return the names of a model's metrics, None if they are not built."""
    if keras.backend.backend() == "tensorflow" and not has_trained:
        return None  # The metrics of losses may be missing.
    try:
        return list(_flat(model.get_metrics_result()))
    except Exception:  # A custom metric may need a batch first, and raise anything.
        return None


def _flat(results: dict[str, Any]) -> Iterator[str]:
    """Yield the names under which `fit` logs results: a metric may return a dict."""
    for name, value in results.items():
        if isinstance(value, dict):
            yield from _flat(value)
        else:
            yield name


def _keras_alone_logs(callback: Any) -> bool:
    """Return whether only Keras's own code, and ours, writes into the logs."""
    cls, base = type(callback.model), keras.Model
    if any(getattr(cls, name) is not getattr(base, name) for name in OWN_LOGS):
        return False
    listed = callback.callback_list
    return listed is not None and all(map(_adds_nothing, listed.callbacks))


def _adds_nothing(callback: Any) -> bool:
    """Return whether a callback's class is known to write no metric into the logs."""
    package = type(callback).__module__.partition(".")[0]
    free = isinstance(callback, keras.callbacks.LambdaCallback)
    return package in ("keras", "kerasched") and not free
