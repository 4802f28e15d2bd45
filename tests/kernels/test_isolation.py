"""The kernel first runs a self-test in a child process on an untested version."""

import os
import subprocess
import sys
from types import SimpleNamespace

import pytest
from support import BACKEND
from support import run_json

from kerasched.kernels import isolation
from kerasched.kernels import tested
from kernels.arrays import needs_extension

pytestmark = needs_extension

# Python runs this file at startup. Each call of the kernel is then a segmentation
# fault, as with an incompatible framework, and no version counts as tested.
BROKEN = """
import ctypes
import kerasched.kernels.native as native
import kerasched.kernels.tested as tested

def crash(*arguments):
    ctypes.string_at(0)

native.ffi_handlers = native.register_in_tensorflow = native.Update = crash
tested.TESTED = {}
"""

TRAINING = """
import json, warnings
import keras, numpy as np, kerasched

def trained(optimizer):
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.layers.Input((3,)), keras.layers.Dense(1)])
    model.compile(optimizer, loss="mse")
    x = np.arange(24, dtype="float32").reshape(8, 3) / 24
    model.fit(x, x[:, :1], epochs=2, verbose=0)
    return [weight.tolist() for weight in model.get_weights()]

with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    ours = trained(kerasched.SGD(0.1, momentum=0.9))
theirs = trained(keras.optimizers.SGD(0.1, momentum=0.9))
texts = [str(one.message) for one in caught if "compiled kernel" in str(one.message)]
print(json.dumps({"same": ours == theirs, "warnings": texts}))
"""


@pytest.fixture(name="cache", autouse=True)
def _cache(monkeypatch, tmp_path):
    """Return the folder of stored results, which is empty."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    isolation.crash.cache_clear()
    yield tmp_path / "cache" / "kerasched"
    isolation.crash.cache_clear()


@pytest.fixture(name="untested")
def _untested(monkeypatch):
    monkeypatch.setattr(tested, "TESTED", {})


def ended(code, errors=b""):
    """Return a fake subprocess.run with an exit code, and the list of its calls."""
    calls = []

    def run(*arguments, **options):
        calls.append(arguments)
        return SimpleNamespace(returncode=code, stderr=errors, stdout=b"")

    return run, calls


def test_a_kernel_that_crashes_is_a_warning_and_a_trained_model(
    cache, monkeypatch, tmp_path
):
    (tmp_path / "sitecustomize.py").write_text(BROKEN, encoding="utf-8")
    path = [str(tmp_path), os.environ.get("PYTHONPATH", "")]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, path)))
    found = run_json(TRAINING)
    (text,) = found["warnings"]
    version = tested.installed(BACKEND)
    assert "the self-test in a child process crashed (SIGSEGV)" in text
    assert f"{BACKEND} {version}, which is not a tested version" in text
    assert found["same"]
    (verdict,) = cache.iterdir()
    assert "SIGSEGV" in verdict.read_text(encoding="utf-8")


@pytest.mark.host
def test_an_untested_version_that_works_is_found_to_work(untested):
    assert isolation.crash(BACKEND) == ""


def test_a_tested_version_needs_no_child(monkeypatch):
    version = {BACKEND: (tested.installed(BACKEND),)}
    monkeypatch.setattr(tested, "TESTED", version)
    run, calls = ended(-11)
    monkeypatch.setattr(subprocess, "run", run)
    assert isolation.crash(BACKEND) == ""
    assert not calls


@pytest.mark.parametrize(("code", "reason"), [(0, ""), (-11, "crashed (SIGSEGV)")])
def test_a_result_is_stored_for_the_next_process(untested, monkeypatch, code, reason):
    run, calls = ended(code)
    monkeypatch.setattr(subprocess, "run", run)
    for _ in range(2):
        isolation.crash.cache_clear()
        assert reason in isolation.crash(BACKEND)
    assert len(calls) == 1


@pytest.mark.parametrize("code", [1, -9, -15])
def test_a_failure_unrelated_to_the_kernel_is_not_stored(
    untested, cache, monkeypatch, code
):
    run, calls = ended(code, b"Traceback\nImportError: no such module")
    monkeypatch.setattr(subprocess, "run", run)
    assert "the self-test in a child process" in isolation.crash(BACKEND)
    assert not cache.exists()


def test_a_child_that_never_ends_gives_no_result(untested, cache, monkeypatch):
    def run(*arguments, **options):
        raise subprocess.TimeoutExpired(arguments, options["timeout"])

    monkeypatch.setattr(subprocess, "run", run)
    assert "TimeoutExpired" in isolation.crash(BACKEND)
    assert not cache.exists()


def test_without_a_python_for_the_child_the_kernel_is_not_used(untested, monkeypatch):
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    assert "there is no Python for a self-test in a child" in isolation.crash(BACKEND)


def test_a_folder_without_write_access_is_no_error(untested, cache, monkeypatch):
    cache.parent.write_text("a file where the folder would be", encoding="utf-8")
    run, _ = ended(0)
    monkeypatch.setattr(subprocess, "run", run)
    assert isolation.crash(BACKEND) == ""


@pytest.mark.skipif(os.name != "posix", reason="looks up the home of a POSIX user")
def test_a_user_without_a_home_is_no_error(untested, monkeypatch, tmp_path):
    import pwd

    def missing(user):
        raise KeyError(user)

    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.delenv("HOME")
    monkeypatch.setattr(pwd, "getpwuid", missing)
    run, _ = ended(0)
    monkeypatch.setattr(subprocess, "run", run)
    assert isolation.crash(BACKEND) == ""
    assert list(tmp_path.iterdir()) == []
