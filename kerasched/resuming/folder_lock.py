"""The lock of a folder: only one run at a time writes to it.

The operating system locks an open file for as long as the process lives and the file is
open. So a killed process leaves no lock behind; it may leave the file, which the next
run reuses.

- The file is unlinked while it is locked. After locking a file, a run checks that it is
  still the one in the folder, and otherwise tries again with the new one.
- A forked process closes the files that it inherits, or it would keep the lock.
- The process has a list of its own locks, as on some systems threads of one process
  can lock the same file.
- On NFS the lock works between machines if the server supports locks. On a file system
  without locks a warning says that runs in other processes are not detected.
"""

import contextlib
import errno
import os
import socket
import sys
import threading
import warnings
from pathlib import Path
from typing import Any

NAME = "run.lock"
BUSY = {errno.EACCES, errno.EAGAIN, errno.EWOULDBLOCK, errno.EDEADLK}
WITHOUT_LOCKS = {errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP}
# Other runs may begin and end meanwhile.
ATTEMPTS = 100
# Windows locks bytes, which other processes cannot read: use one after the text.
BYTE = 4096

_held: set["FolderLock"] = set()
# Reentrant, as a garbage collection at any line here may release a lock.
_guard = threading.RLock()


class FolderHeldError(Exception):
    """Another run holds the lock. The message says which."""


class FolderLock:
    """The lock of a folder. A copy, also by pickle, is not locked.

    Args:
        folder: the folder, created if it does not exist.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        self._handle: int | None = None
        self._place = ""
        self._made_folder = False

    def __reduce__(self) -> Any:
        return type(self), (self.folder,)

    def acquire(self) -> None:
        """Lock the folder.

        Raises:
            FolderHeldError: another run has locked it.
            OSError: the folder cannot be created or written to.
        """
        with _guard:
            place = os.path.realpath(self.folder)
            if any(other._place == place for other in _held):
                raise FolderHeldError("this process")
            self._made_folder = not self.folder.exists()
            self._handle, self._place = self._locked_file(), place
            _held.add(self)

    def release(self, delete_folder: bool = False) -> None:
        """Unlock the folder if it is locked.

        Args:
            delete_folder: whether to remove the folder if it is empty. An empty folder
                that `acquire` created is always removed.
        """
        with _guard:
            handle, self._handle = self._handle, None
            if handle is None:
                return
            _held.discard(self)
            with contextlib.suppress(OSError):
                _close_and_remove(handle, self.folder / NAME)
            if delete_folder or self._made_folder:
                with contextlib.suppress(OSError):
                    self.folder.rmdir()

    def _locked_file(self) -> int:
        path = self.folder / NAME
        for _ in range(ATTEMPTS):
            self.folder.mkdir(parents=True, exist_ok=True)
            try:
                handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
            except FileNotFoundError:
                continue  # A run that has ended has just removed the folder.
            try:
                self._lock(handle)
                if _is_at(handle, path):
                    os.ftruncate(handle, 0)
                    os.write(handle, _this_process().encode())
                    return handle
            except BaseException:
                os.close(handle)
                raise
            os.close(handle)
        raise FolderHeldError("one of several that start and stop at the moment")

    def _lock(self, handle: int) -> None:
        try:
            _lock_file(handle)
        except OSError as error:
            if error.errno in WITHOUT_LOCKS:
                warnings.warn(
                    f"{self.folder} is on a file system without file locks "
                    f"({error.strerror}). Make sure that no other run uses the folder.",
                    stacklevel=2,
                )
                return
            if error.errno not in BUSY:
                raise
            raise FolderHeldError(_text_in(handle) or "another process") from None


if sys.platform == "win32":
    import msvcrt

    def _lock_file(handle: int) -> None:
        os.lseek(handle, BYTE, os.SEEK_SET)
        msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
        os.lseek(handle, 0, os.SEEK_SET)

    def _close_and_remove(handle: int, path: Path) -> None:
        os.close(handle)
        path.unlink()  # Fails if another run has opened the file.

else:
    import fcntl

    def _lock_file(handle: int) -> None:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def _close_and_remove(handle: int, path: Path) -> None:
        try:
            if _is_at(handle, path):
                path.unlink()
        finally:
            os.close(handle)


def _is_at(handle: int, path: Path) -> bool:
    """Return whether an open file is the one at a path."""
    try:
        return os.path.samestat(os.fstat(handle), os.stat(path))
    except FileNotFoundError:
        return False


def _this_process() -> str:
    return f"process {os.getpid()} on {socket.gethostname()}"


def _text_in(handle: int) -> str:
    os.lseek(handle, 0, os.SEEK_SET)
    return os.read(handle, 200).decode(errors="replace")


def _forget_all() -> None:
    """Close the parent's files in a forked process."""
    global _guard
    _guard = threading.RLock()
    for lock in _held:
        if lock._handle is not None:
            os.close(lock._handle)
            lock._handle = None
    _held.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_all)
