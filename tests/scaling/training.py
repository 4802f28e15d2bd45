"""A training run that is the same in one process and in several.

Each of `PARTS` parts of the data is shuffled by its own generator. A process with
several parts concatenates their batches.
"""

import random

import keras
import numpy as np

import kerasched
from kerasched.callbacks import BackupAndRestore
from kerasched.callbacks import LearningRateLogger
from kerasched.callbacks import ReduceOnPlateau
from kerasched.callbacks import WeightAveraging

PARTS, ROWS, BATCH, EPOCHS = 4, 24, 4, 5
# Options of the optimizer, by default SGD with a momentum.
OPTIONS = {
    "plain": {},
    "nesterov": {"nesterov": True},
    "clipnorm": {"clipnorm": 0.1},
    "global_clipnorm": {"global_clipnorm": 0.1},
    "use_ema": {"use_ema": True, "ema_overwrite_frequency": 5},
    "accumulation": {"gradient_accumulation_steps": 2},
    "weight_decay": {"weight_decay": 0.01},
    "adamw": {"optimizer": "AdamW", "peak": 1e-3, "global_clipnorm": 0.1},
    "mixed_bfloat16": {"policy": "mixed_bfloat16"},
    "mixed_float16": {"policy": "mixed_float16"},
}
# Sums over processes are rounded in another order, also in half precision.
ROUNDING = {"mixed_bfloat16": 1e-2, "mixed_float16": 2e-3}


class Part:
    """A part of the data, reshuffled in each epoch."""

    def __init__(self, number):
        self.generator = np.random.default_rng(number)
        self.x = self.generator.normal(size=(ROWS, 8)).astype("float32")
        self.y = self.x.sum(axis=1, keepdims=True)
        self.shuffle()

    def shuffle(self):
        self.order = self.generator.permutation(ROWS)

    def batch(self, index):
        rows = self.order[index * BATCH : (index + 1) * BATCH]
        return self.x[rows], self.y[rows]


class Parts(keras.utils.PyDataset):
    """A dataset of the batches of some parts of the data."""

    def __init__(self, numbers):
        super().__init__()
        self.parts = [Part(number) for number in numbers]

    def __len__(self):
        return ROWS // BATCH

    def __getitem__(self, index):
        batches = [part.batch(index) for part in self.parts]
        return tuple(map(np.concatenate, zip(*batches, strict=True)))

    def on_epoch_end(self):
        for part in self.parts:
            part.shuffle()

    def get_state(self):
        return [[part.generator, part.order] for part in self.parts]

    def set_state(self, state):
        for part, (generator, order) in zip(self.parts, state, strict=True):
            part.generator, part.order = generator, order


class Draws(keras.callbacks.Callback):
    """Draws a number after each epoch, which differs between processes."""

    def __init__(self):
        super().__init__()
        self.drawn = {}

    def on_epoch_end(self, epoch, logs=None):
        self.drawn[epoch] = random.random()


def make_model(
    peak=0.05,
    dropout=0.2,
    cls=keras.Sequential,
    policy="float32",
    optimizer="SGD",
    **options,
):
    keras.utils.set_random_seed(4)
    layers = [
        keras.layers.Input((8,)),
        keras.layers.Dense(16, activation="relu", name="wide", dtype=policy),
        keras.layers.Dropout(dropout, seed=3, dtype=policy),
        keras.layers.Dense(1, name="narrow", dtype=policy),
    ]
    model = cls(layers)
    schedule = kerasched.Warmup(kerasched.CosineDecay(peak, 40), 4)
    if optimizer == "SGD":
        options["momentum"] = 0.9
    made = getattr(kerasched, optimizer)(schedule, **options)
    if policy == "mixed_float16":
        made = kerasched.LossScaleOptimizer(made, 2.0**10)
    model.compile(made, "mse")
    return model


def train(numbers, folder, also=(), epochs=EPOCHS, rank=0, **options):
    """Train on parts of the data with all callbacks, and return the results."""
    model = make_model(**options)
    random.seed(rank)
    backup = BackupAndRestore(folder, delete_checkpoint=False)
    draws, logger = Draws(), LearningRateLogger()
    plateau = ReduceOnPlateau("loss", patience=1, factor=0.5, min_delta=10.0)
    averaging = WeightAveraging(2)
    callbacks = [logger, plateau, averaging, draws, backup, *also]
    options = {"epochs": epochs, "verbose": 0, "callbacks": callbacks}
    model.fit(Parts(numbers), shuffle=False, **options)
    arrays = [*model.variables, *model.optimizer.variables]
    return {
        "values": [full_value(variable) for variable in arrays],
        "losses": [one["logs"]["loss"] for one in backup.record],
        "rates": [one["rates"]["learning_rate"] for one in backup.record],
        "drawn": draws.drawn,
        "plateau": plateau.get_state(),
    }


def train_with_each_option(numbers):
    """Return the values after an epoch with each of the optimizer's options."""
    values = {}
    for name, options in OPTIONS.items():
        model = make_model(**options)
        model.fit(Parts(numbers), shuffle=False, verbose=0)
        values[name] = [
            full_value(v) for v in model.variables + model.optimizer.variables
        ]
    return values


def full_value(variable):
    """Return the full value of a variable, also if it is sharded over processes."""
    value = variable.value
    if getattr(value, "is_fully_addressable", True) or value.is_fully_replicated:
        return np.array(keras.ops.convert_to_numpy(value))
    from jax.experimental import multihost_utils

    return multihost_utils.process_allgather(value, tiled=True)
