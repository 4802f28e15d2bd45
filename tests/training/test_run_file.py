"""A backup file is either read as it was written or recognized as damaged."""

import errno
import json
import re
import zipfile

import numpy as np
import pytest

from kerasched.resuming import run_file
from kerasched.resuming.run_file import STATE
from kerasched.resuming.run_file import RunFiles
from kerasched.resuming.run_file import read
from kerasched.resuming.run_file import write

pytestmark = pytest.mark.host

STATES = {"epoch": 3, "record": [0.5, None]}
ARRAYS = {
    "weights": np.arange(6, dtype="float32").reshape(2, 3),
    "room": np.zeros((2, 2), "int8"),
}


def written(path):
    with path.open("wb") as file:
        write(file, STATES, ARRAYS)
    return path.read_bytes()


def content_of(state, arrays):
    kept = {name: (a.dtype, a.shape, a.tobytes()) for name, a in arrays.items()}
    return state, kept


# Every seventh bit includes all positions within a byte.
@pytest.mark.parametrize("apart", [7, pytest.param(1, marks=pytest.mark.slow)])
def test_any_flipped_bit_is_detected_or_does_not_matter(apart, tmp_path):
    path = tmp_path / "epoch-000003.run"
    whole = written(path)
    messages = []
    for place in range(0, 8 * len(whole), apart):
        damaged = bytearray(whole)
        damaged[place // 8] ^= 1 << place % 8
        path.write_bytes(damaged)
        try:
            found = read(path)
        except ValueError as error:
            messages.append(str(error))
        else:
            assert content_of(*found) == content_of(STATES, ARRAYS), place
    # Bits in dates, versions and the like do not matter. In so small a file they are
    # up to half of all bits.
    assert len(messages) > 4 * len(whole) / apart
    assert all(text.startswith(f"{path} is not whole: ") for text in messages)


def test_a_truncated_file_is_damaged(tmp_path):
    path = tmp_path / "epoch-000003.run"
    whole = written(path)
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        with pytest.raises(ValueError, match=f"{re.escape(str(path))} is not whole: "):
            read(path)


@pytest.mark.parametrize(
    "content", [[], {"state": {}}, {"state": {}, "arrays": {"a": 3}}, None]
)
def test_a_state_of_another_structure_is_damaged(content, tmp_path):
    path = tmp_path / "epoch-000003.run"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(STATE, json.dumps(content))
    with pytest.raises(ValueError, match=f"{re.escape(str(path))} is not whole: "):
        read(path)


def full(*_, **__):
    raise OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize("call", ["fsync", "write"])
def test_a_full_disk_leaves_earlier_files_and_no_partial_file(
    call, tmp_path, monkeypatch
):
    files = RunFiles(tmp_path, keep=1)
    files.write(3, STATES, ARRAYS)
    if call == "fsync":
        monkeypatch.setattr(run_file.os, "fsync", full)
    else:
        monkeypatch.setattr(run_file, "write", full)
    with pytest.raises(OSError, match="No space left"):
        files.write(4, {}, {})
    assert [path.name for path in tmp_path.iterdir()] == ["epoch-000003.run"]
    assert content_of(*read(files.path(files.epochs()[0]))) == content_of(
        STATES, ARRAYS
    )


def test_a_file_that_cannot_be_opened_is_not_reported_as_damaged(tmp_path):
    with pytest.raises(OSError, match="epoch-000003.run"):
        read(tmp_path / "epoch-000003.run")
