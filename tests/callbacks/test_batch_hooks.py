"""The batch hooks of callbacks read no variables and make few function calls."""

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

# Callbacks that can be combined, and the learning rate that they need.
TOGETHER = {
    "schedule": (SCHEDULE, lambda: [LearningRateLogger(every=10), plateau()]),
    "number": (0.5, lambda: [LearningRateLogger(every=10), plateau()]),
    "every batch": (SCHEDULE, lambda: [LearningRateLogger(every=1)]),
    "average": (SCHEDULE, lambda: [WeightAveraging(0), plateau()]),
    "epochs": (0.5, lambda: [LearningRateLogger(every=10), by_epoch()]),
}
FOLDERS = count()  # Outside of fit, a BackupAndRestore keeps its folder locked.
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
    """Reads a variable in each batch, which the tests must detect."""

    def on_train_batch_end(self, batch, logs=None):
        float(keras.ops.convert_to_numpy(self.model.optimizer.iterations))


def started(rate, callbacks):
    """Return a CallbackList in the middle of an epoch, with a model that has state."""
    model = compiled(sgd(rate))
    fit(model, 1)
    steps = {"steps": STEPS, "epochs": 1, "verbose": 0}
    listed = keras.callbacks.CallbackList(callbacks, model=model, **steps)
    listed.on_train_begin()
    listed.on_epoch_begin(0)
    return listed


def reads(monkeypatch, callbacks, batches=3000):
    """Return how often batch hooks access variables, tensors and the model."""
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
    assert reads(monkeypatch, started(rate, make())) == {}


@pytest.mark.parametrize(
    ("schedule", "rates"),
    [(SCHEDULE, 3000), (MultiStepDecay(0.5, (1000, 2000), 0.5), 3)],
)
def test_a_rate_for_each_batch_reads_nothing(schedule, rates, monkeypatch):
    # A change of the rate accesses the model, which JAX needs to write the rate.
    listed = started(0.5, [EpochSchedule(schedule, STEPS)])
    assert reads(monkeypatch, listed, 3000) == {"model": rates}


def test_a_read_in_a_batch_is_detected(monkeypatch):
    seen = reads(monkeypatch, started(SCHEDULE, [ReadsTheCount()]), 10)
    assert seen["model"] == 10
    assert seen["numpy"] >= 10


def calls(callbacks, batches=range(3000)):
    """Return how many Python and C functions the batch hooks call."""
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
    # Two of the calls are the hooks themselves.
    rate, make = TOGETHER[names]
    listed = started(rate, make())
    calls(listed, range(1))  # The first batch may compute more.
    assert calls(listed, range(1, 1000)) <= 8 * 999 * len(make())


def test_a_rate_for_each_batch_takes_at_most_16_calls_besides_its_write(monkeypatch):
    # Most calls are in Keras's property `model`. With Keras 3.15 there are 8 in total
    # on TensorFlow, 11 on JAX and 14 on torch.
    listed = started(0.5, [EpochSchedule(SCHEDULE, STEPS)])
    monkeypatch.setattr(RateWriter, "write_prepared", lambda self, value: None)
    calls(listed, range(1))
    assert calls(listed, range(1, 1000)) <= 16 * 999


def test_no_callback_prevents_asynchronous_batches():
    # With a batch hook that is not `async_safe`, JAX and torch wait for each batch.
    assert LearningRateLogger.async_safe
    inherited = keras.callbacks.Callback.on_train_batch_end
    for kind in (ReduceOnPlateau, EpochSchedule, WeightAveraging, BackupAndRestore):
        assert kind.on_train_batch_end is inherited
