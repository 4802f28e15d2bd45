"""A file of a run is given back as it was written, or is known not to be whole."""

import json
import re
import zipfile

import numpy as np
import pytest

from kerasched.training.run_file import STATE
from kerasched.training.run_file import read
from kerasched.training.run_file import write

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


def test_any_bit_that_is_flipped_is_noticed_or_does_not_matter(tmp_path):
    path = tmp_path / "epoch-000003.run"
    whole = written(path)
    told = []
    for place in range(8 * len(whole)):
        damaged = bytearray(whole)
        damaged[place // 8] ^= 1 << place % 8
        path.write_bytes(damaged)
        try:
            found = read(path)
        except ValueError as error:
            told.append(str(error))
        else:
            assert content_of(*found) == content_of(STATES, ARRAYS), place
    # All but dates, versions and the like: half of what is in so small a file.
    assert len(told) > 4 * len(whole)
    assert all(text.startswith(f"{path} is not whole: ") for text in told)


@pytest.mark.parametrize(
    "content", [[], {"state": {}}, {"state": {}, "arrays": {"a": 3}}, None]
)
def test_a_state_of_another_shape_is_not_whole(content, tmp_path):
    path = tmp_path / "epoch-000003.run"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(STATE, json.dumps(content))
    with pytest.raises(ValueError, match=f"{re.escape(str(path))} is not whole: "):
        read(path)
