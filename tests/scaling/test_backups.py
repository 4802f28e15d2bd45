"""The processes of a run agree on a backup to resume from, whatever files exist."""

import contextlib
import re
import shutil
import time

import numpy as np
import pytest

from kerasched.resuming.backups import Backups
from kerasched.resuming.run_file import RunFiles
from kerasched.training.processes import OtherProcessError
from kerasched.training.processes import Processes
from scaling.group import Group

pytestmark = pytest.mark.host


class Run:
    """Simulates the state of a run: the rank and a number."""

    def __init__(self, rank, number):
        self.rank, self.number = rank, number

    def of_process(self):
        return {"rank": self.rank}, {"own": np.array([self.number])}

    def of_model(self):
        return {"number": self.number}, {"weights": np.array([self.number])}

    def help_to_save(self):
        return {}, {}


def saved(folders, epochs, keep=2):
    """Save epochs, with a folder for each process."""

    def save(processes):
        backups = Backups(folders[processes.rank], keep, processes)
        backups.find_writer()
        for epoch in epochs:
            backups.save(epoch, Run(processes.rank, epoch), [])
        return backups.writes

    return Group(len(folders))(save)


def newest(folders):
    def read(processes):
        with processes.together():
            backups = Backups(folders[processes.rank], 2, processes)
            backups.find_writer()
            return backups.newest()

    return Group(len(folders))(read)


def epochs_of(backups):
    return [backup and backup.state["epoch"] for backup in backups]


def lose(folder, pattern):
    for path in folder.glob(pattern):
        path.unlink()


@pytest.mark.parametrize(
    ("names", "writers"),
    [("aaa", [1, 0, 0]), ("abc", [1, 1, 1]), ("aab", [1, 0, 1]), ("aba", [1, 1, 0])],
)
def test_the_lowest_rank_in_a_folder_writes_and_all_read(names, writers, tmp_path):
    folders = [tmp_path / name for name in names]
    assert saved(folders, [1, 2, 3]) == [bool(one) for one in writers]
    for rank, backup in enumerate(newest(folders)):
        assert backup.is_whole
        assert (backup.state["epoch"], backup.state["rank"]) == (3, rank)
        assert backup.arrays["weights"] == backup.arrays["own"] == 3
    # Two epochs are kept. Each has the model's part in each folder and a part per rank.
    files = [path for name in set(names) for path in (tmp_path / name).iterdir()]
    assert len(files) == 2 * (len(set(names)) + len(names))


def test_all_processes_wait_until_old_backups_are_removed(tmp_path, monkeypatch):
    remove = RunFiles.remove_old

    def slowly(files, epoch):
        time.sleep(0.1)
        remove(files, epoch)

    monkeypatch.setattr(RunFiles, "remove_old", slowly)
    folders = [tmp_path] * 3
    saved(folders, [1, 2, 3])
    assert all(backup.is_whole for backup in newest(folders))


@pytest.mark.parametrize("lost", ["epoch-000003.run", "*3.process-1-*"])
def test_all_resume_from_the_last_epoch_that_every_process_has(lost, tmp_path):
    folders = [tmp_path, tmp_path]
    saved(folders, [1, 2, 3])
    lose(tmp_path, lost)
    backups = newest(folders)
    assert epochs_of(backups) == [2, 2]
    assert all(backup.is_whole for backup in backups)


def test_a_damaged_file_of_one_process_is_skipped_by_all(tmp_path):
    folders = [tmp_path / "a", tmp_path / "b"]
    saved(folders, [1, 2, 3])
    path = folders[1] / "epoch-000003.process-1-of-2.run"
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.warns(UserWarning, match=f"earlier epoch. {re.escape(str(path))} is n"):
        assert epochs_of(newest(folders)) == [2, 2]


def test_a_crash_in_the_first_save_starts_from_the_beginning(tmp_path):
    folders = [tmp_path / "a", tmp_path / "b"]
    saved(folders, [1])
    shutil.rmtree(folders[1])
    assert newest(folders) == [None, None]
    saved([tmp_path / "c"] * 2, [1])
    lose(tmp_path / "c", "*process-1-*")
    assert newest([tmp_path / "c"] * 2) == [None, None]


def test_a_lost_folder_is_an_error_in_all(tmp_path):
    folders = [tmp_path / "a", tmp_path / "b"]
    saved(folders, [1, 2])
    shutil.rmtree(folders[1])
    for error in newest(folders):
        assert isinstance(error, ValueError)
        assert "a backup of epoch 1 in the folder of process 0, but process 1" in str(
            error
        )


def test_without_files_of_one_process_only_the_model_is_restored(tmp_path):
    folders = [tmp_path, tmp_path]
    saved(folders, [1, 2, 3])
    lose(tmp_path, "*process-1-*")
    with pytest.warns(UserWarning, match="from a backup without files of process 1"):
        backups = newest(folders)
    assert epochs_of(backups) == [3, 3]
    assert not any(backup.is_whole for backup in backups)


@pytest.mark.parametrize(
    ("before", "now", "text"),
    [
        (2, 1, "1 process from a backup of 2 processes"),
        (1, 2, "2 processes from a backup of 1 process"),
        (3, 2, "2 processes from a backup of 3 processes"),
    ],
)
def test_another_number_of_processes_restores_the_model(before, now, text, tmp_path):
    saved([tmp_path] * before, [1, 2, 3])
    with pytest.warns(UserWarning, match=f"goes on with {text}. It restores model"):
        backups = newest([tmp_path] * now)
    assert epochs_of(backups) == [3] * now
    assert not any(backup.is_whole for backup in backups)
    saved([tmp_path] * now, [4])
    assert [one.is_whole for one in newest([tmp_path] * now)] == [True] * now


def test_the_last_epoch_is_kept_until_all_have_saved_the_next(tmp_path):
    folders = [tmp_path, tmp_path]
    saved(folders, [1], keep=1)

    def save(processes):
        backups = Backups(tmp_path, 1, processes)
        backups.find_writer()
        with processes.together():
            if processes.rank == 1:
                raise OSError("full")
            backups.save(2, Run(0, 2), [])

    other, full = Group(2)(save)
    assert isinstance(other, OtherProcessError)
    assert (
        "Process 1 of 2 has failed, so that process 0 cannot go on. OSError: full"
        in (str(other))
    )
    assert isinstance(full, OSError)
    assert epochs_of(newest(folders)) == [1, 1]


def test_each_of_two_failed_processes_raises_its_own_error():
    def fail(processes):
        with processes.together():
            raise KeyError(processes.rank)

    assert [error.args for error in Group(2)(fail)] == [(0,), (1,)]


def test_a_failure_interrupts_an_exchange_elsewhere_in_the_program():
    def step(processes):
        with processes.together():
            if processes.rank == 2:
                raise KeyError("here")
            return processes.gather(processes.rank)

    *others, failed = Group(3)(step)
    assert all(isinstance(error, OtherProcessError) for error in others)
    assert isinstance(failed, KeyError)


def test_a_mean_is_exact_where_all_agree():
    means = Group(3)(lambda processes: processes.mean(0.1))
    assert means == [0.1, 0.1, 0.1]
    assert (
        Group(2)(lambda processes: processes.mean(float(processes.rank))) == [0.5] * 2
    )


def test_one_process_exchanges_nothing():
    processes = Processes()
    assert processes.gather({"a": 1}) == [{"a": 1}]
    with contextlib.suppress(KeyError), processes.together():
        raise KeyError
    processes.wait()
