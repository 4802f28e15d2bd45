"""The average of the weights of several epochs: SWA, or exponential."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from typing import ClassVar

import keras
import numpy as np

from kerasched.callbacks.arguments import AVERAGING
from kerasched.callbacks.arguments import window_of
from kerasched.callbacks.averaged_model import AveragedModel
from kerasched.callbacks.base import ModelCallback
from kerasched.callbacks.statistics import normalizations
from kerasched.errors import checked
from kerasched.errors import message
from kerasched.training.leaves import leaves_of
from kerasched.training.model_contents import training_optimizers

OWNER = "WeightAveraging"


class WeightAveraging(ModelCallback):
    """Average the weights over epochs, validate with the average, and end with it.

    average + (weights - average) / (count + 1), or, with `decay`, instead
    average + (weights - average) * (1 - decay)

    The trainable weights at the end of each epoch are averaged on the host in their own
    type, float32 at least. During the validation in `fit` the model has the average, so
    that `val_` metrics are those of the average. After the validation, also if it
    raises, the model has its own weights again, which is what other callbacks save.
    When `fit` ends the average is assigned. Weights that are not finite are skipped
    with a warning.

    Batch normalisation needs statistics computed with the average. They are computed
    from `data`, before each validation with a new average and at the end, as the equal
    mean over the batches of one pass in training mode. Everything else that the pass
    changes is restored. A pass that takes more than two seconds shows a progress bar,
    unless `fit` shows none.

    Nothing is done during a batch. For an exponential average over updates pass
    `use_ema=True` to the optimizer instead; using both raises an error. For the
    learning rate see SWALR.

    The average continues in the next `fit` of the same model, unless it was assigned at
    the end of the last one. Another model starts a new average.

    Args:
        start_from_epoch: the first epoch to average: its index, or as a float the
            fraction of all epochs before it, from 0 to below 1.
        until_epoch: the epoch to stop before, in the same form; None to average up to
            the last epoch.
        every: epochs from one that is averaged to the next.
        decay: None for the equal average, or the weight of the past in each update of
            an exponential average, above 0 and below 1.
        data: inputs to compute statistics from, as `x` of `predict`: arrays, or a
            dataset of inputs alone or with targets. Required for a model with trainable
            batch normalisation.
        batch_size: samples in a batch of `data`, as that of `predict`.
        steps: batches of `data` to use, None for all.
        swap_in_validation: whether the validation in `fit` uses the average.
        assign_at_end: whether the average is assigned when `fit` ends.

    Raises:
        TypeError: an argument is of the wrong kind.
        ValueError: an argument has a wrong value.
    """

    PER_FIT: ClassVar = {"_listed": None}

    def __init__(
        self,
        start_from_epoch: int | float = 0.75,
        until_epoch: int | float | None = None,
        every: int = 1,
        decay: float | None = None,
        *,
        data: Any = None,
        batch_size: int | None = None,
        steps: int | None = None,
        swap_in_validation: bool = True,
        assign_at_end: bool = True,
    ) -> None:
        super().__init__()
        self.__dict__.update(checked(OWNER, AVERAGING, locals()))
        self.data = data
        self._window = range(0)
        self._validates = False
        self.reset()

    def reset(self) -> None:
        """Discard the average; the weights do not change."""
        given = (self.data, self.batch_size, self.steps)
        self._averaged = AveragedModel(self.decay, *given)
        self._epoch, self._taken, self._finished = 0, -1, False

    @property
    def count(self) -> int:
        """The number of averaged epochs."""
        return self._averaged.average.count

    def get_state(self) -> dict[str, Any]:
        """Return the number of averaged epochs, as a JSON-native value.

        `get_arrays` returns the averages.
        """
        return {"count": self.count}

    def set_state(self, state: dict[str, Any]) -> None:
        """Restore what `get_state` returned; call `set_arrays` too.

        Raises:
            ValueError: the state has another form.
        """
        self._check_state(state)
        self._averaged.average.count = int(state["count"])
        self._expect_restored()

    def get_arrays(self) -> dict[str, np.ndarray]:
        """Return the averages, by the indices of the weights among the trainable ones.

        Statistics computed from `data` are included, by their indices.
        """
        return self._averaged.get_arrays()

    def set_arrays(self, arrays: dict[str, np.ndarray]) -> None:
        """Restore what `get_arrays` returned."""
        self._averaged.set_arrays(arrays)
        self._expect_restored()

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Keras's hook: check model and callbacks, and move to the front."""
        if self._finished:
            self.reset()
        epochs = (self.params or {}).get("epochs") or 1
        ends = (self.start_from_epoch, self.until_epoch)
        self._window = window_of(OWNER, *ends, self.every, epochs)
        self._check(self.model)
        # Keras calls no callback when a validation raises.
        self._enter_fit().on_end(self._end_validation)
        self._listed = self.callback_list
        self._refuse_others(self._rearrange([self], []))
        self._averaged.release()

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Keras's hook."""
        self._epoch, self._taken = epoch, -1

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Keras's hook."""
        self._take(epoch)

    def on_test_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Keras's hook; an `evaluate` outside of `fit` calls it too."""
        if self._listed is not None and self.callback_list is self._listed:
            self._take(self._epoch)
            if self.swap_in_validation and self.count:
                self._swap_in()
                self._validates = True

    def on_test_end(self, logs: dict[str, Any] | None = None) -> None:
        """Keras's hook."""
        self._end_validation()

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        """Keras's hook."""
        super().on_train_end(logs)
        if self.assign_at_end and self.count:
            self._swap_in()
            self._averaged.keep_swapped()
            self._finished = True
        elif not self.count:
            self._warn_once(
                f"has averaged nothing: of the epochs that were trained none is at or "
                f"after {self._window.start}, counted from 0"
            )
        self._averaged.release()

    @contextmanager
    def averaged(self) -> Iterator[None]:
        """Assign the average within a `with` block, to evaluate or save the model.

        Raises:
            ValueError: no epoch was averaged yet.
        """
        if not self.count:
            raise ValueError(
                f"{OWNER}.averaged has nothing to give to the model, as no epoch was "
                f"averaged yet. The first one is {self._window.start}, counted from 0."
            )
        if self._averaged.is_swapped:
            yield
            return
        self._swap_in()
        try:
            yield
        finally:
            self._sync_model()
            self._averaged.swap_back()

    def _take(self, epoch: int) -> None:
        """Add the weights of an epoch, once."""
        self._end_validation()  # One that raised, if the caller caught it.
        if epoch not in self._window or epoch == self._taken:
            return
        self._taken, model = epoch, self.model
        self._of_model = model
        if not self.count:
            self._check(model)  # The first batch may have built the model.
        if not self._averaged.take(model):
            self._warn_once(f"leaves out epoch {epoch}, whose weights are not finite")

    def _swap_in(self) -> None:
        """Give the model the average, as verbose as `fit` is."""
        verbose = (self.params or {}).get("verbose", 0)
        self._averaged.swap_in(self.model, verbose)

    def _end_validation(self) -> None:
        if self._validates:
            self._validates = False
            # The evaluation's state must not be written after the weights are restored.
            self._sync_model()
            self._averaged.swap_back()

    def _check(self, model: keras.Model) -> None:
        """Raise ValueError for a model or an optimizer that is not supported."""
        every = training_optimizers(model).values()
        for optimizer in (leaf for one in every for leaf in leaves_of(model, one)):
            if getattr(optimizer, "use_ema", False):
                raise ValueError(
                    f"{OWNER} cannot be used with the `use_ema` of the optimizer "
                    f"{optimizer.name!r}, which averages the same weights."
                )
        if self.data is None and normalizations(model):
            what = "inputs for the statistics of the model's batch normalisation"
            fix = "Give what fit is given as `x`, and `steps` to use a part of it"
            raise ValueError(message(OWNER, "data", what, self.data, fix))

    def _refuse_others(self, others: list[Any]) -> None:
        for other in others:
            name = type(other).__name__
            if isinstance(other, WeightAveraging):
                raise ValueError(f"{OWNER} cannot be used twice in one fit.")
            stops = isinstance(other, keras.callbacks.EarlyStopping)
            if stops and other.restore_best_weights and self.assign_at_end:
                raise ValueError(
                    f"{OWNER} cannot be used with the restore_best_weights of {name}: "
                    "both give the model other weights at the end. Use one of them."
                )

    def _expect_restored(self) -> None:
        """Keep the restored average for the next model or fit."""
        self._of_model, self._finished = None, False
