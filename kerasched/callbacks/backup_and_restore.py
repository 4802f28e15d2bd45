"""Exact recovery: a run that crashed continues as if it had not."""

import math
import warnings
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from typing import ClassVar

import keras
import numpy as np

from kerasched.callbacks.base import FitCallback
from kerasched.callbacks.scheduled import scheduled_in
from kerasched.errors import Choice
from kerasched.errors import Flag
from kerasched.errors import explained
from kerasched.errors import message
from kerasched.resuming.backups import OWNER
from kerasched.resuming.backups import Backup
from kerasched.resuming.backups import Backups
from kerasched.resuming.folder_lock import FolderHeldError
from kerasched.resuming.folder_lock import FolderLock
from kerasched.resuming.run_state import RunState
from kerasched.resuming.same_program import check_same_program
from kerasched.training.fit_call import FitCall
from kerasched.training.fit_call import fit_call_of
from kerasched.training.leaves import leaves_of
from kerasched.training.leaves import parts
from kerasched.training.leaves import step_count
from kerasched.training.model_contents import COMPILED
from kerasched.training.model_contents import training_optimizers
from kerasched.training.processes import processes_of
from kerasched.training.set_schedule import with_weights


class BackupAndRestore(FitCallback):
    """Save the run after each epoch, and resume it when it is started again.

    An exact keras.callbacks.BackupAndRestore: a run that was killed at any moment and
    started again by the same command ends bit for bit like an uninterrupted one. The
    file has all variables of the model and its optimizer, including the states of
    dropout's seeds, and of everything that the model holds in attributes, lists and
    dicts, such as optimizers of its own. It has the states of `random`, `numpy.random`,
    Keras's and torch's generators, of the data, and of every callback with a state:
    those of this package, EarlyStopping, ReduceLROnPlateau, ModelCheckpoint and History
    of Keras, and any with `get_state()` and `set_state(state)`, for values of JSON, and
    `get_arrays()` and `set_arrays(arrays)` if it keeps arrays.

    A run resumes at the end of its last finished epoch; for long epochs pass a
    `steps_per_epoch` to `fit`. For a run that may be killed in its first epoch, call
    keras.utils.set_random_seed before anything is drawn.

    Data may be arrays, shuffled by `fit` or not, or a keras.utils.PyDataset, of which
    the attributes that change from epoch to epoch are saved, or what its `get_state()`
    returns. For other data a warning says that the order is not known. The same holds
    for `validation_data`. (With a seed, Keras on TensorFlow shuffles arrays in the same
    order in every epoch.)

    Its position in the list of callbacks does not matter: it saves after all others.

    A folder belongs to one run at a time: a second run, also in another process, raises
    before its first epoch. Files of a killed run do not block the folder.

    Processes that train one model together may share a folder, or have one each. All of
    them must have this callback. They begin at the last epoch that all have saved; with
    another number of processes the data and the random generators begin anew.

    Args:
        backup_dir: a folder for the files of this one run.
        save_freq: "epoch", as in Keras. `fit` cannot resume within an epoch, so that a
            number of batches is an error.
        double_checkpoint: whether to keep two files, in case the last one is damaged.
        delete_checkpoint: whether the files are deleted at the end of the run.
        check_data: False for no warning about data whose order is not known.

    Attributes:
        record: a list with a dict for each finished epoch of the run, including those
            before a restart: its `epoch`, its `logs`, and the `rates` of its last
            update by name.

    Raises:
        TypeError: an argument is of the wrong kind.
        ValueError: an argument has a wrong value, the model has no weights yet, or is
            not the one that was saved.
        RuntimeError: another run uses the folder.
        OSError: files in the folder cannot be written or read.
    """

    PER_FIT: ClassVar = dict.fromkeys(("_fit", "_state", "_saved", "_backups", "_lock"))

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

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Keras's hook: lock the folder, restore the model, join the list."""
        fit = fit_call_of(with_weights(self.model, OWNER))
        processes = processes_of(self.model, fit.is_seen)
        backups = Backups(self.backup_dir, 1 + self.double_checkpoint, processes)
        # Nothing changes before the lock is held: another fit may use this callback.
        with processes.together():
            check_same_program(OWNER, self.model, processes)
            lock = self._locked_folder(fit, backups)
        try:
            with processes.together():
                self._resume(backups)
        except BaseException:
            lock.release()
            raise
        self._lock = lock

    def _resume(self, backups: Backups) -> None:
        """Restore the model, and take the places in the list."""
        self._fit, self._begun = self._enter_fit(), False
        self._state = RunState(self._fit, self._join_list())
        self._backups, self.record = backups, []
        self._saved = backups.newest()
        if self._saved is not None:
            self._restore(self._saved)
        else:
            self._compare_counts(self._fit.first_epoch())
        for reason in self._state.inexact_reasons() if self.check_data else ():
            warnings.warn(f"{OWNER} {reason}.", stacklevel=3)

    def begin(self) -> None:
        """Restore before the first epoch what other callbacks may have changed."""
        if self._begun:
            return
        self._begun = True
        self._fit.has_begun()
        with self._backups.processes.together():
            self._begin_with(self._saved)
        self._saved = None

    def _begin_with(self, saved: Backup | None) -> None:
        """Restore callbacks and data, or note where the data begin."""
        if saved is not None:
            for name in self._state.set_callbacks(saved.state, saved.arrays):
                text = f"has the state of a callback {name} which is not there now"
                warnings.warn(f"{OWNER} {text}.", stacklevel=4)
        if saved is not None and saved.is_whole:
            self._state.set_data(saved.state, saved.arrays)
        else:
            self._state.begin()

    def end_epoch(self, epoch: int, logs: dict[str, Any] | None) -> None:
        """Save the run after all other callbacks have processed an epoch."""
        values = {name: np.asarray(v).tolist() for name, v in (logs or {}).items()}
        rates = {one.name: one.last() for one in scheduled_in(self.model)}
        self.record.append({"epoch": epoch, "logs": values, "rates": rates})
        with self._backups.processes.together():
            try:
                self._backups.save(epoch + 1, self._state, self.record)
            except OSError as error:
                raise explained(
                    error,
                    f"{OWNER} cannot save epoch {epoch} in {self.backup_dir}",
                    "The backups of earlier epochs are whole: the same command goes "
                    "on from there",
                ) from error

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        """Keras's hook."""
        if self.delete_checkpoint:
            self._backups.delete()
        if self._lock is not None:
            self._lock.release(delete_folder=self.delete_checkpoint)
        self._forget_fit()

    def _locked_folder(self, fit: FitCall, backups: Backups) -> FolderLock:
        """Lock the folder until the training ends, also by an exception.

        Of the processes of one run that share it, only the writer locks it.
        """
        lock = FolderLock(self.backup_dir)
        try:
            backups.find_writer()
            if backups.writes:
                lock.acquire()
        except FolderHeldError as error:
            raise RuntimeError(
                f"{OWNER} cannot use {self.backup_dir}: another run, {error}, saves "
                "its backups there. Wait until it has ended, or give each run a "
                "backup_dir of its own."
            ) from None
        except OSError as error:
            fix = "Give it a backup_dir in which files can be made"
            what = f"{OWNER} cannot write to {self.backup_dir}"
            raise explained(error, what, fix) from error
        if fit.is_seen:
            fit.on_end(lock.release)
        else:
            weakref.finalize(self.callback_list or self, lock.release)
        return lock

    def _join_list(self) -> list[Any]:
        """Add a first and a last callback to the list, and return all others."""
        if self.callback_list is None:
            what = "in the list of callbacks of fit"
            raise ValueError(message(OWNER, "callbacks", what, None))
        first, last = [_First(self)], [_Last(self)]
        others = self._rearrange(first, last, dropped=(_First, _Last))
        return [other for other in others if other is not self]

    def _restore(self, saved: Backup) -> None:
        """Restore the model, and set the epoch to begin at."""
        state, arrays, is_whole = saved
        self._state.set_model(state, arrays)
        self.record = list(state["record"])
        # A run that a callback has stopped has no epochs left.
        epochs = (self.params or {}).get("epochs") or state["epoch"]
        first = epochs if state["stopped"] else state["epoch"]
        self._fit.begin_at(first)
        if first >= epochs:
            # `on_train_end` is next, and some callback may come before `_First`.
            self._state.set_callbacks(state, arrays)
        check_data = self.check_data and is_whole
        if check_data and self._state.has_other_data(state):
            text = "finds other data in fit than those with which the run began"
            warnings.warn(f"{OWNER} {text}, and goes on with them.", stacklevel=4)

    def _compare_counts(self, epoch: int) -> None:
        """Warn if a step count does not match the epoch at which `fit` begins."""
        steps = (self.params or {}).get("steps")
        every = training_optimizers(self.model)
        if not steps or not all(leaves_of(self.model, one) for one in every.values()):
            return  # That builds a MultiOptimizer, if it can be built.
        # A custom train_step may do any number of updates per batch.
        most = epoch * steps if list(every) == [COMPILED] else math.inf
        counting = [pair for one in every.values() for pair in _counting(one)]
        for optimizer, skips in counting:
            count = step_count(optimizer)
            expected = epoch * steps
            may_differ = expected > 0 and (skips or most > expected)
            if count != expected and not (may_differ and 0 < count < most):
                warnings.warn(
                    f"{OWNER}: the run begins at epoch {epoch}, which is step "
                    f"{expected}, but {optimizer.name} has done {count} steps. A "
                    "schedule goes on from there. Load the state of the optimizer, "
                    "or change initial_epoch.",
                    stacklevel=4,
                )
                return


def _counting(optimizer: Any, skips: bool = False) -> Iterator[tuple[Any, bool]]:
    """Yield the plain optimizers that count steps, and whether they skip some.

    A LossScaleOptimizer skips steps with gradients that are not finite. In a
    MultiOptimizer an optimizer without variables is never built, and counts none.
    """
    skips = skips or getattr(optimizer, "inner_optimizer", None) is not None
    inside = parts(optimizer)
    if not inside:
        yield optimizer, skips
    for part in inside:
        if part.built or not optimizer.built:
            yield from _counting(part, skips)


class _First(keras.callbacks.Callback):
    """The first in the list: restores state before others begin an epoch."""

    def __init__(self, owner: BackupAndRestore) -> None:
        super().__init__()
        self._owner = owner

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self._owner.begin()

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        self._owner.begin()  # Where no epoch was left.


class _Last(keras.callbacks.Callback):
    """The last in the list: saves the run after others have ended an epoch."""

    def __init__(self, owner: BackupAndRestore) -> None:
        super().__init__()
        self._owner = owner

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self._owner.end_epoch(epoch, logs)
