"""The stages of the demo: split, normalise, train, predict, save and load again."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import MinMaxScaler

from kerasched.demo.table import HELD_OUT
from kerasched.demo.table import Table
from kerasched.demo.trace import Epoch
from kerasched.demo.trace import Reloaded
from kerasched.demo.trace import Scores
from kerasched.demo.trace import Settings
from kerasched.demo.trace import Stage
from kerasched.demo.trace import Trace
from kerasched.demo.trace import observe
from kerasched.errors import UserError
from kerasched.schedules import PerEpoch
from kerasched.schedules import Schedule
from kerasched.schedules import StepDecay

HIDDEN_UNITS = 16

Report = Callable[[Stage], None]


@dataclass(frozen=True)
class Split:
    """The training rows and the held-out rows, normalised, in float32.

    `x` has the shape (rows, columns), `y` has the shape (rows, 1).
    """

    x: np.ndarray
    y: np.ndarray
    x_held_out: np.ndarray
    y_held_out: np.ndarray


def prepare(table: Table, seed: int, report: Report) -> Split:
    """Split the table, stratified by class, and scale its columns to 0..1."""
    report(_stage("data", table.features, table.source))
    x, x_held_out, y, y_held_out = train_test_split(
        table.features,
        table.labels.astype("float32").reshape(-1, 1),
        test_size=HELD_OUT,
        stratify=table.labels,
        random_state=seed,
    )
    scaler = MinMaxScaler().fit(x)
    split = Split(
        scaler.transform(x).astype("float32"),
        y,
        scaler.transform(x_held_out).astype("float32"),
        y_held_out,
    )
    note = f"scaled to 0..1 by the range of these {len(x)} rows"
    report(_stage("normalised", split.x, note))
    return split


def make_schedule(settings: Settings, steps_per_epoch: int) -> Schedule:
    """Return a schedule that halves the rate every second epoch."""
    halving = StepDecay(settings.learning_rate, decay_steps=2, decay_rate=0.5)
    return PerEpoch(halving, steps_per_epoch)


def build(columns: int, schedule: Schedule, momentum: float) -> keras.Model:
    """Return a compiled model with one hidden layer and one sigmoid output."""
    model = keras.Sequential(
        [
            keras.layers.Input((columns,)),
            keras.layers.Dense(HIDDEN_UNITS, activation="relu"),
            keras.layers.Dense(1, activation="sigmoid"),
        ]
    )
    model.compile(
        optimizer=keras.optimizers.SGD(learning_rate=schedule, momentum=momentum),
        loss=keras.losses.BinaryCrossentropy(),
        metrics=[keras.metrics.BinaryAccuracy(name="accuracy")],
    )
    return model


class Recorder(keras.callbacks.Callback):
    """Records every step and epoch of a training in a trace.

    Args:
        trace: the trace to fill.
        schedule: the optimizer's schedule.
        rows: rows in one epoch.
        batch_size: rows in one batch; the last batch may have fewer.
    """

    def __init__(
        self, trace: Trace, schedule: Schedule, rows: int, batch_size: int
    ) -> None:
        super().__init__()
        self._trace, self._schedule = trace, schedule
        self._rows, self._batch_size = rows, batch_size
        self._rate = self._seen = self._total = 0.0

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Record the rate of the optimizer's next update."""
        self._rate = float(
            self._schedule.evaluate(int(self.model.optimizer.iterations))
        )
        self._seen = self._total = 0.0

    def on_train_batch_end(
        self, batch: int, logs: dict[str, Any] | None = None
    ) -> None:
        """Recover the batch's loss from Keras's running mean over the epoch."""
        logs = logs or {}
        seen = min((batch + 1) * self._batch_size, self._rows)
        total = float(logs["loss"]) * seen
        self._trace.step_losses.append((total - self._total) / (seen - self._seen))
        self._trace.step_learning_rates.append(self._rate)
        self._seen, self._total = seen, total

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Record the epoch, with an observation on its loss."""
        logs, done = logs or {}, self._trace.epochs
        losses = [row.loss for row in done] + [float(logs["loss"])]
        rates = [row.learning_rate for row in done] + [self._rate]
        accuracy, observation = float(logs["accuracy"]), observe(losses, rates)
        done.append(Epoch(epoch + 1, rates[-1], losses[-1], accuracy, observation))


def train(
    split: Split,
    settings: Settings,
    trace: Trace,
    report: Report,
    callbacks: list[keras.callbacks.Callback],
) -> tuple[keras.Model, Schedule]:
    """Train a model, fill the trace, and return the model and its schedule.

    Raises:
        UserError: the training diverged so far that torch cannot compute a loss.
    """
    keras.utils.set_random_seed(settings.seed)
    rows = len(split.x)
    schedule = make_schedule(settings, trace.steps_per_epoch)
    model = build(split.x.shape[1], schedule, settings.momentum)
    report(_stage("model input", split.x[: settings.batch_size], "the first batch"))
    recorder = Recorder(trace, schedule, rows, settings.batch_size)
    try:
        model.fit(
            split.x,
            split.y,
            batch_size=settings.batch_size,
            epochs=settings.epochs,
            verbose=0,
            callbacks=[recorder, *callbacks],
        )
        trace.training = _scores(model, split.x, split.y)
        trace.held_out = _scores(model, split.x_held_out, split.y_held_out)
    except RuntimeError as error:
        # Torch's cross-entropy raises on predictions that are NaN.
        if np.isfinite(model.predict(split.x, verbose=0)).all():
            raise
        raise UserError(
            "the training diverged and its predictions are not finite: "
            "use a smaller --learning-rate or --momentum"
        ) from error
    return model, schedule


def predict(model: keras.Model, split: Split, trace: Trace, report: Report) -> None:
    """Predict the class of one held-out row."""
    row = split.x_held_out[:1]
    output = model.predict(row, verbose=0)
    name = trace.classes[int(output[0, 0] > 0.5)]
    truth = trace.classes[int(split.y_held_out[0, 0])]
    shape = f"{row.shape[0]} x {row.shape[1]} -> {output.shape[0]} x {output.shape[1]}"
    note = f"{shape}: a held-out row is predicted as {name}, its class is {truth}"
    report(_stage("prediction", output, note))


def save_and_reload(
    model: keras.Model, schedule: Schedule, split: Split, settings: Settings
) -> Reloaded:
    """Save the model, load it in a fresh process, and compare the two."""
    model.save(settings.save)
    iterations = int(model.optimizer.iterations)
    batch = slice(0, settings.batch_size)
    with tempfile.TemporaryDirectory() as folder:
        inputs, outputs = Path(folder, "inputs.npz"), Path(folder, "outputs.npz")
        x_next, y_next = split.x[batch], split.y[batch]
        np.savez(inputs, x=split.x_held_out, x_next=x_next, y_next=y_next)
        _run_fresh_process(settings, inputs, outputs)
        with np.load(outputs) as arrays:
            predictions = arrays["predictions"]
            state = json.loads(str(arrays["state"]))
    expected = model.predict(split.x_held_out, verbose=0)
    return Reloaded(
        path=str(settings.save),
        predictions_equal=bool(np.array_equal(expected, predictions)),
        schedule_equal=keras.saving.deserialize_keras_object(state["schedule"])
        == schedule,
        iterations_saved=iterations,
        iterations_loaded=state["iterations"],
        next_learning_rate=state["next_learning_rate"],
        next_learning_rate_expected=float(schedule.evaluate(iterations)),
        iterations_after_next_step=state["iterations_after"],
    )


def _run_fresh_process(settings: Settings, inputs: Path, outputs: Path) -> None:
    command = [sys.executable, "-m", "kerasched.demo.reload"]
    command += [str(settings.save), str(inputs), str(outputs)]
    environment = {**os.environ, "KERAS_BACKEND": settings.backend}
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(
            f"The process that loads the saved model failed:\n{done.stderr}"
        )


def _scores(model: keras.Model, x: np.ndarray, y: np.ndarray) -> Scores:
    scores = model.evaluate(x, y, batch_size=256, verbose=0, return_dict=True)
    return Scores(len(x), float(scores["loss"]), float(scores["accuracy"]))


def _stage(name: str, array: np.ndarray, note: str) -> Stage:
    return Stage(name, array.shape, tuple(float(x) for x in array[0]), note)
