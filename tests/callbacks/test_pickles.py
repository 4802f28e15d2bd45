"""Used callbacks can be pickled and keep no references to the objects of a fit."""

import gc
import pickle
import weakref

import keras
import numpy as np
import pytest
from support import BACKEND
from support import sampled

from kerasched import CosineDecay
from kerasched.callbacks import BackupAndRestore
from kerasched.callbacks import EpochSchedule
from kerasched.callbacks import LearningRateFinder
from kerasched.callbacks import LearningRateLogger
from kerasched.callbacks import ReduceOnPlateau
from kerasched.callbacks import WeightAveraging

X = np.arange(64.0, dtype="float32").reshape(32, 2) / 64
Y = X.sum(axis=1, keepdims=True)


class Array(np.ndarray):
    """An array that supports weak references."""


def falling(epoch):
    return 0.1 / (epoch + 1)


MADE = {
    "BackupAndRestore": lambda folder: BackupAndRestore(folder / "run"),
    "EpochSchedule": lambda folder: EpochSchedule(falling),
    "EpochSchedule of batches": lambda folder: EpochSchedule(CosineDecay(0.1, 8), 4),
    "LearningRateFinder": lambda folder: LearningRateFinder(X, Y, steps=4, verbose=0),
    "LearningRateLogger": lambda folder: LearningRateLogger(every=1),
    "ReduceOnPlateau": lambda folder: ReduceOnPlateau(
        "loss", patience=1, min_delta=1e9, restore_best_weights=True
    ),
    "WeightAveraging": lambda folder: WeightAveraging(0, data=X),
    "keras.callbacks.ModelCheckpoint": lambda folder: keras.callbacks.ModelCheckpoint(
        folder / "model.keras"
    ),
}
# TensorFlow trains slowly: there, the first tier has those that keep variables' values.
WITH_VARIABLES = ("BackupAndRestore", "ReduceOnPlateau", "WeightAveraging")
FIRST = WITH_VARIABLES if BACKEND == "tensorflow" else MADE
each = pytest.mark.parametrize("name", sampled({n: (n,) for n in MADE}, FIRST))


def compiled():
    layers = [keras.layers.Dense(2), keras.layers.BatchNormalization()]
    model = keras.Sequential([keras.layers.Input((2,)), *layers, keras.layers.Dense(1)])
    # On TensorFlow, tracing takes longer than these few steps.
    how = {"jit_compile": BACKEND == "jax", "run_eagerly": BACKEND == "tensorflow"}
    model.compile("sgd", "mse", **how)
    return model


def fit(callback, *others, epochs=2, x=X):
    options = {"batch_size": 8, "verbose": 0, "validation_data": (X, Y)}
    compiled().fit(x, Y, epochs=epochs, callbacks=[callback, *others], **options)


@each
def test_a_used_callback_can_be_pickled_and_used_again(name, tmp_path):
    callback = MADE[name](tmp_path)
    fit(callback)
    again = pickle.loads(pickle.dumps(callback))
    assert set(vars(again)) == set(vars(callback))
    fit(again)


class Stop(keras.callbacks.Callback):
    """Ends a fit with an error, of which Keras does not inform the callbacks."""

    def on_epoch_end(self, epoch, logs=None):
        raise KeyboardInterrupt


@pytest.mark.host
@each
def test_a_callback_can_be_pickled_after_an_error(name, tmp_path):
    callback = MADE[name](tmp_path)
    with pytest.raises(KeyboardInterrupt):
        fit(callback, Stop())
    fit(pickle.loads(pickle.dumps(callback)))


class Look(keras.callbacks.Callback):
    """Keeps weak references to all CallbackLists."""

    def on_train_begin(self, logs=None):
        kind = keras.callbacks.CallbackList
        self.lists = [weakref.ref(o) for o in gc.get_objects() if type(o) is kind]


@pytest.mark.host
@each
def test_a_callback_keeps_neither_data_nor_callbacks_of_a_fit(name, tmp_path):
    callback, look, data = MADE[name](tmp_path), Look(), X.view(Array)
    seen = weakref.ref(data)
    fit(callback, look, x=data)
    del data
    gc.collect()
    assert seen() is None
    assert look.lists
    assert all(one() is None for one in look.lists)


@pytest.mark.host
@each
def test_the_state_of_a_fit_is_reset_at_its_end(name, tmp_path):
    callback = MADE[name](tmp_path)
    fit(callback)
    kept = getattr(callback, "PER_FIT", {})
    assert {name: vars(callback)[name] for name in kept} == kept
