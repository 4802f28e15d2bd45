"""A training run with every kind of state, which can be killed and restarted."""

import hashlib
import json
import os
import random
import sys
import time
from pathlib import Path

import keras
import numpy as np

import kerasched
from kerasched.callbacks import BackupAndRestore
from kerasched.callbacks import LearningRateLogger
from kerasched.callbacks import ReduceOnPlateau
from kerasched.callbacks import WeightAveraging

EXAMPLES, BATCH, EPOCHS = 44, 8, 8
X = np.random.default_rng(0).normal(size=(EXAMPLES, 3)).astype("float32")
# Each row has the target and the number of the example.
Y = np.stack([X.sum(axis=1), np.arange(EXAMPLES)], axis=1).astype("float32")
KINDS = ("arrays", "dataset", "tf.data")
WITHIN_DATA = ("arrays by steps", "dataset by steps", "tf.data by steps")


class Order(keras.metrics.Metric):
    """Encodes the order of an epoch's examples in one number."""

    def __init__(self):
        super().__init__(name="order")
        self.seen = self.add_weight(name="seen", initializer="zeros")
        self.total = self.add_weight(name="total", initializer="zeros")

    def update_state(self, y_true, y_pred, sample_weight=None):
        numbers = y_true[:, 1]
        places = self.seen + keras.ops.cast(keras.ops.arange(BATCH), "float32")
        places = places[: keras.ops.shape(numbers)[0]]
        self.total.assign(self.total + keras.ops.sum(numbers * places))
        self.seen.assign(self.seen + BATCH)

    def result(self):
        return self.total * 1.0


class Shuffled(keras.utils.PyDataset):
    """A PyDataset that shuffles its examples in each epoch with its own generator."""

    def __init__(self):
        super().__init__()
        self.generator = np.random.default_rng(5)
        self.order = np.arange(EXAMPLES)

    def __len__(self):
        return -(-EXAMPLES // BATCH)

    def __getitem__(self, index):
        chosen = self.order[index * BATCH : (index + 1) * BATCH]
        return X[chosen], Y[chosen]

    def on_epoch_end(self):
        self.order = self.generator.permutation(self.order)


class Draws(keras.callbacks.Callback):
    """Draws from each global generator and adds the numbers to the logs."""

    def on_epoch_end(self, epoch, logs=None):
        logs["python"] = random.random()
        logs["numpy"] = np.random.random()
        logs["keras"] = float(keras.ops.convert_to_numpy(keras.random.uniform(())))
        if keras.backend.backend() == "torch":
            logs["torch"] = float(sys.modules["torch"].rand(()))
        if keras.backend.backend() == "tensorflow":
            logs["tensorflow"] = float(sys.modules["tensorflow"].random.uniform(()))


def first_column(y_true, y_pred):
    """Return the squared error of the target, which is the first column."""
    return keras.ops.square(y_true[:, :1] - y_pred)


def make_model(peak=0.02):
    """Return a compiled model in its initial state."""
    schedule = kerasched.Warmup(kerasched.CosineDecay(peak, 60), 6)
    model = keras.Sequential(
        [
            keras.layers.Input((3,)),
            keras.layers.Dense(16, activation="relu"),
            keras.layers.Dropout(0.5, seed=7),
            keras.layers.BatchNormalization(),
            keras.layers.Dense(1),
        ]
    )
    model.compile(
        kerasched.SGD(schedule, momentum=0.9),
        first_column,
        metrics=[Order()],
        jit_compile=keras.backend.backend() == "jax",  # Others take long to compile.
    )
    return model


def data_of(kind):
    """Return the arguments of fit for a kind of data."""
    steps = {"steps_per_epoch": 4} if kind in WITHIN_DATA else {}
    if kind.startswith("arrays"):
        return {"x": X, "y": Y, "batch_size": BATCH, **steps}
    if kind.startswith("dataset"):
        return {"x": Shuffled(), **steps}
    import tensorflow

    data = tensorflow.data.Dataset.from_tensor_slices((X, Y)).batch(BATCH)
    return {"x": data.repeat() if steps else data, "shuffle": False, **steps}


def callbacks_for(folder):
    """Return the stateful callbacks, by name."""
    return {
        "backup": BackupAndRestore(folder, delete_checkpoint=False, check_data=False),
        "plateau": ReduceOnPlateau(
            "loss", patience=2, factor=0.5, cooldown=4, min_delta=9.0
        ),
        # The weights are not swapped, so validation uses the moving statistics.
        "averaging": WeightAveraging(
            3, data=X, batch_size=BATCH, swap_in_validation=False
        ),
        "logger": LearningRateLogger(),
        "stopping": keras.callbacks.EarlyStopping("loss", patience=1000, baseline=-1.0),
        "draws": Draws(),
    }


def train(kind, folder, epochs=EPOCHS, also=(), order=None):
    """Train to the end from the state in a folder, and return the result.

    Args:
        kind: the kind of data.
        folder: the folder in which the run is saved.
        epochs: the number of epochs of the run.
        also: additional callbacks.
        order: the names of the callbacks, in the order of the list.
    """
    keras.utils.set_random_seed(3)
    model = make_model()
    callbacks = callbacks_for(folder)
    listed = [callbacks[name] for name in order or callbacks]
    history = model.fit(
        epochs=epochs,
        verbose=0,
        callbacks=[*also, *listed],
        validation_data=(X, Y),
        validation_batch_size=BATCH,
        **data_of(kind),
    )
    stopping = callbacks["stopping"]
    return {
        "weights": digest(model.variables),
        "optimizer": digest(model.optimizer.variables),
        "record": callbacks["backup"].record,
        "history": {name: list(map(float, v)) for name, v in history.history.items()},
        "epochs": history.epoch,
        "plateau": callbacks["plateau"].get_state(),
        "averaging": callbacks["averaging"].get_state(),
        "stopping": [stopping.wait, float(stopping.best), stopping.best_epoch],
    }


def digest(variables):
    """Return a hash of all bits of the variables."""
    seen = hashlib.sha256()
    for variable in variables:
        seen.update(np.asarray(keras.ops.convert_to_numpy(variable.value)).tobytes())
    return seen.hexdigest()


def on_a_slow_disk():
    """Slow down each save, so that a kill can interrupt it."""
    to_disk = os.fsync

    def slow(handle):
        time.sleep(0.03)
        to_disk(handle)

    os.fsync = slow


class Begun(keras.callbacks.Callback):
    """Creates a file when the first epoch begins."""

    def __init__(self, path):
        super().__init__()
        self.path = Path(path)

    def on_epoch_begin(self, epoch, logs=None):
        self.path.touch()


def main(kind, folder, result, epochs, begun):
    """Train as a command would, and write the result at the end."""
    on_a_slow_disk()
    ended = train(kind, folder, epochs, also=[Begun(begun)])
    Path(result).write_text(json.dumps(ended), encoding="utf-8")
