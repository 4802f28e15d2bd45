"""The callbacks of MLflow and W&B record scheduled values, tested without a network."""

import os
import struct
import time

import keras
import numpy as np
import pytest
from one_weight import compiled
from one_weight import fit
from support import BACKEND

from kerasched import SGD
from kerasched import LinearDecay
from kerasched.callbacks import LearningRateLogger

pytestmark = pytest.mark.slow
THOROUGH = 'needs pip install ".[thorough]"'

SCHEDULES = {
    "learning_rate": LinearDecay(1.0, 8),
    "momentum": LinearDecay(0.9, 8, 0.1),
    "weight_decay": LinearDecay(0.5, 8),
}
LAST = [1, 3]  # The last steps of two epochs.


def train(*trackers):
    """Train for two epochs of two steps."""
    model = compiled(SGD(**SCHEDULES))
    fit(model, 2, epochs=2, callbacks=[*trackers, LearningRateLogger(every=1)])


@pytest.fixture
def alone(tmp_path, monkeypatch):
    """Use a temporary folder and environment, and disable the network."""
    monkeypatch.chdir(tmp_path)
    for name in list(os.environ):
        if name.startswith(("MLFLOW_", "WANDB_")):
            monkeypatch.delenv(name)
    return tmp_path


def test_mlflow_records_epochs_and_parameters(alone):
    mlflow = pytest.importorskip("mlflow", reason=THOROUGH)
    mlflow.set_tracking_uri(f"sqlite:///{alone / 'runs.db'}")
    with mlflow.start_run() as run:
        train(mlflow.keras.MlflowCallback())
    client = mlflow.MlflowClient()
    for name, schedule in SCHEDULES.items():
        history = client.get_metric_history(run.info.run_id, name)
        found = [entry.value for entry in sorted(history, key=lambda e: e.step)]
        np.testing.assert_allclose(found, schedule.evaluate(LAST), rtol=1e-6)
    parameters = client.get_run(run.info.run_id).data.params
    assert "LinearDecay" in parameters["optimizer_learning_rate"]


def test_mlflow_records_batches(alone):
    mlflow = pytest.importorskip("mlflow", reason=THOROUGH)
    mlflow.set_tracking_uri(f"sqlite:///{alone / 'runs.db'}")
    with mlflow.start_run() as run:
        train(mlflow.keras.MlflowCallback(log_every_epoch=False, log_every_n_steps=1))
    client = mlflow.MlflowClient()
    for name, schedule in SCHEDULES.items():
        history = client.get_metric_history(run.info.run_id, name)
        found = {entry.step: entry.value for entry in history}
        # MLflow counts completed updates.
        steps = np.array(sorted(found))
        assert steps.tolist() == [1, 2, 3, 4]
        values = [found[step] for step in steps]
        np.testing.assert_allclose(values, schedule.evaluate(steps - 1), rtol=1e-6)


def records(path):
    """Yield the records of an offline run's file, which has LevelDB's log format."""
    from wandb.proto import wandb_internal_pb2

    data, at, joined = path.read_bytes(), 7, b""
    while at + 7 <= len(data):
        left = 32768 - at % 32768
        if left < 7:  # The rest of the block is too short for a header.
            at += left
            continue
        _, length, kind = struct.unpack("<IHB", data[at : at + 7])
        at += 7 + length
        joined += data[at - length : at]
        if kind in (1, 4):  # A complete record, or its last part.
            yield wandb_internal_pb2.Record.FromString(joined)
            joined = b""


def all_records(path):
    """Return all records of a run, and wait for those that another process writes."""
    for _ in range(600):
        found = list(records(path))
        if any(record.HasField("exit") for record in found):
            return found
        time.sleep(0.1)
    raise TimeoutError(f"{path} has no end.")


@pytest.fixture
def wandb_run(alone):
    """Return a function that ends an offline run and returns the logged values."""
    wandb = pytest.importorskip("wandb", reason=THOROUGH)
    run = wandb.init(project="kerasched", mode="offline", dir=str(alone))

    def logged(name):
        run.finish()
        (path,) = alone.rglob("*.wandb")
        rows = [
            {item.key or "/".join(item.nested_key): item.value_json for item in items}
            for items in (record.history.item for record in all_records(path))
        ]
        return [float(row[name]) for row in rows if name in row]

    yield run, logged
    run.finish()


@pytest.mark.skipif(BACKEND != "tensorflow", reason="W&B's callback needs TensorFlow")
def test_wandb_records_epochs_and_batches(wandb_run):
    from wandb.integration.keras import WandbMetricsLogger

    _, logged = wandb_run
    train(WandbMetricsLogger(log_freq="batch"))
    for name in ("momentum", "weight_decay"):
        schedule, batches = SCHEDULES[name], np.arange(4)
        found = logged(f"batch/{name}")
        np.testing.assert_allclose(found, schedule.evaluate(batches), rtol=1e-6)
        found = logged(f"epoch/{name}")
        np.testing.assert_allclose(found, schedule.evaluate(LAST), rtol=1e-6)
    # W&B replaces our number by its own, which is the rate of the next update.
    found, rate = logged("epoch/learning_rate"), SCHEDULES["learning_rate"]
    np.testing.assert_allclose(found, rate.evaluate([2, 4]), rtol=1e-6)


def test_wandb_records_logs_on_any_backend(wandb_run):
    run, logged = wandb_run
    train(keras.callbacks.LambdaCallback(on_epoch_end=lambda _, logs: run.log(logs)))
    for name, schedule in SCHEDULES.items():
        np.testing.assert_allclose(logged(name), schedule.evaluate(LAST), rtol=1e-6)
