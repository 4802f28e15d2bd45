"""A run locks its folder for as long as it lives and no longer."""

import contextlib
import errno
import os
import pickle
import re
import signal
import threading
import time

import pytest

from kerasched.resuming import folder_lock
from kerasched.resuming.folder_lock import NAME
from kerasched.resuming.folder_lock import FolderHeldError
from kerasched.resuming.folder_lock import FolderLock

pytestmark = [
    pytest.mark.host,
    # Forking with threads warns, but these children use no threads.
    pytest.mark.filterwarnings("ignore:.*fork.*"),
]
needs_fork = pytest.mark.skipif(
    not hasattr(os, "fork"), reason="this system has no fork"
)


@contextlib.contextmanager
def child(act):
    """Run `act(ready)` in a forked process until the block ends, then kill it."""
    reads, writes = os.pipe()
    process = os.fork()
    if process == 0:
        try:
            act(lambda: os.write(writes, str(os.getpid()).encode()))
            time.sleep(120.0)
        finally:
            os._exit(1)
    os.close(writes)
    try:
        assert os.read(reads, 20) == str(process).encode()
        yield process
    finally:
        os.close(reads)
        with contextlib.suppress(ProcessLookupError):
            kill(process)


def kill(process):
    os.kill(process, signal.SIGKILL)
    with contextlib.suppress(ChildProcessError):
        os.waitpid(process, 0)


def hold(folder):
    lock = FolderLock(folder)
    lock.acquire()
    return lock


@needs_fork
def test_a_folder_locked_by_another_process_is_refused_until_it_is_killed(tmp_path):
    def holds(ready):
        hold(tmp_path)
        ready()

    with child(holds) as process:
        with pytest.raises(FolderHeldError, match=f"^process {process} on "):
            hold(tmp_path)
        kill(process)
        assert (tmp_path / NAME).exists()  # The file alone does not lock the folder.
        hold(tmp_path).release()
    assert not any(tmp_path.iterdir())


@needs_fork
def test_a_forked_child_does_not_own_the_lock(tmp_path):
    def forks_and_holds(ready):
        lock = hold(tmp_path)
        if os.fork():
            ready()
        else:
            lock.release()  # This must not remove the parent's file.
            ready_to_outlive()

    def ready_to_outlive():
        (tmp_path / "pid").write_text(str(os.getpid()))
        time.sleep(120.0)

    with child(forks_and_holds) as process:
        until = time.monotonic() + 60.0
        while not (pid := (tmp_path / "pid")).exists() or not pid.read_text():
            assert time.monotonic() < until
            time.sleep(0.001)
        with pytest.raises(FolderHeldError, match=f"^process {process} on "):
            hold(tmp_path)
        kill(process)
        orphan = int(pid.read_text())
        try:
            hold(tmp_path).release()
        finally:
            os.kill(orphan, signal.SIGKILL)


def test_one_process_cannot_lock_a_folder_twice(tmp_path):
    (tmp_path / "run").mkdir()
    lock = hold(tmp_path / "run")
    (tmp_path / "link").symlink_to(tmp_path / "run")
    for path in ("run", "link"):
        with pytest.raises(FolderHeldError, match="^this process$"):
            hold(tmp_path / path)
    lock.release()
    hold(tmp_path / "link").release()


def test_a_released_lock_does_not_release_the_next(tmp_path):
    over = hold(tmp_path)
    over.release()
    lock = hold(tmp_path)
    over.release()
    with pytest.raises(FolderHeldError):
        hold(tmp_path)
    lock.release()


def test_release_removes_only_an_empty_folder_that_it_created(tmp_path):
    hold(tmp_path).release()
    assert tmp_path.exists()
    folder = tmp_path / "run"
    hold(folder).release()
    assert not folder.exists()
    lock = hold(folder)
    (folder / "notes.txt").touch()
    lock.release()
    assert [path.name for path in folder.iterdir()] == ["notes.txt"]
    (folder / "notes.txt").unlink()
    hold(folder).release(delete_folder=True)
    assert not folder.exists()


def test_a_lock_on_a_file_that_was_removed_meanwhile_does_not_count(
    tmp_path, monkeypatch
):
    lock_file, removed = folder_lock._lock_file, []

    def lock_after_the_holder_has_left(handle):
        if not removed:  # The owner unlinks the file that this run has opened.
            (tmp_path / NAME).unlink()
            removed.append(True)
        lock_file(handle)

    monkeypatch.setattr(folder_lock, "_lock_file", lock_after_the_holder_has_left)
    lock = hold(tmp_path)
    assert removed
    assert folder_lock._is_at(lock._handle, tmp_path / NAME)
    lock.release()


@pytest.mark.skipif(os.name == "nt", reason="Windows cannot remove an open file")
def test_a_lock_whose_file_was_removed_does_not_release_another(tmp_path):
    lock = hold(tmp_path)
    (tmp_path / NAME).unlink()
    (tmp_path / NAME).touch()
    lock.release()
    assert (tmp_path / NAME).exists()


def test_only_one_thread_at_a_time_owns_the_lock(tmp_path):
    holders, most, failures = [], [], []

    def work():
        try:
            for _ in range(100):
                try:
                    lock = hold(tmp_path / "run")
                except FolderHeldError:
                    continue
                holders.append(lock)
                most.append(len(holders))
                holders.remove(lock)
                lock.release(delete_folder=True)
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    assert set(most) == {1}


def test_a_copy_does_not_own_the_lock(tmp_path):
    lock = hold(tmp_path)
    copy = pickle.loads(pickle.dumps(lock))
    copy.release()
    assert (tmp_path / NAME).exists()
    lock.release()
    copy.acquire()
    copy.release()


def test_a_file_system_without_locks_causes_a_warning(tmp_path, monkeypatch):
    def no_locks(handle):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(folder_lock, "_lock_file", no_locks)
    text = (
        f"{tmp_path} is on a file system without file locks (No locks available). Make "
        "sure that no other run uses the folder."
    )
    with pytest.warns(UserWarning, match=f"^{re.escape(text)}$"):
        lock = hold(tmp_path)
    with pytest.raises(FolderHeldError, match="this process"):
        hold(tmp_path)
    lock.release()


def test_another_error_of_the_lock_is_raised_and_closes_the_file(tmp_path, monkeypatch):
    handles = []

    def broken(handle):
        handles.append(handle)
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(folder_lock, "_lock_file", broken)
    with pytest.raises(OSError, match="Input/output error"):
        hold(tmp_path)
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(handles[0])
