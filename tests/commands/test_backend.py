"""The choice of a backend, and the import of Keras without log noise."""

import os
from pathlib import Path

import pytest
from support import run_python
from support import whole

from kerasched.commands.backend import any_backend
from kerasched.commands.backend import choose_backend
from kerasched.errors import UserError

pytestmark = pytest.mark.host


@pytest.fixture(autouse=True)
def _folder_of_its_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def keras_home(tmp_path, monkeypatch, installed):
    """Return an empty folder as KERAS_HOME, with KERAS_BACKEND not set."""
    monkeypatch.delenv("KERAS_BACKEND", raising=False)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    return tmp_path


@pytest.mark.parametrize("backend", ["tensorflow", "jax", "torch"])
def test_an_installed_backend_is_chosen(backend, installed):
    assert choose_backend(backend) == backend


@pytest.mark.parametrize(
    ("backend", "package"),
    [("tensorflow", "tensorflow-cpu"), ("jax", "jax"), ("torch", "torch")],
)
def test_a_missing_backend_names_the_install_command(backend, package, installed):
    installed.add(backend)
    message = (
        f"backend '{backend}' needs {backend}, which is not installed: "
        f"run `pip install {package}`"
    )
    with pytest.raises(UserError, match=whole(message)):
        choose_backend(backend)


def test_a_given_backend_overrides_the_environment(monkeypatch, installed):
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    assert choose_backend("torch") == "torch"


def test_the_environment_overrides_the_file(monkeypatch, keras_home):
    (keras_home / "keras.json").write_text('{"backend": "torch"}')
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    assert choose_backend(None) == "jax"


def test_the_file_in_keras_home_sets_the_default(keras_home):
    (keras_home / "keras.json").write_text('{"backend": "torch"}')
    assert choose_backend(None) == "torch"


def test_an_empty_environment_variable_is_ignored(monkeypatch, keras_home):
    (keras_home / "keras.json").write_text('{"backend": "torch"}')
    monkeypatch.setenv("KERAS_BACKEND", "")
    assert choose_backend(None) == "torch"


def test_the_file_is_in_the_home_directory_without_keras_home(monkeypatch, keras_home):
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


def test_an_unknown_backend_in_the_environment_is_an_error(monkeypatch, installed):
    monkeypatch.setenv("KERAS_BACKEND", "numpy")
    with pytest.raises(UserError, match=whole(UNKNOWN.format("numpy"))):
        choose_backend(None)


def test_an_unknown_backend_in_the_file_is_an_error(keras_home):
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
def test_an_installed_backend_is_found_for_work_on_the_host(
    wanted, missing, taken, monkeypatch, installed
):
    monkeypatch.setenv("KERAS_BACKEND", wanted or "")
    installed.update(missing)
    assert any_backend() == taken


def test_no_installed_backend_names_the_install_command(installed):
    installed.update(["jax", "torch", "tensorflow"])
    message = "no Keras backend is installed: run `pip install jax`"
    with pytest.raises(UserError, match=whole(message)):
        any_backend()


CODE = """
import os
import sys

from kerasched.commands.backend import filtered_stderr

NOISE = (
    "WARNING: All log messages before absl::InitializeLog() is called are written\\n"
    "I0000 00:00:1795563128.764558    7021 port.cc:153] oneDNN is on.\\n"
)
with filtered_stderr() as errors:
    os.write(2, NOISE.encode())
    os.write(2, b"E0000 00:00:1 1 cuda.cc:1] no device\\n")
    print("seen at once", file=errors, flush=True)
    print("a warning of Python", file=sys.stderr)
print("after", file=sys.stderr)
"""


def test_log_noise_is_removed_and_the_rest_is_printed():
    lines = run_python(CODE, "jax").stderr.splitlines()
    errors = ["E0000 00:00:1 1 cuda.cc:1] no device", "a warning of Python", "after"]
    start = lines.index("seen at once")
    assert lines[start + 1 :] == errors
    assert not any("absl" in line or "oneDNN is on" in line for line in lines[start:])


def test_an_exception_is_printed():
    code = (
        "from kerasched.commands.backend import filtered_stderr\n"
        "with filtered_stderr():\n"
        "    raise ImportError('no keras')\n"
    )
    done = run_python(code, "jax", check=False)
    assert done.stderr.endswith("ImportError: no keras\n")
