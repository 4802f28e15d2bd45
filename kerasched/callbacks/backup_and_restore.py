"""A run that goes on after a crash as if there had been none."""

import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np

from kerasched.callbacks.callback_states import set_states
from kerasched.callbacks.callback_states import states_of
from kerasched.callbacks.data_state import DataState
from kerasched.callbacks.fit_call import FitCall
from kerasched.callbacks.fit_call import fit_call_of
from kerasched.callbacks.scheduled import scheduled_in
from kerasched.callbacks.siblings import callback_list_of
from kerasched.errors import Choice
from kerasched.errors import Flag
from kerasched.errors import message
from kerasched.training.encoding import Arrays
from kerasched.training.leaves import leaves_of
from kerasched.training.leaves import variable_of
from kerasched.training.model_state import OWNERS
from kerasched.training.model_state import arrays_of
from kerasched.training.model_state import build_optimizer
from kerasched.training.model_state import set_arrays
from kerasched.training.random_states import random_states
from kerasched.training.random_states import set_random_states
from kerasched.training.run_file import RunFiles
from kerasched.training.run_file import read

OWNER = "BackupAndRestore"
FORMAT = 1


class BackupAndRestore(keras.callbacks.Callback):
    """Save the run after each epoch, and go on from there when it is started again.

    keras.callbacks.BackupAndRestore, made exact: a run that was killed at any moment
    and started again by the same command ends with the same bits as one that never
    was. Saved are all variables of model and optimizer, the states of the seeds of
    dropout among them, those of `random`, `numpy.random`, Keras's and torch's
    generators, of the data, and of every callback that has one: those of this package,
    EarlyStopping, ReduceLROnPlateau, ModelCheckpoint and History of Keras, and any that
    has `get_state()` and `set_state(state)`, for values of JSON, and `get_arrays()` and
    `set_arrays(arrays)` if it keeps arrays.

    A run goes on from the end of its last finished epoch; for long epochs give `fit` a
    `steps_per_epoch`. The command must seed what it draws before `fit`, by
    keras.utils.set_random_seed, for a run that dies in its first epoch.

    Data may be arrays, shuffled by `fit` or not, or a keras.utils.PyDataset, whose
    attributes that change from epoch to epoch are saved, or what its `get_state()`
    returns. With anything else a warning says that the order cannot be seen. (With a
    seed, Keras on TensorFlow shuffles arrays in the same order in every epoch.)

    Where it stands in the list of callbacks does not matter: it saves after all others.

    Args:
        backup_dir: a folder for the files of this one run.
        save_freq: "epoch", as in Keras; batches are refused, as `fit` cannot go on
            within an epoch.
        double_checkpoint: whether the file before the last is kept too, in case the
            last one is damaged.
        delete_checkpoint: whether the files are deleted when the run has ended.
        check_data: False for no warning about data whose order cannot be seen.

    Attributes:
        record: a list with a dict for each finished epoch of the run, also of those
            before a restart: its `epoch`, its `logs`, and the `rates` of its last
            update by their names.

    Raises:
        TypeError: an argument is of the wrong kind.
        ValueError: an argument has a wrong value, the model has no weights yet, or is
            not the one that was saved.
    """

    def __init__(
        self,
        backup_dir: str | Path,
        save_freq: str = "epoch",
        double_checkpoint: bool = True,
        delete_checkpoint: bool = True,
        check_data: bool = True,
    ) -> None:
        super().__init__()
        if not isinstance(backup_dir, (str, Path)):
            raise TypeError(message(OWNER, "backup_dir", "a path", backup_dir))
        if not str(backup_dir):
            raise ValueError(message(OWNER, "backup_dir", "not empty", backup_dir))
        if not isinstance(save_freq, str):
            fix = "For shorter epochs give fit a steps_per_epoch"
            raise ValueError(message(OWNER, "save_freq", "'epoch'", save_freq, fix))
        self.backup_dir = Path(backup_dir)
        self.save_freq = Choice(("epoch",))(OWNER, "save_freq", save_freq)
        self.double_checkpoint = Flag()(OWNER, "double_checkpoint", double_checkpoint)
        self.delete_checkpoint = Flag()(OWNER, "delete_checkpoint", delete_checkpoint)
        self.check_data = Flag()(OWNER, "check_data", check_data)
        self.record: list[dict[str, Any]] = []
        self._files = RunFiles(backup_dir, 2 if double_checkpoint else 1)

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Keras's hook: bring back the model, and take the places in the list."""
        if not self.model.built:
            fix = "Call it on data or give it an Input before fit"
            what = "a model with weights"
            raise ValueError(message(OWNER, "model", what, self.model, fix))
        self._fit = fit_call_of(self.model)
        self._data = _data_of(self._fit)
        self._start, self._skipped, self.record = None, 0, []
        self._saved = self._last_whole_file()
        self._others = self._surround()
        if self._saved is not None:
            self._restore_model(*self._saved)
        self._compare_counts(self._fit.first_epoch())
        if self.check_data:
            for doubt in filter(None, (data.doubt() for data in self._data)):
                warnings.warn(f"{OWNER} {doubt}.", stacklevel=2)

    def begin_epoch(self) -> None:
        """Bring back, before the first epoch, what other callbacks may have changed."""
        self._fit.has_begun()
        if self._saved is not None:
            self._restore_rest(*self._saved)
        elif self._start is None:
            if self._fit.goes_on_within_data:
                self._fit.open_data()
            self._start = self._here()
        self._saved = None

    def end_epoch(self, epoch: int, logs: dict[str, Any] | None) -> None:
        """Save the run, once all other callbacks are done with an epoch."""
        values = {name: np.asarray(v).tolist() for name, v in (logs or {}).items()}
        rates = {one.name: one.last() for one in scheduled_in(self.model)}
        self.record.append({"epoch": epoch, "logs": values, "rates": rates})
        self._skipped += 1
        if self._fit.at_start_of_data():
            self._start, self._skipped = self._here(), 0
        state, arrays = self._content(epoch + 1)
        self._files.write(epoch + 1, state, arrays)

    def end_training(self) -> None:
        """Bring back the callbacks where no epoch was left, before they end."""
        if self._saved is not None:
            self._fit.has_begun()
            self._restore_callbacks(*self._saved)
            self._saved = None

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        """Keras's hook."""
        if self.delete_checkpoint:
            self._files.delete()

    def _surround(self) -> list[Any]:
        """Stand before and behind all others, and return these."""
        siblings = callback_list_of(self)
        if siblings is None:
            what = "in the list of callbacks of fit"
            raise ValueError(message(OWNER, "callbacks", what, None))
        others = [
            other
            for other in siblings.callbacks
            if not isinstance(other, (_Before, _Behind))
        ]
        # Another list, as Keras is going through this one.
        siblings.callbacks = [_Before(self), *others, _Behind(self)]
        return [other for other in others if other is not self]

    def _content(self, epoch: int) -> tuple[dict[str, Any], Arrays]:
        """Return all that is saved: values of JSON, and arrays by their names."""
        here, arrays = self._here()
        start, start_arrays = self._start
        arrays.update(arrays_of(self.model))
        arrays.update({f"start:{name}": a for name, a in start_arrays.items()})
        return {
            **here,
            "format": FORMAT,
            "epoch": epoch,
            "stopped": bool(self.model.stop_training),
            "start": start,
            "skipped": self._skipped,
            "callbacks": states_of(self._others, arrays),
            "record": self.record,
            "fingerprints": [data.fingerprint() for data in self._data],
        }, arrays

    def _here(self) -> tuple[dict[str, Any], Arrays]:
        """Return what the next batches depend on."""
        arrays: Arrays = {}
        states = [data.get(arrays, f"data:{i}") for i, data in enumerate(self._data)]
        return {"random": random_states(), "data": states}, arrays

    def _go_to(self, state: dict[str, Any], arrays: Arrays) -> None:
        for data, one in zip(self._data, state["data"], strict=False):
            data.set(one, arrays)
        set_random_states(state["random"])

    def _last_whole_file(self) -> tuple[dict[str, Any], Arrays] | None:
        for path in self._files.all():
            try:
                state, arrays = read(path)
            except ValueError as error:
                text = f"{OWNER} goes on from an earlier epoch. {error}"
                warnings.warn(text, stacklevel=3)
                continue
            if state["format"] != FORMAT:
                what = "a folder of a run that this version of kerasched has begun"
                raise ValueError(message(OWNER, "backup_dir", what, str(path)))
            return state, arrays
        return None

    def _restore_model(self, state: dict[str, Any], arrays: Arrays) -> None:
        build_optimizer(self.model)
        set_arrays(self.model, _beginning(OWNERS, arrays))
        self.record = list(state["record"])
        # A run that a callback has stopped has no epochs left.
        epochs = (self.params or {}).get("epochs") or state["epoch"]
        self._fit.begin_at(epochs if state["stopped"] else state["epoch"])
        for data, before in zip(self._data, state["fingerprints"], strict=False):
            if self.check_data and before != data.fingerprint():
                warnings.warn(
                    f"{OWNER} finds other data in fit than those with which the run "
                    "began, and goes on with them.",
                    stacklevel=3,
                )

    def _restore_rest(self, state: dict[str, Any], arrays: Arrays) -> None:
        self._restore_callbacks(state, arrays)
        starts = {name[6:]: a for name, a in _beginning("start:", arrays).items()}
        self._start, self._skipped = (state["start"], starts), state["skipped"]
        if self._fit.goes_on_within_data:
            self._fit.open_data()
            self._go_to(state["start"], starts)
            for _ in _shown(range(state["skipped"])):
                self._fit.skip_epoch()
        self._go_to(state, arrays)

    def _restore_callbacks(self, state: dict[str, Any], arrays: Arrays) -> None:
        for name in set_states(self._others, state["callbacks"], arrays):
            warnings.warn(
                f"{OWNER} has the state of a callback {name} which is not there now.",
                stacklevel=3,
            )

    def _compare_counts(self, epoch: int) -> None:
        """Warn where the schedule would not be at the epoch at which fit begins."""
        steps = (self.params or {}).get("steps")
        for optimizer in leaves_of(self.model) if steps else ():
            variable = variable_of(optimizer, "iteration") if optimizer.built else None
            count = 0
            if variable is not None:
                count = int(keras.ops.convert_to_numpy(variable.value))
            expected = epoch * steps
            # Steps without a finite gradient are not counted, and data may end early.
            fewer = self._fit.goes_on_within_data or optimizer is not (
                self.model.optimizer
            )
            if count != expected and not (fewer and 0 < count < expected):
                warnings.warn(
                    f"{OWNER}: the run begins at epoch {epoch}, which is step "
                    f"{expected}, but {optimizer.name} has done {count} steps. A "
                    "schedule goes on from there. Load the state of the optimizer, "
                    "or change initial_epoch.",
                    stacklevel=3,
                )
                return


class _Before(keras.callbacks.Callback):
    """Stands first, for what must be there when the others begin an epoch."""

    def __init__(self, owner: BackupAndRestore) -> None:
        super().__init__()
        self._owner = owner

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self._owner.begin_epoch()

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        self._owner.end_training()


class _Behind(keras.callbacks.Callback):
    """Stands last, to save what the others have done at the end of an epoch."""

    def __init__(self, owner: BackupAndRestore) -> None:
        super().__init__()
        self._owner = owner

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self._owner.end_epoch(epoch, logs)


def _data_of(fit: FitCall) -> list[DataState]:
    """Return the data of training and of validation, which may have a state too."""
    others = (fit.argument("y"), fit.argument("sample_weight"))
    training = DataState(fit.argument("x"), others, fit.argument("shuffle", True))
    validation = fit.argument("validation_data")
    if isinstance(validation, keras.utils.PyDataset):
        return [training, DataState(validation, (), False)]
    return [training]


def _beginning(start: str | tuple[str, ...], arrays: Arrays) -> Arrays:
    return {name: a for name, a in arrays.items() if name.startswith(start)}


def _shown(epochs: range) -> Iterator[int]:
    """Go through epochs whose data are skipped, with a bar once it takes a while."""
    began, bar = time.monotonic(), None
    for epoch in epochs:
        yield epoch
        if bar is None and time.monotonic() - began > 2.0:
            print(f"\n{OWNER} skips the data of {len(epochs)} epochs.")
            bar = keras.utils.Progbar(len(epochs), unit_name="epoch")
        if bar is not None:
            bar.update(epoch + 1)
