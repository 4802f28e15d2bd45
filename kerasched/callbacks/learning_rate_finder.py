"""The learning-rate range test at the start of training."""

import inspect
import warnings
from typing import Any

import keras

from kerasched.callbacks.base import FitCallback
from kerasched.callbacks.rate_writer import rate_variables
from kerasched.errors import Choice
from kerasched.errors import Flag
from kerasched.finder import LearningRateSweep
from kerasched.finder import find_learning_rate
from kerasched.finder.arguments import checked_sweep
from kerasched.finder.suggestions import DEFAULT
from kerasched.finder.suggestions import NAMES
from kerasched.training.set_schedule import set_schedule

OWNER = "LearningRateFinder"
FIX = (
    "Call find_learning_rate before and give the schedule the rate that it suggests, "
    "or pass update=False"
)


class LearningRateFinder(FitCallback):
    """Find a learning rate before the first epoch of `fit`, and train with it.

    This calls `kerasched.find_learning_rate` at the start of each `fit`, on data of its
    own. It moves to the front of the list of callbacks, so that its position does not
    matter: the others see the rate that it sets, and a run that BackupAndRestore
    resumes keeps the rate that it began with. Of several the last one decides.

    A schedule is not changed, as it is not known which of its rates the suggestion is
    for. Call find_learning_rate before and create the schedule with the suggestion, or
    pass `update=False`.

    Args:
        x: arrays or a dataset, as in find_learning_rate.
        y: the targets of arrays.
        update: whether to set the suggested rate; the optimizer's must be a number. All
            optimizers in a MultiOptimizer get the same.
        suggestion: the rule whose suggestion is set: "middle", "valley", "steepest",
            "minimum" or "slide". Without a suggestion the rate stays, with a warning.
        **options: the other arguments of find_learning_rate.

    Attributes:
        result: the LearningRateSweep of the last call of `fit`, None before.

    Raises:
        TypeError: an argument is of the wrong kind.
        ValueError: an argument is out of its range; when `fit` begins, `update` and a
            rate that is a schedule, or several optimizers of the model's own.
    """

    def __init__(
        self,
        x: Any,
        y: Any = None,
        update: bool = True,
        suggestion: str = DEFAULT,
        **options: Any,
    ) -> None:
        super().__init__()
        self.update = Flag()(OWNER, "update", update)
        self.suggestion = Choice(NAMES)(OWNER, "suggestion", suggestion)
        self.result: LearningRateSweep | None = None
        call = inspect.signature(find_learning_rate).bind(None, x, y, **options)
        call.apply_defaults()
        self._arguments = dict(call.arguments)
        checked_sweep(OWNER, self._arguments)

    def set_callback_list(self, callback_list: keras.callbacks.CallbackList) -> None:
        """Move to the front, before any other callback reads the rate."""
        super().set_callback_list(callback_list)
        every = callback_list.callbacks
        self._rearrange([c for c in every if isinstance(c, LearningRateFinder)], [])

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Keras's hook: do the sweep, and set the rate that it suggests."""
        model = self.model
        if self.update:
            rate_variables(model, OWNER, FIX)  # Raises if a rate is a schedule.
        self.result = find_learning_rate(**{**self._arguments, "model": model})
        if self.update:
            self._set(model, self.result)

    def _set(self, model: keras.Model, result: LearningRateSweep) -> None:
        rate = result.suggestions[self.suggestion]
        if rate is not None:
            set_schedule(model, rate)
            return
        warnings.warn(
            f"{OWNER} leaves the learning rate as it is: {self.suggestion!r} suggests "
            f"none after {len(result.rates)} steps.",
            stacklevel=3,
        )
