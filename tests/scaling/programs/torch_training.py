"""Train in one of several torch processes, with DistributedDataParallel.

python torch_training.py RANK COUNT PORT FOLDER WAY...
"""

import contextlib
import gc
import pickle
import sys
import warnings
from pathlib import Path

import torch
from torch import distributed

RANK, COUNT, PORT = map(int, sys.argv[1:4])
FOLDER, WAYS = Path(sys.argv[4]), sys.argv[5:]

from scaling.own_loop import EPOCHS  # noqa: E402
from scaling.own_loop import OPTIONS  # noqa: E402
from scaling.own_loop import CrashError  # noqa: E402
from scaling.own_loop import train  # noqa: E402
from scaling.own_loop import train_and_save  # noqa: E402
from scaling.training import PARTS  # noqa: E402
from scaling.training import Parts  # noqa: E402
from scaling.training import make_model  # noqa: E402

EACH = PARTS // COUNT
OWN = range(RANK * EACH, (RANK + 1) * EACH)


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
    """Crash and go on with a shared folder."""
    with contextlib.suppress(CrashError):
        train_and_save(OWN, FOLDER / "shared", wrapped, rank=RANK, crash=EPOCHS - 1)
    gc.collect()  # The folder is unlocked when the list of callbacks is dropped.
    return train_and_save(OWN, FOLDER / "shared", wrapped, rank=RANK)


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
distributed.destroy_process_group()
