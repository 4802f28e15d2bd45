"""`fit` and the functions around it, under a MirroredStrategy and on one device.

Prints a JSON object with a result for each function of PARTS. This is a separate
process because TensorFlow's devices must be configured before its first use.

Arguments: the number of replicas, and the names of parts.
"""

import contextlib
import json
import sys
import tempfile
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

import kerasched
from kerasched import callbacks

COUNT = int(sys.argv[1])
(cpu,) = tf.config.list_physical_devices("CPU")
tf.config.set_logical_device_configuration(
    cpu, [tf.config.LogicalDeviceConfiguration()] * COUNT
)
# Only one strategy: two would use the same numbers for their sums over replicas.
strategy = tf.distribute.MirroredStrategy([f"CPU:{i}" for i in range(COUNT)])
alone = contextlib.nullcontext()

random = np.random.default_rng(0)
X = random.normal(size=(16, 4)).astype("float32")
Y = random.normal(size=(16, 1)).astype("float32")
BATCH = 8
FOLDER = Path(tempfile.mkdtemp())


def sgd(**options):
    return kerasched.SGD(**{"learning_rate": 0.1, "momentum": 0.9, **options})


def model_of(optimizer, scope=None, dtype=None, jit_compile=False):
    """Return a compiled model, by default in the scope of the strategy."""
    with scope or strategy.scope():
        keras.utils.set_random_seed(0)
        layers = [
            keras.layers.Dense(3, "tanh", dtype=dtype),
            keras.layers.Dense(1, dtype=dtype),
        ]
        model = keras.Sequential([keras.Input((4,)), *layers])
        model.compile(optimizer(), "mse", jit_compile=jit_compile)
        # Otherwise TensorFlow would trace the step twice in fit.
        model.optimizer.build(model.trainable_variables)
    return model


def fit(model, epochs=1, **options):
    options = {"batch_size": BATCH, "shuffle": False, "verbose": 0, **options}
    return model.fit(X, Y, epochs=epochs, **options)


def weights_of(model):
    return [weight.tolist() for weight in model.get_weights()]


def state_of(model):
    """Return weights and optimizer variables as lists for JSON."""
    values = (*model.weights, *model.optimizer.variables)
    return [keras.ops.convert_to_numpy(v).tolist() for v in values]


def in_both(train):
    """Return the results of a function with the strategy's scope and without one."""
    return train(strategy.scope()), train(alone)


def options():
    """Train in `fit` with all options together, with the kernel."""
    every = {
        "learning_rate": kerasched.LinearDecay(0.1, 9),
        "momentum": kerasched.LinearDecay(0.9, 9, end_learning_rate=0.1),
        "weight_decay": 0.1,
        "independent_weight_decay": True,
        "nesterov": True,
        "global_clipnorm": 0.3,
        "gradient_accumulation_steps": 2,
        "use_ema": True,
        "ema_overwrite_frequency": 2,
        "fused": True,
    }

    def train(scope):
        model = model_of(lambda: sgd(**every), scope)
        fit(model, 3)
        return state_of(model)

    return in_both(train)


def with_callbacks():
    """Train with the callbacks; the strategy's run is interrupted and resumed."""

    def run(scope, name, epochs):
        model = model_of(sgd, scope)
        averaging = callbacks.WeightAveraging(0)
        logger = callbacks.LearningRateLogger()
        schedule = callbacks.EpochSchedule(kerasched.CosineDecay(0.1, 4))
        backup = callbacks.BackupAndRestore(FOLDER / name)
        listed = [averaging, schedule, logger, backup]
        fit(model, 4, validation_data=(X, Y), callbacks=[*listed, _Stop(epochs)])
        return weights_of(model)

    with contextlib.suppress(KeyboardInterrupt):
        run(strategy.scope(), "there", 2)
    return run(strategy.scope(), "there", 4), run(alone, "here", 4)


def resumed_run():
    """Train for four epochs, and for two and two with a backup in between."""

    def run(name, epochs):
        model = model_of(sgd)
        backup = callbacks.BackupAndRestore(FOLDER / name)
        fit(model, 4, callbacks=[backup, _Stop(epochs)])
        return state_of(model)

    with contextlib.suppress(KeyboardInterrupt):
        run("resumed", 2)
    return run("resumed", 4), run("whole", 4)


class _Stop(keras.callbacks.Callback):
    """Interrupts a run at the beginning of an epoch."""

    def __init__(self, epochs):
        super().__init__()
        self.epochs = epochs

    def on_epoch_begin(self, epoch, logs=None):
        if epoch == self.epochs:
            raise KeyboardInterrupt


def find():
    """Find a rate for a model whose rate was a number, and one with a schedule."""

    def sweep(scope, rate):
        model = model_of(lambda: sgd(learning_rate=rate), scope)
        before = state_of(model)
        found = kerasched.find_learning_rate(
            model, X, Y, BATCH, shuffle=False, steps=9, verbose=0
        )
        return list(found.losses), state_of(model) == before

    rates = (0.1, kerasched.LinearDecay(0.1, 9))
    return [in_both(lambda scope, rate=rate: sweep(scope, rate)) for rate in rates]


def change():
    """Accelerate a model after a fit, and set a schedule and a number."""

    def train(scope):
        model = model_of(lambda: keras.optimizers.SGD(0.1, momentum=0.9), scope)
        fit(model)
        kerasched.accelerate(model)
        fit(model)
        kerasched.set_schedule(model, kerasched.LinearDecay(0.1, 8))
        fit(model)
        return state_of(model)

    return in_both(train)


def files():
    """Load the saved state of a run, inside of the scope and outside of it."""
    model = model_of(sgd)
    fit(model, 2)
    found = {"saved": state_of(model)}
    for name in ("model.keras", "model.weights.h5"):
        path = FOLDER / name
        save = model.save if name == "model.keras" else model.save_weights
        save(path)
        for inside in (True, False):
            fresh = model_of(sgd)
            with strategy.scope() if inside else alone:
                kerasched.load_training_state(fresh, path)
            found[f"{name}, {inside}"] = state_of(fresh)
        to_one = model_of(sgd, alone)
        kerasched.load_training_state(to_one, path)
        found[f"{name}, one device"] = state_of(to_one)
    with strategy.scope():
        found["load_model"] = state_of(keras.models.load_model(FOLDER / "model.keras"))
        compiled = {"loss": "mse", "jit_compile": False}
        source, fresh = model.optimizer, model
        fresh.compile(sgd(learning_rate=kerasched.LinearDecay(0.1, 9)), **compiled)
    kerasched.copy_optimizer_state(source, fresh)
    found["copied"] = [v.numpy().tolist() for v in fresh.optimizer.momentums]
    found["to copy"] = [v.numpy().tolist() for v in source.momentums]
    return found


def compiled_by_xla():
    """Return the error of a step that XLA compiles."""
    try:
        fit(model_of(sgd, jit_compile=True))
    except RuntimeError as error:
        return str(error)
    return None


def half():
    """Train in half precision, with our optimizer and with Keras's."""

    def train(dtype, make):
        model = model_of(make, dtype=dtype)
        fit(model, 3)
        return weights_of(model)

    def scaled(library, optimizer):
        return lambda: library.LossScaleOptimizer(optimizer(), initial_scale=1024.0)

    def ours():
        return sgd(fused=True)

    def keras_s():
        return keras.optimizers.SGD(0.1, momentum=0.9)

    pairs = {
        "mixed_bfloat16": (ours, keras_s),
        "mixed_float16": (scaled(kerasched, ours), scaled(keras.optimizers, keras_s)),
    }
    return {
        dtype: [train(dtype, make) for make in pair] for dtype, pair in pairs.items()
    }


PARTS = (
    *(options, with_callbacks, resumed_run, find, change, files),
    *(compiled_by_xla, half),
)

if __name__ == "__main__":
    parts = {part.__name__: part for part in PARTS}
    print(json.dumps({name: parts[name]() for name in sys.argv[2:]}))
