"""Train with DistributedDataParallel in one of several torch processes.

python torch_training.py RANK COUNT PORT FOLDER FUNCTION...
"""

import contextlib
import gc
import os
import pickle
import sys
import warnings
from pathlib import Path

import keras
import numpy as np
import torch
from torch import distributed

from kerasched.callbacks import BackupAndRestore
from kerasched.callbacks import ReduceOnPlateau

RANK, COUNT, PORT = map(int, sys.argv[1:4])
FOLDER, WAYS = Path(sys.argv[4]), sys.argv[5:]

from scaling.own_loop import EPOCHS  # noqa: E402
from scaling.own_loop import CrashError  # noqa: E402
from scaling.own_loop import train  # noqa: E402
from scaling.own_loop import train_and_save  # noqa: E402
from scaling.training import OPTIONS  # noqa: E402
from scaling.training import PARTS  # noqa: E402
from scaling.training import Parts  # noqa: E402
from scaling.training import make_model  # noqa: E402

EACH = PARTS // COUNT
OWN = range(RANK * EACH, (RANK + 1) * EACH)


class InDDP(keras.Sequential):
    """A model whose train_step calls the DistributedDataParallel in a list."""

    ddp = []  # A class attribute, as an instance attribute would become a sublayer.

    def train_step(self, data):
        x, y = data
        loss = self.compute_loss(y=y, y_pred=self.ddp[-1](x, training=True))
        self.zero_grad()
        loss.backward()
        gradients = [v.value.grad for v in self.trainable_variables]
        with torch.no_grad():
            self.optimizer.apply(gradients, self.trainable_variables)
        return {"loss": loss.detach()}


def wrapped(model):
    return torch.nn.parallel.DistributedDataParallel(model)


def options():
    """Train with each of the optimizer's options."""
    return {
        name: train(OWN, wrapped, epochs=1, **options)["values"]
        for name, options in OPTIONS.items()
    }


def whole():
    return train_and_save(OWN, FOLDER / "whole", wrapped, rank=RANK)


def resumed():
    """Crash and resume with a shared folder."""
    with contextlib.suppress(CrashError):
        train_and_save(OWN, FOLDER / "shared", wrapped, rank=RANK, crash=EPOCHS - 1)
    gc.collect()  # The folder is unlocked when the list of callbacks is dropped.
    return train_and_save(OWN, FOLDER / "shared", wrapped, rank=RANK)


def plateau():
    """Observe a different loss in each process; only the mean improves."""
    model = make_model()
    callback = ReduceOnPlateau("loss", patience=1, factor=0.5)
    listed = keras.callbacks.CallbackList([callback], model=model, epochs=2)
    listed.on_train_begin()
    for epoch, loss in enumerate([(1.0, 2.0), (2.0, 0.5)]):
        listed.on_epoch_end(epoch, {"loss": loss[RANK]})
    return callback.get_state()


def fit():
    """Call fit of a model whose train_step calls DistributedDataParallel."""
    model = make_model(dropout=0.0, cls=InDDP)
    model.ddp.append(wrapped(model))
    backup = BackupAndRestore(FOLDER / "fit", delete_checkpoint=False)
    model.fit(Parts(OWN), shuffle=False, verbose=0, callbacks=[backup])
    return [np.array(weight) for weight in model.get_weights()]


def plain():
    """Call fit, which uses no DistributedDataParallel."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for _ in range(2):
            make_model().fit(Parts(OWN), verbose=0)
    return [str(w.message) for w in caught if "torch.distributed" in str(w.message)]


distributed.init_process_group(
    "gloo", f"tcp://127.0.0.1:{PORT}", rank=RANK, world_size=COUNT
)
for way in WAYS:
    result = globals()[way]()
    (FOLDER / f"{way}-{RANK}.pickle").write_bytes(pickle.dumps(result))
distributed.barrier()
distributed.destroy_process_group()
# The threads of the process group live on, and may abort while the interpreter is torn
# down: leave that out.
os._exit(0)
