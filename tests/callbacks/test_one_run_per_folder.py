"""Only one run can use a folder of BackupAndRestore; a second run fails immediately."""

import errno
import os
import re
import subprocess
import sys
import threading

import keras
import numpy as np
import pytest

from kerasched.callbacks import BackupAndRestore
from kerasched.resuming.folder_lock import NAME

X = np.arange(24.0, dtype="float32").reshape(12, 2)
Y = X.sum(axis=1, keepdims=True)

TRAIN = """
import sys, threading, keras, numpy as np
from kerasched.callbacks import BackupAndRestore

class Wait(keras.callbacks.Callback):
    def on_epoch_begin(self, epoch, logs=None):
        if epoch == 2:
            print("waits", flush=True)
            threading.Event().wait(120.0)

x = np.arange(24.0, dtype="float32").reshape(12, 2)
model = keras.Sequential([keras.layers.Input((2,)), keras.layers.Dense(1)])
model.compile(keras.optimizers.SGD(1e-3), "mse", jit_compile=False)
callbacks = [BackupAndRestore(sys.argv[1]), Wait()]
y = x.sum(axis=1, keepdims=True)
model.fit(x, y, batch_size=4, epochs=3, verbose=0, callbacks=callbacks)
"""


class At(keras.callbacks.Callback):
    """Calls a function in the middle of the second epoch."""

    def __init__(self, act):
        super().__init__()
        self.act = act

    def on_train_batch_end(self, batch, logs=None):
        if self.epoch == 1 and batch == 1:
            self.act()

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch


def fail():
    raise InterruptedError("by the test")


def interrupt():
    raise KeyboardInterrupt


def fit(*callbacks, epochs=3):
    model = keras.Sequential([keras.layers.Input((2,)), keras.layers.Dense(1)])
    # Tracing would take longer than an eager fit.
    eager = {"run_eagerly": True, "jit_compile": False}
    model.compile(keras.optimizers.SGD(1e-3), "mse", **eager)
    options = {"batch_size": 4, "verbose": 0, "epochs": epochs}
    return model.fit(X, Y, callbacks=list(callbacks), **options)


def refusal(folder, holder):
    return (
        f"^BackupAndRestore cannot use {re.escape(str(folder))}: another run, "
        f"{holder}, saves its backups there. Wait until it has ended, or give each "
        "run a backup_dir of its own.$"
    )


@pytest.mark.host
def test_a_second_process_is_refused_until_the_first_is_killed(tmp_path):
    environment = {**os.environ, "PYTHONSAFEPATH": "1"}
    command = [sys.executable, "-c", TRAIN, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment) as first:
        try:
            assert b"waits" in first.stdout.readline()
            holder = f"process {first.pid} on .*"
            with pytest.raises(RuntimeError, match=refusal(tmp_path, holder)):
                fit(BackupAndRestore(tmp_path))
        finally:
            first.kill()
    assert (tmp_path / NAME).exists()
    files = sorted(path.name for path in tmp_path.glob("*.run"))
    assert files == ["epoch-000001.run", "epoch-000002.run"]
    # The first two epochs come from the backup.
    assert fit(BackupAndRestore(tmp_path)).epoch == [0, 1, 2]
    assert not tmp_path.exists()


def test_a_second_callback_of_the_same_fit_is_refused(tmp_path):
    with pytest.raises(RuntimeError, match=refusal(tmp_path, "this process")):
        fit(BackupAndRestore(tmp_path), BackupAndRestore(tmp_path))
    fit(BackupAndRestore(tmp_path))


@pytest.mark.parametrize("same", [True, False])
def test_a_fit_within_a_fit_is_refused_and_the_outer_one_continues(same, tmp_path):
    outer, told = BackupAndRestore(tmp_path), []

    def again():
        with pytest.raises(RuntimeError, match=refusal(tmp_path, "this process")):
            fit(outer if same else BackupAndRestore(tmp_path))
        told.append(True)

    assert fit(outer, At(again)).epoch == [0, 1, 2]
    assert told == [True]
    assert [one["epoch"] for one in outer.record] == [0, 1, 2]


def test_a_fit_in_another_thread_is_refused(tmp_path):
    begun, go_on, epochs = threading.Event(), threading.Event(), []

    def wait():
        begun.set()
        assert go_on.wait(120.0)

    def work():
        epochs.extend(fit(BackupAndRestore(tmp_path), At(wait)).epoch)

    thread = threading.Thread(target=work)
    thread.start()
    assert begun.wait(120.0)
    try:
        with pytest.raises(RuntimeError, match=refusal(tmp_path, "this process")):
            fit(BackupAndRestore(tmp_path))
    finally:
        go_on.set()
        thread.join()
    assert epochs == [0, 1, 2]


@pytest.mark.parametrize("same", [True, False])
@pytest.mark.parametrize(
    ("act", "kind"), [(fail, InterruptedError), (interrupt, KeyboardInterrupt)]
)
def test_a_failed_fit_releases_the_folder(act, kind, same, tmp_path):
    first = BackupAndRestore(tmp_path)
    with pytest.raises(kind) as kept:  # The traceback keeps the frames alive.
        fit(first, At(act))
    assert kept.value.__traceback__ is not None
    again = first if same else BackupAndRestore(tmp_path)
    assert fit(again).epoch == [0, 1, 2]


def test_a_failed_fit_releases_the_folder_while_its_traceback_is_alive(tmp_path):
    with pytest.raises(InterruptedError) as kept:
        fit(BackupAndRestore(tmp_path), At(fail))
    assert not (tmp_path / NAME).exists()  # Other processes can use the folder too.
    assert kept.value.__traceback__ is not None
    assert (tmp_path / "epoch-000001.run").exists()


def test_a_refused_model_releases_the_folder(tmp_path):
    fit(BackupAndRestore(tmp_path, delete_checkpoint=False))
    other = keras.Sequential([keras.layers.Input((2,)), keras.layers.Dense(2)])
    other.compile("sgd", "mse", jit_compile=False)
    with pytest.raises(ValueError, match="not the one that was saved") as kept:
        other.fit(X, Y, callbacks=[BackupAndRestore(tmp_path)], verbose=0)
    assert kept.value.__traceback__ is not None
    assert not (tmp_path / NAME).exists()


def test_the_folder_is_released_at_the_end(tmp_path):
    backup = BackupAndRestore(tmp_path, delete_checkpoint=False)
    for epochs in (2, 3):
        fit(backup, epochs=epochs)
        assert backup._lock is None
        assert not (tmp_path / NAME).exists()


@pytest.mark.host
def test_a_folder_without_write_access_raises_before_the_first_epoch(
    tmp_path, monkeypatch
):
    begun = []
    look = keras.callbacks.LambdaCallback(on_epoch_begin=lambda *_: begun.append(1))
    (tmp_path / "file").touch()
    text = "^BackupAndRestore cannot write to .*: .*. Give it a backup_dir in which "
    for path in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(OSError, match=text):
            fit(look, BackupAndRestore(path))

    def denied(*_, **__):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("kerasched.resuming.folder_lock.os.open", denied)
    with pytest.raises(PermissionError, match=text.replace(".*: .*.", ".*: Perm.*")):
        fit(look, BackupAndRestore(tmp_path / "run"))
    assert not begun


@pytest.mark.host
def test_a_full_disk_raises_and_the_run_resumes_from_the_previous_epoch(
    tmp_path, monkeypatch
):
    def fill_the_disk():
        def full(*_, **__):
            raise OSError(errno.ENOSPC, "No space left on device")

        monkeypatch.setattr("kerasched.resuming.run_file.write", full)

    text = (
        f"BackupAndRestore cannot save epoch 1 in {tmp_path}: No space left on device. "
        "The backups of earlier epochs are whole: the same command goes on from there."
    )
    with pytest.raises(OSError, match=f"^{re.escape(text)}$") as told:
        fit(BackupAndRestore(tmp_path), At(fill_the_disk))
    assert told.value.errno == errno.ENOSPC
    monkeypatch.undo()
    began = []
    look = keras.callbacks.LambdaCallback(on_epoch_begin=lambda *_: began.append(1))
    fit(BackupAndRestore(tmp_path), look)
    assert len(began) == 2


@pytest.mark.host
def test_an_unreadable_backup_raises_instead_of_restarting_the_run(tmp_path):
    fit(BackupAndRestore(tmp_path, delete_checkpoint=False), epochs=1)
    (tmp_path / "epoch-000001.run").rename(tmp_path / "kept")
    # Root can read any file, but nobody can read a folder as a file.
    (tmp_path / "epoch-000001.run").mkdir()
    with pytest.raises(OSError, match="BackupAndRestore cannot read .*: .*. Make it "):
        fit(BackupAndRestore(tmp_path))
