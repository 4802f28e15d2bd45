"""Logs the learning rate and other scheduled hyperparameters."""

from typing import Any
from typing import ClassVar

import keras
import numpy as np

from kerasched.callbacks.arguments import POSITIVE_COUNT
from kerasched.callbacks.base import FitCallback
from kerasched.callbacks.epoch_schedule import BLOCK
from kerasched.callbacks.epoch_schedule import EpochSchedule
from kerasched.callbacks.scheduled import RATE
from kerasched.callbacks.scheduled import Scheduled
from kerasched.callbacks.scheduled import scheduled_in
from kerasched.errors import Flag
from kerasched.errors import Optional

OWNER = "LearningRateLogger"


class LearningRateLogger(FitCallback):
    """Add the learning rate to the logs of each epoch, and of every few batches.

    The progress bar, History and CSVLogger then show `learning_rate`, and TensorBoard
    `batch_learning_rate`; TensorBoard's value for the epoch is Keras's own, the rate of
    the next update. Here it is the rate of the last update in the epoch, or up to the
    batch. A momentum, weight decay, `beta_1` or `beta_2` that is a schedule is added by
    the name of that argument. With several optimizers the name ends in the optimizer's,
    as `learning_rate_adam`, or in the attribute of the model that holds it, as
    `learning_rate_g_opt`.

    It moves to the front of the list of callbacks, so that its position does not matter
    and the rate of an epoch is read before another callback changes it. During a batch
    it reads nothing from the model: schedules are computed on the host, from the step
    count at the start of the epoch. Steps that LossScaleOptimizer skips are noticed at
    the end of the epoch. A schedule of another library is called for each batch that is
    shown, when the epoch begins.

    Args:
        every: batches from one value in the logs of batches to the next; None for
            epochs only.
        constants: whether `momentum`, `weight_decay`, `beta_1` and `beta_2` are added
            too where they are numbers.

    Raises:
        TypeError: an argument is of the wrong kind.
        ValueError: `every` is not positive.
    """

    # The batch hooks use only their arguments and what the start of the epoch computed.
    async_safe = True

    PER_FIT: ClassVar = {"_columns": {}, "_shown": [], "_setter": None}

    def __init__(self, every: int | None = None, *, constants: bool = False) -> None:
        super().__init__()
        self.every = Optional(POSITIVE_COUNT)(OWNER, "every", every)
        self.constants = Flag()(OWNER, "constants", constants)
        self._group, self._until = 1, 0
        self._last: int | None = None
        self._stands_alone = False

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Keras's hook: take the first and the last place in the list."""
        self._enter_fit()
        self._group = self.model.steps_per_execution or 1
        self._stands_alone = self.callback_list is None
        last = [_AfterAllOthers(self)]
        others = self._rearrange([self], last, dropped=(_AfterAllOthers,))
        setters = [other for other in others if isinstance(other, EpochSchedule)]
        self._setter = next((s for s in setters if s.steps_per_epoch), None)

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Keras's hook."""
        if self._stands_alone:
            self.begin_epoch()

    def on_train_batch_begin(
        self, batch: int, logs: dict[str, Any] | None = None
    ) -> None:
        """Keras's hook."""
        if self._stands_alone:
            self.begin_batch(batch)

    def on_train_batch_end(
        self, batch: int, logs: dict[str, Any] | None = None
    ) -> None:
        """Keras's hook."""
        for name, column in self._columns.items():
            if logs is not None and batch in column:
                logs[name] = column[batch]

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Keras's hook."""
        if logs is not None:
            logs.update({one.name: one.last() for one in self._scheduled()})

    def begin_epoch(self) -> None:
        """Read the values that the rates of the epoch's batches are computed from."""
        self._shown, self._columns, self._until = [], {}, 0
        steps = (self.params or {}).get("steps") or 0  # 0 where it is not known.
        self._last = steps - 1 if steps else None
        for one in self._scheduled() if self.every else ():
            if not (one.on_host or steps):
                self._warn_once(
                    f"shows {one.name} for epochs only: its schedule is computed on "
                    "the device, and how many batches an epoch has is not known"
                )
                continue
            one.start()
            ends = [] if one.on_host else self._ends(0, steps + self._group - 1)
            self._columns[one.name] = self._values(one, np.array(ends, "int64"))
            if one.on_host:
                self._shown.append(one)

    def begin_batch(self, batch: int) -> None:
        """Compute the rates of a batch, or of its group, if they are not there yet."""
        if self._shown and batch >= self._until:
            first, self._until = self._until, batch + BLOCK * self._group
            ends = self._ends(first, self._until)
            for one in self._shown:
                self._columns[one.name].update(self._values(one, ends))
        if self._setter is not None and self._setter.rate is not None:
            self._note(batch + self._group - 1, self._setter.rate)

    def _note(self, batch: int, rate: float) -> None:
        """Record the rate of a batch from the callback that set it."""
        for one in self._shown:
            column = self._columns[one.name]
            is_set = one.attribute == RATE and one.schedule is None
            if is_set and batch in column:
                column[batch] = rate

    def _scheduled(self) -> list[Scheduled]:
        return scheduled_in(self.model, self.constants)

    def _ends(self, first: int, last: int) -> Any:
        """Return the batches from `first` to before `last` that are shown.

        Only the last batch of a group that is executed at once has logs.
        """
        ends = np.arange(first + self._group - 1, last, self._group)
        before = (ends + 1 - self._group) // self.every
        return ends[(self._trained(ends) + 1) // self.every > before]

    def _values(self, one: Scheduled, ends: Any) -> dict[int, float]:
        values = one.values(self._trained(ends))
        return dict(zip(ends.tolist(), values, strict=True))

    def _trained(self, ends: Any) -> Any:
        """Return the last batch of each group, given the group's nominal end.

        The last group of an epoch may be shorter.
        """
        return ends if self._last is None else np.minimum(ends, self._last)


class _AfterAllOthers(keras.callbacks.Callback):
    """The last in the list: calls the logger after others have set their rates."""

    def __init__(self, logger: LearningRateLogger) -> None:
        super().__init__()
        self._logger = logger
        # Only where batches are shown, as each batch hook takes time.
        if logger.every is not None:
            self.on_train_batch_begin = self._on_train_batch_begin

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self._logger.begin_epoch()

    def _on_train_batch_begin(
        self, batch: int, logs: dict[str, Any] | None = None
    ) -> None:
        self._logger.begin_batch(batch)
