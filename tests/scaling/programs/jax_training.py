"""Run training functions, named by the arguments, in one of several JAX processes.

python jax_training.py RANK COUNT PORT FOLDER FUNCTION...
"""

import os
import pickle
import signal
import sys
from pathlib import Path

import jax

RANK, COUNT, PORT = map(int, sys.argv[1:4])
FOLDER, WAYS = Path(sys.argv[4]), sys.argv[5:]

# Keras imports it if it is installed, which would take longer than the whole program.
sys.modules["tensorflow"] = None

jax.config.update("jax_num_cpu_devices", 1)
jax.config.update("jax_cpu_collectives_implementation", "gloo")
jax.distributed.initialize(
    f"127.0.0.1:{PORT}", COUNT, RANK, heartbeat_timeout_seconds=5
)

import keras  # noqa: E402
import numpy as np  # noqa: E402

import kerasched  # noqa: E402
from kerasched.callbacks import EpochSchedule  # noqa: E402
from kerasched.training.variables import assign  # noqa: E402
from kerasched.training.variables import copy_of  # noqa: E402
from kerasched.training.variables import in_parts  # noqa: E402
from scaling.training import PARTS  # noqa: E402
from scaling.training import Parts  # noqa: E402
from scaling.training import make_model  # noqa: E402
from scaling.training import train  # noqa: E402
from scaling.training import train_with_each_option  # noqa: E402

EACH = PARTS // COUNT
OWN = range(RANK * EACH, (RANK + 1) * EACH)


class CrashError(Exception):
    pass


class Crash(keras.callbacks.Callback):
    """Ends in the middle of an epoch, by an error in each process or by killing one."""

    def __init__(self, epoch, killed=None):
        super().__init__()
        self.at, self.killed = epoch, killed

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch

    def on_train_batch_end(self, batch, logs=None):
        if (self.epoch, batch) == (self.at, 2):
            if self.killed is None:
                raise CrashError
            if self.killed == RANK:
                os.kill(os.getpid(), signal.SIGKILL)


def crash_and_go_on(folder, numbers=OWN):
    try:
        train(numbers, folder, [Crash(3)], rank=RANK)
    except CrashError:
        return train(numbers, folder, rank=RANK)
    raise AssertionError("it did not crash")


def whole():
    return train(OWN, FOLDER / "whole", rank=RANK)


def killed():
    """Kill process 1 in the fourth epoch."""
    return train(OWN, FOLDER / "shared", [Crash(3, killed=1)], rank=RANK)


def coordinator_killed():
    return train(OWN, FOLDER / "shared", [Crash(1, killed=0)], rank=RANK)


def resumed():
    """Resume the run whose processes have been killed."""
    return train(OWN, FOLDER / "shared", rank=RANK)


def apart():
    """Crash and resume with a folder for each process."""
    return crash_and_go_on(FOLDER / f"apart-{RANK}")


def different():
    """Start with another schedule in process 1."""
    try:
        train(OWN, FOLDER / "different", peak=0.05 * (1 + RANK))
    except ValueError as error:
        return str(error)
    raise AssertionError("it began")


def not_a_number():
    """Assign NaN, as for diverged weights."""
    variable = make_model().trainable_variables[0]
    assign(variable, np.full(variable.shape, np.nan, "float32"))
    return copy_of(variable)


def full():
    """Run out of disk space in process 1 only."""

    class Full(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 1 and RANK == 1:
                os.fsync = fail

    def fail(handle):
        raise OSError(28, "No space left on device")

    before = os.fsync
    try:
        train(OWN, FOLDER / "full", [Full()], rank=RANK)
    except (OSError, RuntimeError) as error:
        return f"{type(error).__name__}: {error}"
    finally:
        os.fsync = before
    raise AssertionError("it went on")


def rates():
    """Find a rate, and train with rates set by a callback."""
    model = make_model()
    data = Parts(OWN)
    found = kerasched.find_learning_rate(model, data, steps=12, verbose=0)
    model.compile(kerasched.SGD(0.01, momentum=0.9), "mse")
    schedule = kerasched.CosineDecay(0.05, 12)
    callback = EpochSchedule(schedule, steps_per_epoch=6)
    model.fit(data, epochs=2, shuffle=False, verbose=0, callbacks=[callback])
    values = [np.array(w) for w in model.get_weights()]
    return {"losses": found.losses, "values": values}


def options():
    """Train with each of the optimizer's options."""
    return train_with_each_option(OWN)


def parts():
    """Crash and resume with weights that are sharded over the processes.

    With four processes two of them have the same rows of the data.
    """
    shape = (COUNT // 2, 2)
    devices = keras.distribution.list_devices()
    mesh = keras.distribution.DeviceMesh(shape, ("batch", "model"), devices)
    layouts = keras.distribution.LayoutMap(mesh)
    layouts[".*wide/kernel"] = (None, "model")
    layouts[".*wide/bias"] = ("model",)
    distribution = keras.distribution.ModelParallel(
        layout_map=layouts, auto_shard_dataset=False
    )
    each = PARTS // shape[0]
    numbers = range(RANK // 2 * each, (RANK // 2 + 1) * each)
    with distribution.scope():
        assert in_parts(make_model().trainable_variables[0])
        return crash_and_go_on(FOLDER / "parts", numbers)


distribution = keras.distribution.DataParallel(auto_shard_dataset=False)
keras.distribution.set_distribution(distribution)
for way in WAYS:
    result = globals()[way]()
    (FOLDER / f"{way}-{RANK}.pickle").write_bytes(pickle.dumps(result))
