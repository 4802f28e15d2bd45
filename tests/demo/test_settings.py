"""The demo's checks of its files and its backend, before anything is loaded."""

import errno
import importlib.util
import os
import re
import socket
import tempfile
from pathlib import Path

import pytest

from kerasched.demo.settings import Settings
from kerasched.demo.settings import any_backend
from kerasched.demo.settings import check_files
from kerasched.demo.settings import choose_backend
from kerasched.errors import UserError

GOOD_SAVE = Path("model.keras")


@pytest.fixture(autouse=True)
def _folder_of_its_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def installed(monkeypatch):
    """Let every module seem to be installed but those in the set it returns."""
    missing = set()
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name in missing else name
    )
    return missing


@pytest.fixture
def keras_home(tmp_path, monkeypatch, installed):
    """Return an empty folder that is KERAS_HOME; KERAS_BACKEND is not set."""
    monkeypatch.delenv("KERAS_BACKEND", raising=False)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    return tmp_path


def whole(message):
    return f"^{re.escape(message)}$"


def settings(save=GOOD_SAVE, plot=None):
    return Settings("jax", save=save, plot=plot)


def listing():
    """Return all that is in the folder: names, contents and times of change."""
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
        "--save model.h5: the name must end in .keras",
        id="suffix",
    ),
    pytest.param(
        {"save": Path("model")},
        "--save model: the name must end in .keras",
        id="no-suffix",
    ),
    pytest.param(
        {"save": Path("model.KERAS")},
        "--save model.KERAS: the name must end in .keras",
        id="suffix-in-capitals",
    ),
    pytest.param(
        {"save": Path("nowhere/model.keras")},
        "--save nowhere/model.keras: there is no directory nowhere",
        id="missing-directory",
    ),
    pytest.param(
        {"save": Path("directory.keras")},
        "--save directory.keras: this is a directory, give a file's name",
        id="directory",
    ),
    pytest.param(
        {"plot": Path("picture.gif")},
        "--plot picture.gif: the name must end in .png or .svg or .pdf",
        id="plot-suffix",
    ),
    pytest.param(
        {"plot": Path("nowhere/picture.png")},
        "--plot nowhere/picture.png: there is no directory nowhere",
        id="plot-missing-directory",
    ),
    pytest.param(
        {"plot": Path("directory.png")},
        "--plot directory.png: this is a directory, give a file's name",
        id="plot-directory",
    ),
]


@pytest.mark.parametrize(("paths", "message"), REFUSED)
def test_a_path_that_cannot_be_written_is_refused(paths, message):
    make_directory()
    with pytest.raises(UserError, match=whole(message)):
        check_files(settings(**paths))


@pytest.mark.parametrize(("paths", "message"), REFUSED)
def test_a_refused_path_leaves_nothing_behind(paths, message):
    make_directory()
    before = listing()
    with pytest.raises(UserError):
        check_files(settings(**paths))
    assert listing() == before


# A socket cannot be opened as a file, not even by root.
def test_a_file_that_cannot_be_opened_is_refused():
    reason = os.strerror(errno.ENXIO)
    with socket.socket(socket.AF_UNIX) as taken:
        taken.bind("model.keras")
        message = f"--save model.keras: cannot be written: {reason}"
        with pytest.raises(UserError, match=whole(message)):
            check_files(settings())


# Root may write where the mode forbids it, so that the refusal is played.
def test_a_directory_that_cannot_be_written_is_refused(monkeypatch):
    def refuse(dir):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(dir))

    monkeypatch.setattr(tempfile, "TemporaryFile", refuse)
    reason = os.strerror(errno.EACCES)
    message = f"--save model.keras: cannot be written: {reason}"
    with pytest.raises(UserError, match=whole(message)):
        check_files(settings())


def test_a_file_yet_to_be_written_is_not_created():
    before = listing()
    check_files(settings())
    assert listing() == before


@pytest.mark.parametrize("name", ["picture.png", "picture.svg", "picture.pdf"])
def test_a_picture_yet_to_be_written_is_not_created(name, installed):
    before = listing()
    check_files(settings(plot=Path(name)))
    assert listing() == before


def test_a_file_that_exists_keeps_its_bytes_and_its_time():
    GOOD_SAVE.write_bytes(b"an older model")
    os.utime(GOOD_SAVE, (1_000_000_000, 1_000_000_000))
    before = listing()
    check_files(settings())
    assert listing() == before


def test_a_picture_without_matplotlib_names_the_command(installed):
    installed.add("matplotlib")
    message = (
        "--plot needs matplotlib, which is not installed: run `pip install matplotlib`"
    )
    with pytest.raises(UserError, match=whole(message)):
        check_files(settings(plot=Path("picture.png")))


def test_no_picture_needs_no_matplotlib(installed):
    installed.add("matplotlib")
    check_files(settings())


@pytest.mark.parametrize("backend", ["tensorflow", "jax", "torch"])
def test_an_installed_backend_is_taken(backend, installed):
    assert choose_backend(backend) == backend


@pytest.mark.parametrize(
    ("backend", "package"),
    [("tensorflow", "tensorflow-cpu"), ("jax", "jax"), ("torch", "torch")],
)
def test_a_backend_that_is_not_installed_names_the_command(backend, package, installed):
    installed.add(backend)
    message = (
        f"backend '{backend}' needs {backend}, which is not installed: "
        f"run `pip install {package}`"
    )
    with pytest.raises(UserError, match=whole(message)):
        choose_backend(backend)


def test_a_wanted_backend_goes_before_the_environment(monkeypatch, installed):
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    assert choose_backend("torch") == "torch"


def test_the_environment_goes_before_the_file(monkeypatch, keras_home):
    (keras_home / "keras.json").write_text('{"backend": "torch"}')
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    assert choose_backend(None) == "jax"


def test_the_file_under_keras_home_names_the_default(keras_home):
    (keras_home / "keras.json").write_text('{"backend": "torch"}')
    assert choose_backend(None) == "torch"


def test_an_empty_environment_variable_does_not_count(monkeypatch, keras_home):
    (keras_home / "keras.json").write_text('{"backend": "torch"}')
    monkeypatch.setenv("KERAS_BACKEND", "")
    assert choose_backend(None) == "torch"


def test_the_file_is_below_the_home_directory_without_keras_home(
    monkeypatch, keras_home
):
    monkeypatch.delenv("KERAS_HOME")
    monkeypatch.setattr(os.path, "expanduser", lambda path: path.replace("~", "home"))
    Path("home/.keras").mkdir(parents=True)
    Path("home/.keras/keras.json").write_text('{"backend": "torch"}')
    assert choose_backend(None) == "torch"


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "{}", '{"backend": ["jax"]}', '{"backend": null}']
)
def test_a_file_without_a_backend_means_tensorflow(text, keras_home):
    (keras_home / "keras.json").write_text(text)
    assert choose_backend(None) == "tensorflow"


def test_no_file_means_tensorflow(keras_home):
    assert choose_backend(None) == "tensorflow"


UNKNOWN = "backend '{}' cannot train: choose --backend tensorflow, jax, torch"


def test_an_unknown_backend_in_the_environment_is_refused(monkeypatch, installed):
    monkeypatch.setenv("KERAS_BACKEND", "numpy")
    with pytest.raises(UserError, match=whole(UNKNOWN.format("numpy"))):
        choose_backend(None)


def test_an_unknown_backend_in_the_file_is_refused(keras_home):
    (keras_home / "keras.json").write_text('{"backend": "openvino"}')
    with pytest.raises(UserError, match=whole(UNKNOWN.format("openvino"))):
        choose_backend(None)


@pytest.mark.parametrize(
    ("wanted", "missing", "taken"),
    [
        ("torch", (), "torch"),
        (None, (), "jax"),
        (None, ("jax",), "torch"),
        ("jax", ("jax", "torch"), "tensorflow"),
        ("numpy", (), "jax"),
    ],
)
def test_any_installed_backend_will_do_on_the_host(
    wanted, missing, taken, monkeypatch, installed
):
    monkeypatch.setenv("KERAS_BACKEND", wanted or "")
    installed.update(missing)
    assert any_backend() == taken


def test_no_backend_at_all_names_the_command(installed):
    installed.update(["jax", "torch", "tensorflow"])
    message = "no backend of Keras is installed: run `pip install jax`"
    with pytest.raises(UserError, match=whole(message)):
        any_backend()
