"""The metric that a callback monitors: whether it is logged, and its direction."""

from typing import Any
from typing import NoReturn

import keras

from kerasched.callbacks.known_metrics import known_metrics
from kerasched.errors import message
from kerasched.training.fit_call import fit_call_of

# The methods that a subclass of Model may override to log other names.
OWN_LOGS = ("train_step", "test_step", "compute_metrics", "get_metrics_result", "fit")


def check_monitor(callback: Any, monitor: str) -> None:
    """Raise ValueError if it is certain that no epoch will log the metric.

    It is not certain where the model, or a callback that is neither Keras's nor ours,
    may add names.
    """
    names = _logged_by(callback)
    if names is None or monitor in names or monitor.startswith("learning_rate"):
        return
    name = monitor.removeprefix("val_")
    if name in names:
        _refuse_without_validation(callback, monitor, name)
        return
    listed = [*sorted(names), *(f"val_{name}" for name in sorted(names))]
    what = f"one of {', '.join(listed)}"
    raise ValueError(message(type(callback).__name__, "monitor", what, monitor))


def _refuse_without_validation(callback: Any, monitor: str, name: str) -> None:
    call = fit_call_of(callback.model)
    if call.is_seen and call.validation_data() is None:
        what = "the name of a metric of training, as fit has no validation data"
        fix = f"Pass validation_data or validation_split to fit, or monitor {name!r}"
        owner = type(callback).__name__
        raise ValueError(message(owner, "monitor", what, monitor, fix))


def direction_if_known(callback: Any, monitor: str) -> str | None:
    """Return "min" or "max" for a metric, by its name or by the metric itself.

    Returns None if the metrics are not known yet.

    Raises:
        ValueError: the metrics are known, but not the direction.
    """
    name = monitor.removeprefix("val_")
    if name == "loss":
        return "min"
    known = known_metrics(callback.model)
    if known is None:
        return None
    return known.get(name) or _refuse_auto(callback, monitor)


def direction_of(callback: Any, monitor: str) -> str:
    """Return the direction of a metric, or raise ValueError if it is not known."""
    return direction_if_known(callback, monitor) or _refuse_auto(callback, monitor)


def _refuse_auto(callback: Any, monitor: str) -> NoReturn:
    owner = type(callback).__name__
    what = f"'min' or 'max', as the direction of {monitor!r} is not known"
    raise ValueError(message(owner, "mode", what, "auto"))


def _logged_by(callback: Any) -> list[str] | None:
    """Return the names that `fit` logs, None if they are not known."""
    cls, base = type(callback.model), keras.Model
    if any(getattr(cls, name) is not getattr(base, name) for name in OWN_LOGS):
        return None
    listed = callback.callback_list
    if listed is None or not all(map(_adds_nothing, listed.callbacks)):
        return None
    known = known_metrics(callback.model)
    return None if known is None else list(known)


def _adds_nothing(callback: Any) -> bool:
    """Return whether a callback's class is known to write no metric into the logs."""
    package = type(callback).__module__.partition(".")[0]
    free = isinstance(callback, keras.callbacks.LambdaCallback)
    return package in ("keras", "kerasched") and not free
