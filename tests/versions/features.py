"""Uses each feature of the installed package once, and prints the results as JSON.

tests/versions runs it in the environment of a lane, with only the package, its
requirements and one framework installed.
"""

import contextlib
import json
import os
import sys
import tempfile
import warnings
from pathlib import Path

if os.environ.get("KERAS_BACKEND") == "torch":
    import torch  # noqa: F401

import keras
import numpy as np

import kerasched
from kerasched import callbacks
from kerasched.compat import timm

# Features that need a newer Keras. Their error must name the version.
NEEDS = {"layerwise": "Keras 3.15"}

FEATURES = {}


def feature(function):
    """Register a function to run."""
    FEATURES[function.__name__] = function
    return function


def data():
    """Return 32 samples of three numbers, and their sums."""
    x = np.random.default_rng(0).normal(size=(32, 3)).astype("float32")
    return x, x.sum(axis=1, keepdims=True)


def model_with(optimizer, *layers, **options):
    """Return a compiled model with fixed initial weights."""
    keras.utils.set_random_seed(0)
    inside = [*layers, keras.layers.Dense(4, "tanh"), keras.layers.Dense(1)]
    model = keras.Sequential([keras.layers.Input((3,)), *inside])
    model.compile(optimizer, loss="mse", **options)
    return model


def fit(model, epochs=2, **options):
    x, y = data()
    arguments = {"batch_size": 8, "shuffle": False, "verbose": 0, **options}
    return model.fit(x, y, epochs=epochs, **arguments)


def weights_of(model):
    return np.concatenate([w.reshape(-1) for w in model.get_weights()])


def check_close(a, b, tolerance=1e-5):
    difference = float(np.abs(np.asarray(a) - np.asarray(b)).max())
    if not difference <= tolerance:
        raise AssertionError(f"differs by {difference}")


def check(condition, text):
    if not condition:
        raise AssertionError(text)


def same_as_keras(**options):
    """Train with `fused=True`, and compare with keras.optimizers.SGD."""
    arguments = {"learning_rate": 0.05, "momentum": 0.9, **options}
    ours = model_with(kerasched.SGD(**arguments, fused=True))
    theirs = model_with(keras.optimizers.SGD(**arguments))
    start = weights_of(ours)
    fit(ours)
    fit(theirs)
    check(np.abs(weights_of(ours) - start).max() > 1e-3, "nothing was trained")
    check_close(weights_of(ours), weights_of(theirs))


@feature
def kernel():
    same_as_keras()
    same_as_keras(learning_rate=kerasched.StepDecay(0.1, decay_steps=3))


@feature
def kernel_nesterov_and_decay():
    same_as_keras(nesterov=True, weight_decay=0.01)


@feature
def kernel_clipping():
    same_as_keras(clipvalue=0.05)
    same_as_keras(clipnorm=0.1)
    same_as_keras(global_clipnorm=0.1)


@feature
def kernel_averages():
    same_as_keras(use_ema=True, ema_momentum=0.5)


@feature
def kernel_accumulation():
    same_as_keras(gradient_accumulation_steps=2)


@feature
def kernel_loss_scale():
    inner = kerasched.SGD(0.05, momentum=0.9, fused=True)
    ours = model_with(kerasched.LossScaleOptimizer(inner))
    theirs = model_with(
        keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD(0.05, momentum=0.9))
    )
    fit(ours)
    fit(theirs)
    check_close(weights_of(ours), weights_of(theirs))


@feature
def scheduled_momentum():
    cycle = kerasched.OneCycle(0.1, total_steps=8)
    fit(model_with(kerasched.SGD(cycle, momentum=cycle.momentum(), fused=True)))


@feature
def saving():
    schedule = 0.5 * kerasched.Warmup(kerasched.CosineDecay(0.1, 8), 2)
    for optimizer in (
        kerasched.SGD(schedule, momentum=0.9, fused=True),
        keras.optimizers.Adam(schedule),
    ):
        model = model_with(optimizer)
        fit(model)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "model.keras")
            model.save(path)
            loaded = keras.saving.load_model(path)
        rate = loaded.optimizer.get_config()["learning_rate"]
        check(rate == model.optimizer.get_config()["learning_rate"], "another schedule")
        check_close(weights_of(model), weights_of(loaded), 0.0)
        fit(model)
        fit(loaded)
        check_close(weights_of(model), weights_of(loaded), 0.0)


@feature
def load_training_state():
    model = model_with(keras.optimizers.SGD(0.05, momentum=0.9))
    fit(model)
    other = model_with(kerasched.SGD(kerasched.Constant(0.05), momentum=0.9))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "model.keras")
        model.save(path)
        kerasched.load_training_state(other, path)
    fit(model)
    fit(other)
    check_close(weights_of(model), weights_of(other))


@feature
def accelerate_and_copy():
    model = model_with(keras.optimizers.SGD(0.05, momentum=0.9))
    plain = model_with(keras.optimizers.SGD(0.05, momentum=0.9))
    fit(model)
    fit(plain)
    kerasched.accelerate(model)
    check(type(model.optimizer) is kerasched.SGD, "not accelerated")
    fit(model)
    fit(plain)
    check_close(weights_of(model), weights_of(plain))
    old = model.optimizer
    model.compile(kerasched.SGD(0.05, momentum=0.9), loss="mse")
    kerasched.copy_optimizer_state(old, model)
    fit(model)
    fit(plain)
    check_close(weights_of(model), weights_of(plain))


@feature
def set_schedule():
    model = model_with(keras.optimizers.SGD(kerasched.Constant(0.1)))
    fit(model)
    kerasched.set_schedule(model, kerasched.Constant(0.0))
    before = weights_of(model)
    fit(model)
    check_close(weights_of(model), before, 0.0)


@feature
def logger():
    model = model_with(keras.optimizers.SGD(kerasched.StepDecay(0.1, decay_steps=4)))
    rates = fit(model, callbacks=[callbacks.LearningRateLogger(every=1)]).history
    check_close(rates["learning_rate"], [0.1, 0.05], 1e-9)


@feature
def plateau():
    for rate in (0.1, kerasched.Constant(0.1)):
        model = model_with(keras.optimizers.SGD(rate), metrics=["mae"])
        plateau = callbacks.ReduceOnPlateau(
            "mae", 0.5, patience=1, min_delta=10.0, restore_best_weights=True
        )
        fit(model, epochs=3, callbacks=[plateau])
        now = float(keras.ops.convert_to_numpy(model.optimizer.learning_rate))
        check_close(now, 0.025, 1e-8)


@feature
def epoch_schedule():
    schedule = callbacks.EpochSchedule(kerasched.StepDecay(0.1, decay_steps=1))
    model = model_with(keras.optimizers.SGD(0.5))
    fit(model, callbacks=[schedule])
    now = float(keras.ops.convert_to_numpy(model.optimizer.learning_rate))
    check_close(now, 0.05, 1e-8)


@feature
def weight_averaging():
    x, y = data()
    layer = keras.layers.BatchNormalization()
    model = model_with(keras.optimizers.SGD(0.1), layer)
    averaging = callbacks.WeightAveraging(0, data=x)
    fit(model, epochs=3, callbacks=[averaging], validation_data=(x, y))
    check(averaging.count == 3, "not three epochs were averaged")


class Interrupt(keras.callbacks.Callback):
    """Ends a run at the beginning of an epoch, like a crash."""

    def on_epoch_begin(self, epoch, logs=None):
        if epoch == 2:
            raise InterruptedError


@feature
def backup_and_restore():
    def run(folder, *others):
        schedule = kerasched.StepDecay(0.1, decay_steps=6)
        optimizer = kerasched.SGD(schedule, momentum=0.9, fused=True)
        model = model_with(optimizer, keras.layers.Dropout(0.5))
        backup = callbacks.BackupAndRestore(folder)
        fit(model, epochs=4, shuffle=True, callbacks=[backup, *others])
        return weights_of(model)

    with tempfile.TemporaryDirectory() as folder:
        unbroken = run(Path(folder, "a"))
        with contextlib.suppress(InterruptedError):
            run(Path(folder, "b"), Interrupt())
            raise AssertionError("the run was not interrupted")
        check_close(run(Path(folder, "b")), unbroken, 0.0)


@feature
def finder():
    x, y = data()
    model = model_with(keras.optimizers.SGD(kerasched.Constant(0.1), momentum=0.9))
    fit(model)
    before = weights_of(model)
    result = kerasched.find_learning_rate(model, x, y, 8, steps=30, verbose=0)
    check(len(result.rates) > 2, "no sweep")
    check_close(weights_of(model), before, 0.0)
    finder = callbacks.LearningRateFinder(x, y, steps=30, batch_size=8, verbose=0)
    fit(model_with(keras.optimizers.SGD(0.1)), callbacks=[finder])


@feature
def layerwise():
    model = model_with("sgd")
    schedule = kerasched.Constant(0.1)
    optimizer = kerasched.layerwise(model, schedule, optimizer=keras.optimizers.SGD)
    model.compile(optimizer, loss="mse")
    fit(model)


@feature
def ports_and_evaluation():
    schedule = timm.create_scheduler_v2(0.1, num_epochs=3, updates_per_epoch=4)
    steps = np.arange(12)
    called = keras.ops.convert_to_numpy(schedule(steps))
    check_close(called, schedule.evaluate(steps), 1e-6)


def outcome(name):
    """Return "passed", "refused" with the required version, or the error."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", RuntimeWarning)
            FEATURES[name]()
    except RuntimeError as error:
        if name in NEEDS and NEEDS[name] in str(error):
            return f"refused: {error}"
        return f"FAILED: {type(error).__name__}: {error}"
    except Exception as error:
        return f"FAILED: {type(error).__name__}: {error}"
    return "passed"


def main():
    names = sys.argv[1:] or list(FEATURES)
    report = {"keras": keras.__version__, "numpy": np.__version__}
    report["features"] = {name: outcome(name) for name in names}
    print(json.dumps(report))


if __name__ == "__main__":
    main()
