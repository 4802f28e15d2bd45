"""The files of a run, in which damage is always detected.

A file is an uncompressed zip archive with `state.json` and one member per array. Zip
has a checksum of each member, so that a truncated or modified file is detected. A file
is written under a temporary name, synced to the disk, and then renamed.

Where several processes train a model, each adds a file with its own part.
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
NAME = re.compile(r"epoch-(\d+)(\.process-\d+-of-\d+)?\.run")
UNFINISHED = ".part"


def part_of(rank: int, count: int) -> str:
    """Return what the name of a process's own file has after the epoch."""
    return f".process-{rank}-of-{count}"


class RunFiles:
    """The last files of a run in a folder, by the number of finished epochs.

    Args:
        folder: the folder, created when the first file is written.
        keep: the number of newest files to keep.
    """

    def __init__(self, folder: str | Path, keep: int = 2) -> None:
        self.folder, self.keep = Path(folder), keep

    def epochs(self, part: str = "") -> list[int]:
        """Return the numbers of epochs of which there is a file, the highest first."""
        found = [epoch for _, epoch, own in self._found() if own == part]
        return sorted(found, reverse=True)

    def path(self, epoch: int, part: str = "") -> Path:
        """Return the path of a file.

        Args:
            epoch: the number of finished epochs.
            part: empty, or what `part_of` returns for the file of one process.
        """
        return self.folder / f"epoch-{epoch:06d}{part}.run"

    def write(
        self, epoch: int, state: dict[str, Any], arrays: Arrays, part: str = ""
    ) -> None:
        """Write a file after `epoch` epochs.

        Raises:
            OSError: the file cannot be written. Earlier files stay, and no partial
                file is left.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.path(epoch, part)
        unfinished = path.with_suffix(UNFINISHED)
        try:
            with unfinished.open("wb") as file:
                write(file, state, arrays)
                file.flush()
                os.fsync(file.fileno())
            unfinished.replace(path)
        except OSError:
            with contextlib.suppress(OSError):
                unfinished.unlink()  # The disk may be full.
            raise
        _sync_folder(self.folder)

    def remove_old(self, epoch: int) -> None:
        """Keep the files of an epoch and of the newest others, and remove the rest."""
        others = [other for other in self.epochs() if other != epoch]
        kept = {epoch, *others[: self.keep - 1]}
        for path, other, _ in self._found():
            if other not in kept:
                path.unlink()

    def delete(self) -> None:
        """Remove all files, but not the folder, which contains the lock."""
        files = [path for path, _, _ in self._found()]
        for path in [*files, *self.folder.glob(f"*{UNFINISHED}")]:
            path.unlink()

    def _found(self) -> list[tuple[Path, int, str]]:
        """Return the path, the number of epochs and the part of each file."""
        paths = self.folder.iterdir() if self.folder.is_dir() else ()
        named = [(path, NAME.fullmatch(path.name)) for path in paths]
        return [(path, int(n[1]), n[2] or "") for path, n in named if n]


def write(file: Any, state: dict[str, Any], arrays: Arrays) -> None:
    """Write state and arrays to an open file."""
    kinds = {}
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        for number, (name, array) in enumerate(arrays.items()):
            content = np.ascontiguousarray(array).reshape(-1).view(np.uint8)
            # An array of zeros takes no space.
            member = f"arrays/{number}" if content.any() else None
            kinds[name] = [member, _label(array.dtype), list(array.shape)]
            if member:
                with archive.open(member, "w", force_zip64=True) as to:
                    to.write(content.data)
        archive.writestr(STATE, json.dumps({"state": state, "arrays": kinds}))


def read(path: Path) -> tuple[dict[str, Any], Arrays]:
    """Return state and arrays of a file.

    Raises:
        OSError: the file cannot be opened; it may be intact.
        ValueError: the file is damaged.
    """
    with path.open("rb") as file:
        try:
            with zipfile.ZipFile(file) as archive:
                content = json.loads(archive.read(STATE))
                kinds = content["arrays"].items()
                arrays = {name: _array(archive, *kind) for name, kind in kinds}
                return content["state"], arrays
        except Exception as error:
            # Damage may look like an encrypted member, an unknown compression or a
            # wrong length; zipfile and zlib raise many kinds of errors.
            raise ValueError(f"{path} is not whole: {error}") from error


def _array(
    archive: zipfile.ZipFile, member: str | None, dtype: str, shape: list[int]
) -> np.ndarray:
    kind = _dtype(dtype)
    if member is None:
        return np.zeros(shape, kind)
    # A copy, as the bytes that were read are read-only.
    return np.frombuffer(archive.read(member), kind).reshape(shape).copy()


def _label(dtype: np.dtype) -> str:
    """Return what `_dtype` makes the type of again.

    The name of a type of NumPy lacks the byte order, and the length of its strings is
    in bits.
    """
    import ml_dtypes  # Keras needs it too: bfloat16 and others, by their names.

    return dtype.name if hasattr(ml_dtypes, dtype.name) else dtype.str


def _dtype(label: str) -> np.dtype:
    """Return a type by its label, which is a name in files of earlier versions."""
    import ml_dtypes

    return np.dtype(getattr(ml_dtypes, label, label))


def _sync_folder(folder: Path) -> None:
    """Sync a rename to the disk, where the system can open a folder."""
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
