"""While a batch is trained, callbacks read nothing and call next to nothing."""

import sys
from collections import Counter
from itertools import count

import keras
import pytest
from one_weight import compiled
from one_weight import fit
from one_weight import sgd

from kerasched import LinearDecay
from kerasched import MultiStepDecay
from kerasched.callbacks import BackupAndRestore
from kerasched.callbacks import EpochSchedule
from kerasched.callbacks import LearningRateLogger
from kerasched.callbacks import ReduceOnPlateau
from kerasched.callbacks import WeightAveraging
from kerasched.callbacks.rate_writer import RateWriter

STEPS = 100_000
SCHEDULE = LinearDecay(1.0, 10**6)

# Callbacks that may stand together, and the rate that they need.
TOGETHER = {
    "schedule": (SCHEDULE, lambda: [LearningRateLogger(every=10), plateau()]),
    "number": (0.5, lambda: [LearningRateLogger(every=10), plateau()]),
    "every batch": (SCHEDULE, lambda: [LearningRateLogger(every=1)]),
    "average": (SCHEDULE, lambda: [WeightAveraging(0), plateau()]),
    "epochs": (0.5, lambda: [LearningRateLogger(every=10), by_epoch()]),
}
FOLDERS = count()  # A list of callbacks that is not within fit holds its folder.
TOGETHER["all"] = (
    SCHEDULE,
    lambda: [
        BackupAndRestore(f"run-{next(FOLDERS)}", check_data=False),
        *(WeightAveraging(0), LearningRateLogger(every=10), plateau()),
    ],
)
each_set = pytest.mark.parametrize("names", TOGETHER)


@pytest.fixture(autouse=True)
def folder_of_the_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def plateau():
    return ReduceOnPlateau("loss")


def by_epoch():
    return EpochSchedule(MultiStepDecay(0.5, (1, 3), 0.5))


class ReadsTheCount(keras.callbacks.Callback):
    """What the tests must notice."""

    def on_train_batch_end(self, batch, logs=None):
        float(keras.ops.convert_to_numpy(self.model.optimizer.iterations))


def begun(rate, callbacks):
    """Return a list of callbacks within an epoch of a model that has its state."""
    model = compiled(sgd(rate))
    fit(model, 1)
    steps = {"steps": STEPS, "epochs": 1, "verbose": 0}
    listed = keras.callbacks.CallbackList(callbacks, model=model, **steps)
    listed.on_train_begin()
    listed.on_epoch_begin(0)
    return listed


def reads(monkeypatch, callbacks, batches=3000):
    """Return how often hooks of batches touch variables, tensors and the model."""
    touched = []

    def counted(original, name):
        def wrapper(*arguments, **options):
            touched.append(name)
            return original(*arguments, **options)

        return wrapper

    value = keras.Variable.value
    spied = {
        (keras.Variable, "value"): property(counted(value.fget, "value")),
        (keras.Variable, "numpy"): counted(keras.Variable.numpy, "numpy"),
        (keras.ops, "convert_to_numpy"): counted(keras.ops.convert_to_numpy, "numpy"),
        (keras.callbacks.Callback, "model"): property(
            counted(keras.callbacks.Callback.model.fget, "model")
        ),
    }
    with monkeypatch.context() as patch:
        for (owner, name), spy in spied.items():
            patch.setattr(owner, name, spy)
        for batch in range(batches):
            callbacks.on_train_batch_begin(batch)
            callbacks.on_train_batch_end(batch, {})
    return Counter(touched)


@each_set
def test_a_batch_reads_nothing(names, monkeypatch):
    rate, make = TOGETHER[names]
    assert reads(monkeypatch, begun(rate, make())) == {}


@pytest.mark.parametrize(
    ("schedule", "rates"),
    [(SCHEDULE, 3000), (MultiStepDecay(0.5, (1000, 2000), 0.5), 3)],
)
def test_a_rate_for_each_batch_reads_nothing(schedule, rates, monkeypatch):
    # The model is asked for where the rate is another one, as JAX needs it for a write.
    listed = begun(0.5, [EpochSchedule(schedule, STEPS)])
    assert reads(monkeypatch, listed, 3000) == {"model": rates}


def test_a_read_in_a_batch_would_be_noticed(monkeypatch):
    seen = reads(monkeypatch, begun(SCHEDULE, [ReadsTheCount()]), 10)
    assert seen["model"] == 10
    assert seen["numpy"] >= 10


def calls(callbacks, batches=range(3000)):
    """Return how many functions the hooks of batches call, of Python and of C."""
    members, counted = callbacks.callbacks, Counter()

    def count(frame, event, argument):
        counted[event] += 1

    sys.setprofile(count)
    try:
        for batch in batches:
            for member in members:
                member.on_train_batch_begin(batch)
            logs = {}
            for member in members:
                member.on_train_batch_end(batch, logs)
    finally:
        sys.setprofile(None)
    return counted["call"] + counted["c_call"]


@each_set
def test_a_batch_takes_at_most_8_calls_for_each_callback(names):
    # Two are the hooks themselves.
    rate, make = TOGETHER[names]
    listed = begun(rate, make())
    calls(listed, range(1))  # Whatever is computed at the first batch.
    assert calls(listed, range(1, 1000)) <= 8 * 999 * len(make())


def test_a_rate_for_each_batch_takes_at_most_16_calls_beside_its_write(monkeypatch):
    # Reading `model` makes most of them: 8 in all on TensorFlow, 11 on JAX and 14 on
    # torch with Keras 3.15.
    listed = begun(0.5, [EpochSchedule(SCHEDULE, STEPS)])
    monkeypatch.setattr(RateWriter, "write_prepared", lambda self, value: None)
    calls(listed, range(1))
    assert calls(listed, range(1, 1000)) <= 16 * 999


def test_no_callback_keeps_keras_from_working_beside_the_batches():
    # A hook of batches that is not `async_safe` makes JAX and torch wait for each.
    assert LearningRateLogger.async_safe
    inherited = keras.callbacks.Callback.on_train_batch_end
    for kind in (ReduceOnPlateau, EpochSchedule, WeightAveraging, BackupAndRestore):
        assert kind.on_train_batch_end is inherited
