"""The states of callbacks.

A callback with state has `get_state()` and `set_state(state)`, for values of JSON, and
`get_arrays()` and `set_arrays(arrays)` if it keeps arrays too. Keras's callbacks have
none of these methods; the attributes below are their states.
"""

from collections.abc import Iterator
from collections.abc import Sequence
from typing import Any

import keras

from kerasched.resuming.encoding import decode
from kerasched.resuming.encoding import encode
from kerasched.resuming.encoding import has_state_methods

# Some have no public name; a test fails when Keras changes them.
ATTRIBUTES: dict[type, tuple[str, ...]] = {
    keras.callbacks.History: ("epoch", "history"),
    keras.callbacks.EarlyStopping: (
        *("best", "wait", "best_epoch", "best_weights", "stopped_epoch"),
    ),
    keras.callbacks.ReduceLROnPlateau: ("best", "wait", "cooldown_counter"),
    keras.callbacks.ModelCheckpoint: (
        *("best", "_batches_seen_since_last_saving", "_last_batch_seen"),
    ),
    keras.callbacks.SwapEMAWeights: ("_ema_weights_in_model",),
}


def states_of(callbacks: Sequence[Any], arrays: dict[str, Any]) -> dict[str, Any]:
    """Return the states by name, and add their arrays to `arrays`."""
    return {
        name: encode(_get(callback), arrays, f"callback:{name}")
        for name, callback in _stateful(callbacks)
    }


def set_states(
    callbacks: Sequence[Any], states: dict[str, Any], arrays: dict[str, Any]
) -> list[str]:
    """Restore the states that `states_of` returned.

    New callbacks are left as they are. The names of callbacks that are missing are
    returned.
    """
    named = dict(_stateful(callbacks))
    for name, state in states.items():
        if name in named:
            _set(named[name], decode(state, arrays))
    return [name for name in states if name not in named]


def _stateful(callbacks: Sequence[Any]) -> Iterator[tuple[str, Any]]:
    """Yield callbacks that have a state, named by class and number within the class.

    The position in the list may change from run to run.
    """
    seen: dict[str, int] = {}
    for callback in callbacks:
        if has_state_methods(callback) or _attributes(callback):
            kind = type(callback).__name__
            number = seen[kind] = seen.get(kind, 0) + 1
            yield kind if number == 1 else f"{kind}#{number}", callback


def _attributes(callback: Any) -> tuple[str, ...]:
    kinds = (names for kind, names in ATTRIBUTES.items() if isinstance(callback, kind))
    return next(kinds, ())


def _get(callback: Any) -> dict[str, Any]:
    if not has_state_methods(callback):
        names = _attributes(callback)
        return {name: getattr(callback, name) for name in names}
    state = {"state": callback.get_state()}
    if hasattr(callback, "get_arrays"):
        state["arrays"] = callback.get_arrays()
    return state


def _set(callback: Any, state: dict[str, Any]) -> None:
    if not has_state_methods(callback):
        for name, value in state.items():
            setattr(callback, name, value)
        return
    callback.set_state(state["state"])
    if "arrays" in state:
        callback.set_arrays(state["arrays"])
