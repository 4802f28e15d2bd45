"""The output of `kerasched info`."""

import json
import os
import platform

import keras
import numpy as np
import pytest
from support import run_json

import kerasched
from kerasched.cli import main
from kerasched.kernels import dispatch
from kerasched.kernels import isolation
from kerasched.kernels import native
from kerasched.kernels import tested

BACKEND = keras.backend.backend()


@pytest.fixture(name="info")
def _info(capsys):
    def run():
        assert main(["info", "--backend", BACKEND]) == 0
        lines = capsys.readouterr().out.splitlines()
        return dict(map(str.strip, line.split("  ", 1)) for line in lines)

    return run


def test_the_backend_is_shown(info):
    assert info()["backend"] == f"{BACKEND} (Keras {keras.__version__})"


def test_the_lines_are_printed_as_json(capsys):
    assert main(["info", "--json", "--backend", BACKEND]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["backend"] == f"{BACKEND} (Keras {keras.__version__})"
    assert found["kerasched"] == kerasched.__version__


def test_versions_and_the_processor_are_shown(info):
    found = info()
    assert found["kerasched"] == kerasched.__version__
    assert found["Python"] == f"{platform.python_version()} (NumPy {np.__version__})"
    assert found["processor"].endswith(f"{os.cpu_count()} cores")


def test_tested_and_untested_versions_are_marked(info, monkeypatch):
    version = tested.installed(BACKEND)
    monkeypatch.setattr(tested, "TESTED", {BACKEND: (version, "99.0")})
    assert info()["framework"].endswith(f" {version}, tested")
    monkeypatch.setattr(tested, "TESTED", {BACKEND: ("98.0", "99.0")})
    monkeypatch.setattr(isolation, "crash", lambda backend: "")
    ending = f" {version}, not among the tested 98.0, 99.0"
    assert info()["framework"].endswith(ending)


@pytest.mark.skipif(bool(native.missing), reason="the extension is not installed")
def test_the_kernel_is_shown_with_instruction_set_and_threads(info):
    found = info()
    assert found["update"] == "the compiled kernel"
    assert found["instruction set"] == native.instruction_set()
    assert found["threads"] == str(native.threads())
    built, *offered = found["XLA interface"].split(f"; {BACKEND} has ")
    assert built == ".".join(map(str, native.ffi_version()))
    if BACKEND == "torch":
        assert not offered  # XLA has not called the handler yet.
    else:
        assert tuple(map(int, offered[0].split("."))) >= native.ffi_version()


def test_the_variable_that_disables_the_kernel_is_shown(info, monkeypatch):
    monkeypatch.setenv("KERASCHED_FUSED", "0")
    found = info()
    assert found["update"] == "Keras's own operations"
    assert found["reason"] == "the environment variable KERASCHED_FUSED is 0"
    assert found["KERASCHED_FUSED"] == "0"


def test_a_missing_extension_is_shown_without_a_warning(info, monkeypatch):
    monkeypatch.setattr(native, "missing", "the compiled extension is not installed")
    dispatch._warn.cache_clear()
    found = info()
    assert found["reason"] == "the compiled extension is not installed"
    assert "threads" not in found


@pytest.mark.skipif(bool(native.missing), reason="the extension is not installed")
def test_an_invalid_environment_variable_is_shown(info, monkeypatch):
    monkeypatch.setenv("KERASCHED_NUM_THREADS", "many")
    assert "must be a positive integer" in info()["threads"]


# This is one process without a distribution or a strategy.
ALONE = {"jax": "1 cpu", "tensorflow": "1 cpu", "torch": "1 cpu"}


@pytest.mark.skipif(bool(native.missing), reason="the extension is not installed")
def test_devices_and_distributed_programs_are_shown(info, monkeypatch):
    found = info()
    assert found["devices"] == ALONE[BACKEND]
    assert "the kernel" in found["several devices"]
    monkeypatch.setenv("KERASCHED_FUSED", "0")
    assert "the kernel" not in info()["several devices"]


def test_a_distribution_is_shown(info, monkeypatch):
    class DataParallel:
        pass

    monkeypatch.setattr(keras.distribution, "distribution", DataParallel)
    assert info()["devices"] == f"{ALONE[BACKEND]}; DataParallel"


@pytest.mark.skipif(BACKEND != "tensorflow", reason="tests a TensorFlow strategy")
def test_a_strategy_is_shown(info):
    import tensorflow as tf

    with tf.distribute.MirroredStrategy(["CPU:0"]).scope():
        assert info()["devices"] == "1 cpu; MirroredStrategy of 1 replica"


@pytest.mark.skipif(BACKEND != "jax", reason="needs XLA flags")
def test_virtual_devices_are_counted(monkeypatch):
    monkeypatch.setenv("XLA_FLAGS", "--xla_force_host_platform_device_count=4")
    code = """
import json
from kerasched.kernels.report import report
print(json.dumps(report()))
"""
    assert run_json(code)["devices"] == "4 cpu"
