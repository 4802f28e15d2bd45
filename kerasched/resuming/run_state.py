"""The whole state of a run: everything that its remaining epochs depend on."""

from collections.abc import Sequence
from typing import Any

import keras

from kerasched.resuming.callback_states import set_states
from kerasched.resuming.callback_states import states_of
from kerasched.resuming.data_state import DataState
from kerasched.resuming.encoding import Arrays
from kerasched.resuming.model_state import OWNERS
from kerasched.resuming.model_state import arrays_of
from kerasched.resuming.model_state import built_on
from kerasched.resuming.model_state import help_to_copy
from kerasched.resuming.model_state import set_arrays
from kerasched.resuming.random_states import random_states
from kerasched.resuming.random_states import set_random_states
from kerasched.training.fit_call import FitCall
from kerasched.training.progress import Progress

START = "start:"


class RunState:
    """The state of a run: model, optimizer, generators, data and callbacks.

    With `steps_per_epoch` an epoch may begin within the data. The position is restored
    by drawing the batches since the start of the data again, so the state at that start
    is saved too.

    Args:
        fit: the call of `fit`.
        callbacks: the callbacks whose states are saved.
    """

    def __init__(self, fit: FitCall, callbacks: Sequence[Any]) -> None:
        self._fit, self._model, self._callbacks = fit, fit.model, callbacks
        self._data = _data_of(fit)
        self._start: tuple[dict[str, Any], Arrays] = ({}, {})
        self._since_start = 0

    def inexact_reasons(self) -> list[str]:
        """Return the reasons why resuming may not be exact."""
        return [why for data in self._data if (why := data.inexact_reason())]

    def begin(self) -> None:
        """Record the start of the data, before the first epoch of a new run."""
        if self._fit.continues_within_data:
            self._fit.open_data()
        self._start = self._position()

    def of_process(self) -> tuple[dict[str, Any], Arrays]:
        """Return the part of the state after an epoch that each process has of its own.

        Data and generators, as JSON values and arrays by name.
        """
        self._since_start += 1
        here, arrays = self._position()
        if self._fit.at_start_of_data():
            self._start, self._since_start = (here, dict(arrays)), 0
        start, start_arrays = self._start
        arrays.update({f"{START}{name}": a for name, a in start_arrays.items()})
        return {
            **here,
            "start": start,
            "since_start": self._since_start,
            "fingerprints": [data.fingerprint for data in self._data],
        }, arrays

    def of_model(self) -> tuple[dict[str, Any], Arrays]:
        """Return the part of the state that is the same in all processes.

        Model and callbacks, as JSON values and arrays by name.
        """
        arrays = arrays_of(self._model)
        return {
            "built_on": built_on(self._model),
            "stopped": bool(self._model.stop_training),
            "callbacks": states_of(self._callbacks, arrays),
        }, arrays

    def help_to_save(self) -> tuple[dict[str, Any], Arrays]:
        """Take part in another process's `of_model`, and return an empty state."""
        help_to_copy(self._model)
        return {}, {}

    def set_model(self, state: dict[str, Any], arrays: Arrays) -> None:
        """Restore the variables.

        Raises:
            ValueError: the model has other variables.
        """
        # Files of earlier versions do not say which variables optimizers were built on.
        set_arrays(self._model, _starting_with(OWNERS, arrays), state.get("built_on"))

    def set_callbacks(self, state: dict[str, Any], arrays: Arrays) -> list[str]:
        """Restore the callbacks, and return the names of those that are missing."""
        return set_states(self._callbacks, state["callbacks"], arrays)

    def set_data(self, state: dict[str, Any], arrays: Arrays) -> None:
        """Restore data and generators, last of all, as the rest may draw numbers."""
        starts = _starting_with(START, arrays)
        starts = {name.removeprefix(START): a for name, a in starts.items()}
        self._start, self._since_start = (state["start"], starts), state["since_start"]
        if self._fit.continues_within_data:
            self._fit.open_data()
            self._restore_position(state["start"], starts)
            self._skip_epochs(self._since_start)
        self._restore_position(state, arrays)

    def _skip_epochs(self, count: int) -> None:
        """Draw the batches of some epochs, with a progress bar."""
        verbose = self._fit.argument("verbose", "auto")
        progress = Progress(count, verbose, f"Skipping the data of {count} epochs:")
        for epoch in range(count):
            self._fit.skip_epoch()
            progress.update(epoch + 1, ended=epoch + 1 == count)

    def has_other_data(self, state: dict[str, Any]) -> bool:
        """Return whether the arrays differ from those of the saved run."""
        return state["fingerprints"] != [data.fingerprint for data in self._data]

    def _position(self) -> tuple[dict[str, Any], Arrays]:
        """Return the states that the next batches depend on."""
        arrays: Arrays = {}
        states = [data.get(arrays, f"data:{i}") for i, data in enumerate(self._data)]
        return {"random": random_states(), "data": states}, arrays

    def _restore_position(self, state: dict[str, Any], arrays: Arrays) -> None:
        for data, one in zip(self._data, state["data"], strict=False):
            data.set(one, arrays)
        set_random_states(state["random"])


def _data_of(fit: FitCall) -> list[DataState]:
    """Return the state of the training data, and of the validation data if any.

    Each validation begins at the start of its data, also with `validation_steps`.
    """
    x, *others = fit.data()
    shuffle, continues = fit.argument("shuffle", True), fit.continues_within_data
    training = DataState(x, tuple(others), shuffle, continues)
    validation = fit.validation_data()
    if validation is None:
        return [training]
    x, *others = keras.utils.unpack_x_y_sample_weight(validation)
    return [training, DataState(x, tuple(others), False, role=" (validation data)")]


def _starting_with(start: str | tuple[str, ...], arrays: Arrays) -> Arrays:
    return {name: a for name, a in arrays.items() if name.startswith(start)}
