"""Measures the overhead of callbacks on the backend of this process."""

import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import keras
import numpy as np

from kerasched import Constant
from kerasched import CosineDecay
from kerasched import StepDecay
from kerasched import set_schedule
from kerasched.callbacks import BackupAndRestore
from kerasched.callbacks import EpochSchedule
from kerasched.callbacks import LearningRateLogger
from kerasched.callbacks import ReduceOnPlateau
from kerasched.callbacks import WeightAveraging

SCHEDULE = CosineDecay(0.01, 10**6)


def mlp(layers: int, width: int, rate: Any) -> keras.Model:
    """Return a small network, compiled with Keras's defaults."""
    model = keras.Sequential([keras.layers.Input((width,))])
    for _ in range(layers):
        model.add(keras.layers.Dense(width, activation="relu"))
    jit = "auto" if keras.backend.backend() != "torch" else False
    model.compile(keras.optimizers.SGD(rate, momentum=0.9), "mse", jit_compile=jit)
    return model


def recompile(rounds: int) -> dict[str, Any]:
    """Return the seconds of a step, and of the first step after `set_schedule`."""
    model, data = mlp(41, 16, SCHEDULE), np.ones((8, 16), "float32")
    steps, changed = [], []
    model.train_on_batch(data, data)
    for index in range(rounds):
        steps.append(_seconds(lambda: model.train_on_batch(data, data)))
        set_schedule(model, StepDecay(0.01, 10 + index))
        changed.append(_seconds(lambda: model.train_on_batch(data, data)))
    return {
        "variables": len(model.trainable_variables),
        "step": _summary(steps),
        "step_after_a_change": _summary(changed),
    }


def in_fit(rounds: int, batches: int = 1000) -> dict[str, Any]:
    """Return the time of an epoch with all callbacks over that of one without."""
    model = mlp(3, 256, SCHEDULE)
    data = np.ones((32 * batches, 256), "float32")

    def epoch(callbacks: list[Any]) -> float:
        options = {"batch_size": 32, "verbose": 0, "shuffle": False}
        return _seconds(lambda: model.fit(data, data, callbacks=callbacks, **options))

    with tempfile.TemporaryDirectory() as folder:
        epoch(_together(folder))
        ratios = [_pair(epoch, folder, index % 2 == 0) for index in range(rounds)]
    draws = np.random.default_rng(0).choice(ratios, (2000, len(ratios)))
    low, high = np.percentile(np.median(draws, axis=1), [2.5, 97.5])
    middle = statistics.median(ratios)
    return {"batches": batches, "ratio": middle, "low": float(low), "high": float(high)}


def _together(folder: str) -> list[Any]:
    """Return the callbacks that can be used together in one `fit`."""
    return [
        BackupAndRestore(Path(folder) / "run"),
        WeightAveraging(0),
        LearningRateLogger(every=10),
        ReduceOnPlateau("loss"),
    ]


def hooks(calls: int) -> list[dict[str, Any]]:
    """Return the microseconds that the batch hooks of each callback take."""
    number = Constant(0.01)
    sets = {
        "LearningRateLogger(every=10)": (SCHEDULE, lambda: LearningRateLogger(10)),
        "LearningRateLogger(every=1)": (SCHEDULE, lambda: LearningRateLogger(1)),
        "ReduceOnPlateau()": (SCHEDULE, lambda: ReduceOnPlateau("loss")),
        "WeightAveraging()": (SCHEDULE, lambda: WeightAveraging(0)),
        "BackupAndRestore()": (
            SCHEDULE,
            lambda: BackupAndRestore("never written", check_data=False),
        ),
        "EpochSchedule(schedule)": (0.01, lambda: EpochSchedule(number)),
        "EpochSchedule(schedule, steps)": (
            0.01,
            lambda: EpochSchedule(SCHEDULE, 10**5),
        ),
    }
    rows = []
    for name, (rate, make) in sets.items():
        best = min(_hooks(rate, [make()], calls) for _ in range(3))
        none = min(_hooks(rate, [], calls) for _ in range(3))
        rows.append({"callback": name, "microseconds": (best - none) / calls * 1e6})
    return rows


def _hooks(rate: Any, callbacks: list[Any], calls: int) -> float:
    model, data = mlp(1, 8, rate), np.ones((8, 8), "float32")
    model.fit(data, data, verbose=0)
    parameters = {"steps": calls, "epochs": 1, "verbose": 0}
    listed = keras.callbacks.CallbackList(callbacks, model=model, **parameters)
    listed.on_train_begin()
    listed.on_epoch_begin(0)
    members = listed.callbacks
    start = time.process_time()
    for batch in range(calls):
        for member in members:
            member.on_train_batch_begin(batch)
        logs: dict[str, Any] = {}
        for member in members:
            member.on_train_batch_end(batch, logs)
    return time.process_time() - start


def _pair(epoch: Any, folder: str, ours_first: bool) -> float:
    if ours_first:
        with_ours, without = epoch(_together(folder)), epoch([])
    else:
        without, with_ours = epoch([]), epoch(_together(folder))
    return with_ours / without


def _seconds(function: Any) -> float:
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def _summary(times: list[float]) -> dict[str, float]:
    return {"median": statistics.median(times), "min": min(times), "max": max(times)}
