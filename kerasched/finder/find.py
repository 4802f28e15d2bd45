"""The learning-rate range test."""

import contextlib
from collections.abc import Iterator
from typing import Any

import keras

from kerasched.errors import message
from kerasched.finder.arguments import checked
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

OWNER = "find_learning_rate"


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
    """Train for a few steps at rising learning rates, and see where the loss falls.

    exponential: rate = min_lr * (max_lr / min_lr) ** (step / (steps - 1))
    linear: rate = min_lr + (max_lr - min_lr) * step / (steps - 1)

    (Smith, 2017, arXiv:1506.01186, section 3.3; the defaults and the suggestions are
    those of fastai's lr_find.) All steps run in one compiled function. Afterwards,
    whether the sweep ended, failed or was interrupted, everything is as before, bit for
    bit: weights, moving averages, the optimizer's state and rate, be it a schedule,
    metrics, random generators, the compiled step, and the data's next order.

    All optimizers in a MultiOptimizer get the same rate. Under gradient accumulation a
    step is one update, and its loss the mean of its batches' losses. A tf.data.Dataset
    is read from a copy of its graph, and the order in which it shuffles next stays;
    where it has no such copy (one above 2 GiB) it is iterated itself.

    Args:
        model: a compiled model. It is built on the first batch if it is not.
        x: arrays as `fit` takes them, or a tf.data.Dataset, keras.utils.PyDataset,
            torch DataLoader or another iterable of batches that can be begun anew. It
            is, as often as the steps need. A generator is refused. What has
            `get_state()` and `set_state(state)`, as for BackupAndRestore, is put back
            by them.
        y: the targets of arrays.
        batch_size: samples in a batch of arrays, 32 by default. Batches smaller than
            the first are left out.
        sample_weight: the weights of arrays.
        class_weight: a weight for each class.
        shuffle: whether arrays, or the batches of a PyDataset, come in a random order;
            it is the same order in each sweep.
        min_lr: the rate of the first step, above 0.
        max_lr: the rate of the last step, above `min_lr`.
        steps: how many steps there are, 2 or more. fastai's rules leave out the first
            tenth and the last five, and `slide` needs 16 more.
        mode: "exponential" or "linear".
        smoothing: the part of the smoothed loss that is kept in a step, from 0 to below
            1. It is corrected for the start.
        divergence: the sweep ends when the smoothed loss is this many times its least
            value, above 1, or no number. None to go on to the last step.
        verbose: 1 for a progress bar where it takes more than two seconds, 0 for none.

    Returns:
        Rates, losses and suggestions; `.suggestion`, `.plot()` and `.to_json()`.

    Raises:
        TypeError: an argument is of the wrong kind, as an iterator that cannot be put
            back is, or data that give nothing when they are begun anew, or a rate is
            neither a number, nor a schedule, nor a function.
        ValueError: an argument is out of its range, the model is not compiled, or its
            train_step returns no loss; or it trains with several optimizers of its
            own, or with one that is not built.
    """
    values = checked(
        OWNER,
        batch_size=batch_size,
        shuffle=shuffle,
        min_lr=min_lr,
        max_lr=max_lr,
        steps=steps,
        mode=mode,
        smoothing=smoothing,
        divergence=divergence,
        verbose=verbose,
    )
    training_optimizer(compiled(model, OWNER), OWNER)
    batches = Batches(x, y, values["batch_size"], sample_weight, values["shuffle"])
    rates = rates_between(
        values["min_lr"], values["max_lr"], values["steps"], values["mode"]
    )
    average = Smoothing(values["smoothing"], values["divergence"])
    with _random_numbers_kept(batches):
        stream = iter(batches)
        _build(model, next(stream)[0])
        with_weights = class_weight is not None and batches.parts == 2
        form = (batches.form, batches.parts + with_weights)
        with restored_after(model):
            step = _Step(model, stream, rates, class_weight)
            with step_as_in_fit(model, *form):
                losses, smoothed = sweep(step, len(rates), average, values["verbose"])
    return LearningRateSweep.of(rates, losses, smoothed)


class _Step:
    """A step of the sweep: its rate is set, its batches are trained on."""

    def __init__(self, model: Any, stream: Any, rates: Any, class_weight: Any) -> None:
        self._model, self._stream, self._weights = model, stream, class_weight
        # Another function than that of fit, whose compiled steps then stay what they
        # are: how shapes were seen may decide how a step is compiled.
        model.train_function = None
        if keras.backend.backend() == "torch":
            model.train()  # As fit does, for modules of torch.
        self._rate = RateAssigner(model, rates)

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
def _random_numbers_kept(batches: Batches) -> Iterator[None]:
    states = random_states()
    try:
        yield
    finally:
        with uninterrupted(), contextlib.ExitStack() as stack:
            stack.callback(set_random_states, states)
            for reset in batches.resets:
                stack.callback(reset)


def _build(model: keras.Model, x: Any) -> None:
    """Build a model and its optimizer, so that what they start from can be kept."""
    if not model.built:
        model(x)
    build_optimizer(model)
    path, trains = training_optimizer(model, OWNER)
    if not trains.built:
        what = f"one whose optimizer {path} is built, so that it can be put back"
        fix = f"Call model.{path}.build(variables) with those that it trains"
        raise ValueError(message(OWNER, "model", what, model, fix))
    for optimizer in training_leaves(model, OWNER):
        if rate_of(optimizer) is None:
            raise TypeError(
                f"The learning rate of {optimizer.name} must be a number, a schedule "
                f"or a function for {OWNER}."
            )
