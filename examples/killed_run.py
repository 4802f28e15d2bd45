"""A run that is killed goes on from its backup when it is started again.

This script starts itself as a training in another process. The first training dies in
epoch 4, the second one continues it, and a third one runs without a break: the final
weights are equal bit for bit. The data are scikit-learn's table on diabetes.
"""

import hashlib
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import keras
from sklearn.datasets import load_diabetes

from kerasched import CosineDecay
from kerasched.callbacks import BackupAndRestore

EPOCHS, BATCH_SIZE = 8, 32


class Show(keras.callbacks.Callback):
    """Print each epoch, and kill the process in the middle of one of them."""

    def __init__(self, dies_in):
        super().__init__()
        self.dies_in = dies_in

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch + 1

    def on_train_batch_end(self, batch, logs=None):
        if self.epoch == self.dies_in and batch == 7:
            os._exit(1)  # Like `kill -9`: nothing is saved or cleaned up.

    def on_epoch_end(self, epoch, logs=None):
        print(f"  epoch {self.epoch}  loss {logs['loss']:.4f}", flush=True)


def train(backup_dir, dies_in):
    keras.utils.set_random_seed(0)
    x, y = load_diabetes(return_X_y=True)
    x, y = 20 * x, (y - y.mean()) / y.std()
    hidden = keras.layers.Dense(32, activation="relu")
    layers = [keras.layers.Input((10,)), hidden, keras.layers.Dropout(0.2)]
    model = keras.Sequential([*layers, keras.layers.Dense(1)])
    steps_per_epoch = -(-len(x) // BATCH_SIZE)  # The last batch may be smaller.
    schedule = CosineDecay.from_epochs(0.02, EPOCHS, steps_per_epoch=steps_per_epoch)
    model.compile(keras.optimizers.SGD(schedule, momentum=0.9), "mse")
    callbacks = [BackupAndRestore(backup_dir), Show(dies_in)]
    model.fit(x, y, BATCH_SIZE, EPOCHS, verbose=0, callbacks=callbacks)
    weights = b"".join(weight.tobytes() for weight in model.get_weights())
    print("  SHA-256 of the weights:", hashlib.sha256(weights).hexdigest()[:16])


def start(title, backup_dir, dies_in=0):
    """Run a training in a process of its own, and return the last line it prints."""
    print(title, flush=True)
    command = [sys.executable, __file__, str(backup_dir), str(dies_in)]
    output = subprocess.run(command, stdout=subprocess.PIPE, text=True).stdout
    print(output, end="")
    return output.splitlines()[-1]


if len(sys.argv) > 1:
    train(sys.argv[1], int(sys.argv[2]))
else:
    with tempfile.TemporaryDirectory() as folder:
        start("first start, killed in epoch 4:", Path(folder, "killed"), dies_in=4)
        resumed = start("second start, goes on:", Path(folder, "killed"))
        unbroken = start("a run without a break:", Path(folder, "unbroken"))
    print("the same weights:", "yes" if resumed == unbroken else "no")
