"""Output paths are checked before Keras or data are loaded."""

import errno
import os
import socket
import tempfile
from pathlib import Path

import pytest
from support import whole

from kerasched.cli import main
from kerasched.commands.demo import check_files as check
from kerasched.errors import UserError

pytestmark = pytest.mark.host

GOOD_SAVE = Path("model.keras")


@pytest.fixture(autouse=True)
def _folder_of_its_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def check_files(save=GOOD_SAVE, plot=None):
    check(save, plot)


def listing():
    """Return the files of the folder with their contents and modification times."""
    return {
        path: (path.stat().st_mtime_ns, path.read_bytes() if path.is_file() else None)
        for path in Path().rglob("*")
    }


def make_directory():
    Path("directory.keras").mkdir()
    Path("directory.png").mkdir()


REFUSED = [
    pytest.param(
        {"save": Path("model.h5")},
        "--save model.h5: the file name must end in .keras",
        id="suffix",
    ),
    pytest.param(
        {"save": Path("model")},
        "--save model: the file name must end in .keras",
        id="no-suffix",
    ),
    pytest.param(
        {"save": Path("model.KERAS")},
        "--save model.KERAS: the file name must end in .keras",
        id="suffix-in-capitals",
    ),
    pytest.param(
        {"save": Path("nowhere/model.keras")},
        "--save nowhere/model.keras: no such directory: nowhere",
        id="missing-directory",
    ),
    pytest.param(
        {"save": Path("directory.keras")},
        "--save directory.keras: is a directory, not a file",
        id="directory",
    ),
    pytest.param(
        {"plot": Path("picture.gif")},
        "--plot picture.gif: the file name must end in .png or .svg or .pdf",
        id="plot-suffix",
    ),
    pytest.param(
        {"plot": Path("nowhere/picture.png")},
        "--plot nowhere/picture.png: no such directory: nowhere",
        id="plot-missing-directory",
    ),
    pytest.param(
        {"plot": Path("directory.png")},
        "--plot directory.png: is a directory, not a file",
        id="plot-directory",
    ),
]


@pytest.mark.parametrize(("paths", "message"), REFUSED)
def test_a_path_that_cannot_be_written_is_an_error(paths, message):
    make_directory()
    with pytest.raises(UserError, match=whole(message)):
        check_files(**paths)


@pytest.mark.parametrize(("paths", "message"), REFUSED)
def test_an_invalid_path_leaves_the_folder_unchanged(paths, message):
    make_directory()
    before = listing()
    with pytest.raises(UserError):
        check_files(**paths)
    assert listing() == before


# A socket cannot be opened as a file, not even by root.
def test_a_file_that_cannot_be_opened_is_an_error():
    reason = os.strerror(errno.ENXIO)
    with socket.socket(socket.AF_UNIX) as taken:
        taken.bind("model.keras")
        message = f"--save model.keras: cannot be written: {reason}"
        with pytest.raises(UserError, match=whole(message)):
            check_files()


# Root can write despite the file mode, so the error is simulated.
def test_a_directory_that_cannot_be_written_is_an_error(monkeypatch):
    def refuse(dir):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(dir))

    monkeypatch.setattr(tempfile, "TemporaryFile", refuse)
    reason = os.strerror(errno.EACCES)
    message = f"--save model.keras: cannot be written: {reason}"
    with pytest.raises(UserError, match=whole(message)):
        check_files()


def test_the_check_does_not_create_the_model_file():
    before = listing()
    check_files()
    assert listing() == before


@pytest.mark.parametrize("name", ["picture.png", "picture.svg", "picture.pdf"])
def test_the_check_does_not_create_the_picture(name, installed):
    before = listing()
    check_files(plot=Path(name))
    assert listing() == before


def test_the_check_does_not_change_an_existing_file():
    GOOD_SAVE.write_bytes(b"an older model")
    os.utime(GOOD_SAVE, (1_000_000_000, 1_000_000_000))
    before = listing()
    check_files()
    assert listing() == before


def test_a_picture_without_matplotlib_names_the_install_command(installed):
    installed.add("matplotlib")
    message = (
        "--plot needs matplotlib, which is not installed: run `pip install matplotlib`"
    )
    with pytest.raises(UserError, match=whole(message)):
        check_files(plot=Path("picture.png"))


def test_matplotlib_is_not_needed_without_a_picture(installed):
    installed.add("matplotlib")
    check_files()


def test_a_missing_scikit_learn_names_the_install_command(installed, capsys):
    installed.add("sklearn")
    assert main(["demo", "--backend", "jax"]) == 2
    assert capsys.readouterr().err == (
        "kerasched: error: the built-in table needs sklearn, which is not installed: "
        'run `pip install "kerasched[demo]"`\n'
    )
