"""A learning rate that is a function of the epoch, wherever a run begins."""

from collections.abc import Callable
from collections.abc import Sequence
from typing import Any
from typing import ClassVar

import keras
import numpy as np
from keras.optimizers.schedules import LearningRateSchedule

from kerasched.callbacks.base import FitCallback
from kerasched.callbacks.rate_writer import RateWriter
from kerasched.callbacks.rate_writer import rate_variables
from kerasched.callbacks.reduce_on_plateau import ReduceOnPlateau
from kerasched.errors import Optional
from kerasched.errors import message
from kerasched.schedules.arguments import Rate
from kerasched.schedules.arguments import check_of
from kerasched.schedules.base import Schedule
from kerasched.schedules.epochs import StepsPerEpoch

OWNER = "EpochSchedule"

# The number of batches whose rates are computed at once.
BLOCK = 1024


class EpochSchedule(FitCallback):
    """Set the learning rate at the start of each epoch, or of each batch.

    rate = schedule(epoch), or schedule(epoch * steps_per_epoch + batch)

    The rate depends on the epoch alone, not on the optimizer's step count, so that it
    is right after `initial_epoch` and after a restart. The optimizer's rate must be a
    number; a schedule as rate raises before the first epoch. All optimizers in a
    MultiOptimizer get the same rate.

    A rate per batch is assigned before each batch, and on JAX this first writes the
    state of the compiled step to all variables of the model; docs/callbacks.md has the
    times. A schedule in the optimizer does not have this cost:
    CosineDecay.from_epochs(0.1, decay_epochs=90, steps_per_epoch=391).

    Args:
        schedule: a schedule, or a function of the epoch. With `steps_per_epoch` the
            schedule is called with the step, and a function with the epoch and its
            fraction.
        steps_per_epoch: None for one rate in each epoch. The steps in an epoch of the
            schedule, or the dataset that has them as batches, to set the rate before
            each batch. An epoch with another number of batches is scaled to it. With
            `steps_per_execution` above 1 a rate holds for all batches of one execution.

    Raises:
        TypeError: an argument is of the wrong kind.
        ValueError: `steps_per_epoch` is not positive, or not known; when `fit` begins,
            a schedule as rate, a MultiOptimizer of a model that has no weights yet,
            several optimizers of the model's own, or a ReduceOnPlateau or
            ReduceLROnPlateau among the callbacks.
    """

    _rates: Sequence[float]
    _values: Sequence[Any]

    PER_FIT: ClassVar = {
        "_variables": (),
        "_writer": None,
        # The rates of some batches from `_first` on, and the values to assign.
        "_first": 0,
        "_rates": (),
        "_values": (),
    }

    def __init__(
        self,
        schedule: LearningRateSchedule | Callable[[float], float],
        steps_per_epoch: Any = None,
    ) -> None:
        super().__init__()
        if not callable(schedule):
            what = "a learning-rate schedule or a function of the epoch"
            raise TypeError(message(OWNER, "schedule", what, schedule))
        check = Optional(check_of(StepsPerEpoch))
        self.schedule = schedule
        self.steps_per_epoch = check(OWNER, "steps_per_epoch", steps_per_epoch)
        self.rate: float | None = None

    def rate_at(self, epoch: int, batch: int = 0, batches: int | None = None) -> float:
        """Return the rate of a batch.

        Args:
            epoch: the epoch, from 0.
            batch: the batch within the epoch, from 0.
            batches: how many batches the epoch has, None for `steps_per_epoch`.
        """
        return self._rates_of(epoch, np.array([batch]), batches)[0]

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Keras's hook: check optimizer and callbacks."""
        self._enter_fit()
        self._variables = _rate_variables(self.model)
        self._refuse_a_plateau()
        self.rate = None

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Keras's hook."""
        self._epoch, self._writer = epoch, RateWriter(self._variables)
        self._first, self._rates, self._values = 0, (), ()
        if self.steps_per_epoch is None:
            self.rate = self.rate_at(epoch)
            self._sync_model()
            self._writer.write(self.rate)

    def on_train_batch_begin(
        self, batch: int, logs: dict[str, Any] | None = None
    ) -> None:
        """Keras's hook."""
        if self.steps_per_epoch is not None:
            index = batch - self._first
            if not 0 <= index < len(self._rates):
                self._look_ahead(batch)
                index = 0
            rate = self._rates[index]
            if rate != self.rate:
                self._sync_model()
                self._writer.write_prepared(self._values[index])
                self.rate = rate

    def _look_ahead(self, batch: int) -> None:
        """Compute the rates of a batch and of the following ones.

        A function, or a schedule of another library, is called for each batch.
        """
        batches = (self.params or {}).get("steps")
        block = BLOCK if isinstance(self.schedule, Schedule) else 1
        end = min(batch + block, max(batches or batch + block, batch + 1))
        numbers = np.arange(batch, end)
        self._first, self._rates = batch, self._rates_of(self._epoch, numbers, batches)
        self._values = self._writer.prepared(self._rates)

    def _rates_of(self, epoch: int, numbers: Any, batches: int | None) -> list[float]:
        """Return the rates of some batches of an epoch, given by their numbers."""
        schedule, steps = self.schedule, self.steps_per_epoch
        part = numbers / (batches or steps) if steps else 0 * numbers
        # Rounded down, allowing for a rounding error just below an integer.
        whole = epoch * (steps or 1) + np.floor(part * (steps or 1) + 1e-6)
        check = check_of(Rate)
        if isinstance(schedule, Schedule):
            rates = schedule.evaluate(whole.astype("int64"))
            for extreme in (np.min(rates), np.max(rates)):  # NaN is both.
                check(OWNER, "schedule", extreme)
            return rates.tolist()
        if isinstance(schedule, LearningRateSchedule):
            rates = [schedule(int(step)) for step in whole]
        else:
            rates = [schedule(epoch + fraction) for fraction in part.tolist()]
        return [check(OWNER, "schedule", rate) for rate in rates]

    def _refuse_a_plateau(self) -> None:
        plateaus = (ReduceOnPlateau, keras.callbacks.ReduceLROnPlateau)
        listed = self.callback_list
        for other in listed.callbacks if listed else ():
            if isinstance(other, plateaus):
                raise ValueError(
                    f"{OWNER} cannot be used with {type(other).__name__}, whose "
                    "reductions it would undo. Give the schedule to the optimizer "
                    "instead, and keep ReduceOnPlateau."
                )


def _rate_variables(model: keras.Model) -> list[Any]:
    """Return the rate variables of a model, or raise if it has none."""
    fix = (
        "Leave this callback out and give the schedule to the optimizer: "
        "PerEpoch(schedule, steps_per_epoch), or for a smooth curve the class's "
        "from_epochs"
    )
    variables = rate_variables(model, OWNER, fix)
    if not variables:
        what = "one with weights, without which a MultiOptimizer has no optimizers"
        fix = "Call it on data or give it an Input before fit"
        raise ValueError(message(OWNER, "model", what, model, fix))
    return variables
