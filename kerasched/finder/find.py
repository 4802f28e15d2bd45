"""The learning-rate range test."""

import contextlib
from collections.abc import Iterator
from typing import Any

import keras

from kerasched.errors import message
from kerasched.finder.arguments import OWNER
from kerasched.finder.arguments import checked_sweep
from kerasched.finder.batches import Batches
from kerasched.finder.result import LearningRateSweep
from kerasched.finder.sweep import RateAssigner
from kerasched.finder.sweep import Smoothing
from kerasched.finder.sweep import rates_between
from kerasched.finder.sweep import sweep
from kerasched.finder.train_step import step_as_in_fit
from kerasched.resuming.random_states import random_states
from kerasched.resuming.random_states import set_random_states
from kerasched.training.leaves import build_optimizer
from kerasched.training.leaves import rate_of
from kerasched.training.model_contents import training_leaves
from kerasched.training.model_contents import training_optimizer
from kerasched.training.restored import restored_after
from kerasched.training.restored import uninterrupted
from kerasched.training.set_schedule import compiled
from kerasched.training.strategy import strategy_scope


def find_learning_rate(
    model: keras.Model,
    x: Any,
    y: Any = None,
    batch_size: int | None = None,
    sample_weight: Any = None,
    class_weight: dict[int, float] | None = None,
    shuffle: bool = True,
    *,
    min_lr: float = 1e-7,
    max_lr: float = 10.0,
    steps: int = 100,
    mode: str = "exponential",
    smoothing: float = 0.98,
    divergence: float | None = 4.0,
    verbose: int = 1,
) -> LearningRateSweep:
    """Train for a few steps at rising learning rates, and record the losses.

    exponential: rate = min_lr * (max_lr / min_lr) ** (step / (steps - 1))
    linear: rate = min_lr + (max_lr - min_lr) * step / (steps - 1)

    (Smith, 2017, arXiv:1506.01186, section 3.3; the defaults are those of fastai's
    lr_find.) All steps run in one compiled function. Afterwards
    everything is restored bit for bit, also if the sweep fails or is interrupted:
    weights, moving averages, the optimizer's state and its rate or schedule, metrics,
    random generators, the compiled step, and the next order of the data.

    All optimizers in a MultiOptimizer get the same rate. With gradient accumulation a
    step is one update, and its loss the mean over its batches. A tf.data.Dataset is
    read from a copy of its graph, so that its next order does not change; if it cannot
    be copied (above 2 GiB) it is iterated itself.

    Args:
        model: a compiled model. It is built on the first batch if it is not.
        x: arrays as for `fit`, or a tf.data.Dataset, keras.utils.PyDataset, torch
            DataLoader or another iterable of batches that can be iterated repeatedly,
            but not a generator. `get_state()` and `set_state(state)` of a dataset are
            used to restore it, as by BackupAndRestore.
        y: the targets of arrays.
        batch_size: samples in a batch of arrays, 32 by default. Batches smaller than
            the first are skipped.
        sample_weight: the weights of arrays.
        class_weight: a weight for each class.
        shuffle: whether to shuffle arrays, or the batches of a PyDataset; the order is
            the same in each sweep.
        min_lr: the rate of the first step, above 0.
        max_lr: the rate of the last step, above `min_lr`.
        steps: the number of steps, 2 or more. The rules ignore the first tenth and
            the last five, and `slide` needs 16 more.
        mode: "exponential" or "linear".
        smoothing: the factor of the moving average of the loss, from 0 to below 1. The
            average is corrected for its start.
        divergence: the sweep ends when the smoothed loss is this many times its least
            value, above 1, or NaN. None to run all steps.
        verbose: 1 for a progress bar after two seconds, 2 for a line at the end,
            0 for neither.

    Returns:
        Rates, losses and suggestions; `.suggestion`, `.plot()` and `.to_json()`.

    Raises:
        TypeError: an argument is of the wrong kind, such as an iterator, which cannot
            be restored, or data that are empty in the second iteration; or a rate is
            neither a number, nor a schedule, nor a function.
        ValueError: an argument is out of its range, the model is not compiled, or its
            train_step returns no loss; or it trains with several optimizers of its
            own, or with one that is not built.
    """
    values = checked_sweep(OWNER, locals())
    training_optimizer(compiled(model, OWNER), OWNER)
    batches = Batches(x, y, values["batch_size"], sample_weight, values["shuffle"])
    rates = rates_between(
        values["min_lr"], values["max_lr"], values["steps"], values["mode"]
    )
    average = Smoothing(values["smoothing"], values["divergence"])
    with strategy_scope(model), _random_states_restored(batches):
        stream = iter(batches)
        optimizers = _build(model, next(stream)[0])
        parts = batches.parts + (class_weight is not None and batches.parts == 2)
        with restored_after(model), step_as_in_fit(model, batches.form, parts):
            step = _Step(model, stream, RateAssigner(optimizers, rates), class_weight)
            losses, smoothed = sweep(step, len(rates), average, values["verbose"])
    return LearningRateSweep.of(rates, losses, smoothed)


class _Step:
    """A step of the sweep: sets its rate and trains on its batches."""

    def __init__(
        self, model: Any, stream: Any, rate: RateAssigner, class_weight: Any
    ) -> None:
        self._model, self._stream, self._rate = model, stream, rate
        self._weights = class_weight
        # A separate function keeps the compiled steps of `fit` unchanged: the shapes
        # seen before may decide how a step is compiled.
        model.train_function = None
        if keras.backend.backend() == "torch":
            model.train()  # As `fit` does, for torch modules.

    def __call__(self, step: int) -> float:
        self._rate.set(step)
        count = self._rate.batches
        return sum(self._loss(next(self._stream)) for _ in range(count)) / count

    def _loss(self, batch: Any) -> float:
        x, y, sample_weight = batch
        logs = self._model.train_on_batch(
            x, y, sample_weight, self._weights, return_dict=True
        )
        if "loss" not in logs:
            what = 'one whose train_step returns "loss"'
            raise ValueError(message(OWNER, "model", what, self._model))
        return float(logs["loss"])


@contextlib.contextmanager
def _random_states_restored(batches: Batches) -> Iterator[None]:
    states = random_states()
    try:
        yield
    finally:
        with uninterrupted(), contextlib.ExitStack() as stack:
            stack.callback(set_random_states, states)
            for reset in batches.resets:
                stack.callback(reset)


def _build(model: keras.Model, x: Any) -> list[Any]:
    """Build a model and its optimizer, so that their state can be restored.

    Returns:
        The plain optimizers that train it.
    """
    if not model.built:
        model(x)
    build_optimizer(model)
    path, trains = training_optimizer(model, OWNER)
    if not trains.built:
        what = f"one whose optimizer {path} is built, so that its state can be restored"
        fix = f"Call model.{path}.build(variables) with those that it trains"
        raise ValueError(message(OWNER, "model", what, model, fix))
    optimizers = training_leaves(model, OWNER)
    for optimizer in optimizers:
        if rate_of(optimizer) is None:
            raise TypeError(
                f"The learning rate of {optimizer.name} must be a number, a schedule "
                f"or a function for {OWNER}."
            )
    return optimizers
