"""Files that hold a run: each is there whole, or is known not to be.

A file is a zip archive with `state.json` and one member for each array, uncompressed.
Zip keeps a checksum of each member, so that a torn or changed file is noticed. A file
is written under another name, brought to the disk, and then renamed.
"""

import contextlib
import json
import os
import re
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from kerasched.resuming.encoding import Arrays

STATE = "state.json"
NAME = re.compile(r"epoch-(\d+)\.run")
UNFINISHED = ".part"


class RunFiles:
    """The last files of a run in a folder, by the number of epochs that are finished.

    Args:
        folder: the folder, which is made when the first file is written.
        keep: how many files are kept, the newest ones.
    """

    def __init__(self, folder: str | Path, keep: int = 2) -> None:
        self.folder, self.keep = Path(folder), keep

    def all(self) -> list[Path]:
        """Return the files, the newest first."""
        found = self.folder.iterdir() if self.folder.is_dir() else ()
        named = [path for path in found if NAME.fullmatch(path.name)]
        return sorted(named, key=_epoch, reverse=True)

    def write(self, epoch: int, state: dict[str, Any], arrays: Arrays) -> None:
        """Write a file after `epoch` epochs, and remove those that are too old.

        Raises:
            OSError: the file cannot be written. Those before it stay, and nothing is
                left of it.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / f"epoch-{epoch:06d}.run"
        unfinished = path.with_suffix(UNFINISHED)
        try:
            with unfinished.open("wb") as file:
                write(file, state, arrays)
                file.flush()
                os.fsync(file.fileno())
            unfinished.replace(path)
        except OSError:
            with contextlib.suppress(OSError):
                unfinished.unlink()  # It may fill the disk.
            raise
        _sync_folder(self.folder)
        for old in [other for other in self.all() if other != path][self.keep - 1 :]:
            old.unlink()

    def delete(self) -> None:
        """Remove the files, not the folder, which its lock is in."""
        for path in [*self.all(), *self.folder.glob(f"epoch-*{UNFINISHED}")]:
            path.unlink()


def write(file: Any, state: dict[str, Any], arrays: Arrays) -> None:
    """Write state and arrays to an open file."""
    kinds = {}
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        for number, (name, array) in enumerate(arrays.items()):
            content = np.ascontiguousarray(array).reshape(-1).view(np.uint8)
            # What is all zeros, as room to work in, takes none.
            member = f"arrays/{number}" if content.any() else None
            kinds[name] = [member, array.dtype.name, list(array.shape)]
            if member:
                with archive.open(member, "w", force_zip64=True) as to:
                    to.write(content)
        archive.writestr(STATE, json.dumps({"state": state, "arrays": kinds}))


def read(path: Path) -> tuple[dict[str, Any], Arrays]:
    """Return state and arrays of a file.

    Raises:
        OSError: the file cannot be opened, which says nothing about what is in it.
        ValueError: the file is not whole.
    """
    with path.open("rb") as file:
        return _content_of(path, file)


def _content_of(path: Path, file: Any) -> tuple[dict[str, Any], Arrays]:
    try:
        with zipfile.ZipFile(file) as archive:
            content = json.loads(archive.read(STATE))
            arrays = {
                name: _array(archive, *kind) for name, kind in content["arrays"].items()
            }
            return content["state"], arrays
    except Exception as error:
        # Damage may look like anything: an encrypted member, a compression that is not
        # known, a length. zipfile and zlib answer each with an error of another kind.
        raise ValueError(f"{path} is not whole: {error}") from error


def _array(
    archive: zipfile.ZipFile, member: str | None, dtype: str, shape: list[int]
) -> np.ndarray:
    kind = _dtype(dtype)
    if member is None:
        return np.zeros(shape, kind)
    # A copy, as what is read cannot be written to.
    return np.frombuffer(archive.read(member), kind).reshape(shape).copy()


def _dtype(name: str) -> np.dtype:
    import ml_dtypes  # Keras needs it too: bfloat16 and others, by their names.

    return np.dtype(getattr(ml_dtypes, name, name))


def _epoch(path: Path) -> int:
    return int(NAME.fullmatch(path.name)[1])


def _sync_folder(folder: Path) -> None:
    """Bring a rename to the disk, where the system lets a folder be opened."""
    try:
        handle = os.open(folder, os.O_RDONLY)
    except OSError:
        return
    try:
        os.fsync(handle)
    except OSError:
        pass  # Not on every file system.
    finally:
        os.close(handle)
