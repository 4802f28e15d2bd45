"""The backups of a run in a folder, made and read by all of its processes together.

The processes that train a model may share a folder, or have one each, or one on each
machine. Of those that share a folder the one with the lowest rank writes what is the
same in all: model, optimizer and callbacks. Each process adds a file with its own part:
random generators and the state of its data. A run of one process has a single file with
both. A run goes on from the last epoch of which every process has its files.
"""

import secrets
import warnings
from pathlib import Path
from typing import Any
from typing import NamedTuple

from kerasched.errors import explained
from kerasched.errors import message
from kerasched.resuming.encoding import Arrays
from kerasched.resuming.run_file import UNFINISHED
from kerasched.resuming.run_file import RunFiles
from kerasched.resuming.run_file import part_of
from kerasched.resuming.run_file import read
from kerasched.resuming.run_state import RunState
from kerasched.training.processes import Processes

OWNER = "BackupAndRestore"
FORMAT = 1


class Backup(NamedTuple):
    """A backup that was read.

    Attributes:
        state: the JSON values.
        arrays: the arrays by name.
        is_whole: whether the part of this process is included, which it is not if
            another number of processes has made the backup.
    """

    state: dict[str, Any]
    arrays: Arrays
    is_whole: bool


class Backups:
    """The backups of a run.

    Args:
        folder: the folder of this process.
        keep: the number of newest epochs to keep.
        processes: the processes that train the model.

    Attributes:
        writes: whether this process writes the model's part in its folder.
    """

    def __init__(self, folder: str | Path, keep: int, processes: Processes) -> None:
        self.processes, self.writes = processes, True
        self._files = RunFiles(folder, keep)
        alone = processes.count == 1
        self._part = "" if alone else part_of(processes.rank, processes.count)

    def find_writer(self) -> None:
        """Find out whether a process of a lower rank uses the same folder."""
        if self.processes.count == 1:
            return
        token = self.processes.gather(secrets.token_hex(8))[0]
        folder = self._files.folder
        marks = [
            folder / f"process-{rank}-{token}{UNFINISHED}"
            for rank in range(self.processes.rank + 1)
        ]
        folder.mkdir(parents=True, exist_ok=True)
        marks[-1].touch()
        try:
            self.processes.wait()
            self.writes = not any(mark.exists() for mark in marks[:-1])
            self.processes.wait()
        finally:
            marks[-1].unlink(missing_ok=True)

    def save(self, epoch: int, run: RunState, record: list[dict[str, Any]]) -> None:
        """Save a run after `epoch` epochs, and remove old backups.

        Raises:
            OSError: the files cannot be written. Those of earlier epochs stay.
        """
        own, own_arrays = run.of_process()
        shared, arrays = run.of_model() if self.writes else run.help_to_save()
        # Parts of the weights were exchanged above: from here on an error is told to
        # the processes that wait below.
        if self._part:
            self._files.write(epoch, own, own_arrays, self._part)
            own, own_arrays = {"processes": self.processes.count}, {}
        if self.writes:
            about = {"format": FORMAT, "epoch": epoch, "record": record}
            state = {**own, **shared, **about}
            self._files.write(epoch, state, {**own_arrays, **arrays})
        self.processes.wait()  # The backups before are needed until all have this one.
        if self.writes:
            self._files.remove_old(epoch)
        # Otherwise the removal could find a file of another process's next epoch.
        self.processes.wait()

    def newest(self) -> Backup | None:
        """Return the newest backup that all processes can use, None if there is none.

        Raises:
            OSError: a file cannot be read; it may be intact.
            ValueError: a file is of another format, or only some processes find one.
        """
        incomplete = None
        for epoch in self._common_epochs():
            backup, missing = self._read(epoch)
            if backup is not None and missing and epoch > 1:
                incomplete = incomplete or (backup, missing)
            elif backup is not None and not missing:
                return backup
        if incomplete is None:
            return None  # Nothing is lost if some process died in the first save.
        backup, missing = incomplete
        self._warn(f"goes on from a backup without files of process {missing[0]}")
        return backup

    def delete(self) -> None:
        """Delete the backups, once all processes have ended the run."""
        self.processes.wait()
        if self.writes:
            self._files.delete()

    def _common_epochs(self) -> list[int]:
        """Return the epochs of which each process has the model's part."""
        every = [set(epochs) for epochs in self.processes.gather(self._files.epochs())]
        common = set.intersection(*every)
        newest = max(set.union(*every), default=0)
        if newest > 1 and not common:  # Some process may die in the first save.
            found = next(rank for rank, one in enumerate(every) if newest in one)
            without = next(rank for rank, one in enumerate(every) if newest not in one)
            raise ValueError(
                f"{OWNER} finds a backup of epoch {newest - 1} in the folder of "
                f"process {found}, but process {without} has no backup of the same "
                "epoch. Give all processes one shared backup_dir, or copy the files "
                f"of process {found}, or remove all files to begin anew."
            )
        return sorted(common, reverse=True)

    def _read(self, epoch: int) -> tuple[Backup | None, list[int]]:
        """Return a backup that is intact, and the processes whose own file is missing.

        None is missing if another number of processes has made the backup.
        """
        damage, main, own = "", None, None
        path = self._files.path(epoch, self._part)
        try:
            main = _content_of(self._files.path(epoch))
            if self._part and path.exists():
                own = _content_of(path)
        except ValueError as error:
            damage = str(error)
        saved_by = main[0].get("processes", 1) if main else 0
        reports = self.processes.gather([damage, saved_by, own is not None])
        damages = list(dict.fromkeys(text for text, _, _ in reports if text))
        for text in damages:
            text = f"{OWNER} goes on from an earlier epoch. {text}"
            warnings.warn(text, stacklevel=6)
        if damages or main is None:
            return None, []
        state, arrays = main
        if state["format"] != FORMAT:
            what = "a folder of a run that this version of kerasched has begun"
            path = self._files.path(epoch)
            raise ValueError(message(OWNER, "backup_dir", what, str(path)))
        if any(count != self.processes.count for _, count, _ in reports):
            self._warn(
                f"goes on with {_number(self.processes.count)} from a backup of "
                f"{_number(saved_by)}"
            )
            return Backup(state, arrays, False), []
        if not self._part:
            return Backup(state, arrays, True), []
        missing = [rank for rank, (_, _, has) in enumerate(reports) if not has]
        if own is None or missing:
            return Backup(state, arrays, False), missing
        return Backup({**state, **own[0]}, {**arrays, **own[1]}, True), []

    def _warn(self, what: str) -> None:
        warnings.warn(
            f"{OWNER} {what}. It restores model, optimizer and callbacks; the order of "
            "the data and the random generators begin anew.",
            stacklevel=6,
        )


def _number(count: int) -> str:
    return "1 process" if count == 1 else f"{count} processes"


def _content_of(path: Path) -> tuple[dict[str, Any], Arrays]:
    try:
        return read(path)
    except OSError as error:
        # An earlier epoch would delete a file that may become readable.
        fix = "Make it readable, or remove it to go on from the one before"
        raise explained(error, f"{OWNER} cannot read {path}", fix) from error
