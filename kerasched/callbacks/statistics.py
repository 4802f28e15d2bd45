"""The statistics of batch normalisation, recomputed for new weights.

The moving statistics of a layer belong to the weights that it was trained with. One
pass over data sets each statistic to its mean over the batches.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import keras

from kerasched.resuming.random_states import random_states
from kerasched.resuming.random_states import set_random_states
from kerasched.training.progress import Progress
from kerasched.training.variables import Snapshot

# The statistics of a Keras layer; the last three only with `renorm`.
KEPT = (
    "moving_mean",
    "moving_variance",
    "moving_stddev",
    "renorm_mean",
    "renorm_stddev",
)
MOMENTA = ("momentum", "renorm_momentum")


def normalizations(model: keras.Model) -> list[Any]:
    """Return the layers that update statistics of batches, which frozen ones do not.

    A layer of another package is recognised by its attributes `momentum`, `moving_mean`
    and `moving_variance`.
    """
    needed = ("momentum", "moving_mean", "moving_variance")
    return [
        layer
        for layer in _layers(model)
        if layer.trainable and all(hasattr(layer, name) for name in needed)
    ]


def statistics_of(model: keras.Model) -> list[Any]:
    """Return the variables of the statistics, in the order of the layers."""
    found = (
        getattr(layer, name, None) for layer in normalizations(model) for name in KEPT
    )
    return [variable for variable in found if variable is not None]


class StatisticsPass(keras.Model):
    """Runs a model on data in training mode, to update nothing but the statistics.

    Each batch has the same weight, as in torch's update_bn. The pass is a `predict`, so
    that it is compiled and accepts every kind of data that Keras accepts.

    Args:
        model: a model that is built.
    """

    def __init__(self, model: keras.Model) -> None:
        super().__init__(dtype=model.dtype_policy, autocast=False)
        self.training_mode = TrainingMode(model)
        # On torch a variable with autocast cannot be assigned to.
        exact = {"dtype": "float32", "autocast": False}
        self.count = self.add_weight(
            shape=(), initializer="zeros", trainable=False, **exact
        )
        self.jit_compile, self.run_eagerly = model.jit_compile, model.run_eagerly

    def refresh(
        self,
        data: Any,
        batch_size: int | None,
        steps: int | None,
        verbose: int | str = 0,
    ) -> None:
        """Recompute the statistics; restore all else, also the random generators.

        Args:
            data: as in `predict`.
            batch_size: as in `predict`.
            steps: as in `predict`.
            verbose: as in Progress.
        """
        model = self.training_mode.model
        statistics = statistics_of(model)
        kept = {id(variable) for variable in statistics}
        others = [v for v in model.non_trainable_variables if id(v) not in kept]
        before, states = Snapshot(others), random_states()
        for variable in statistics:
            variable.assign(keras.ops.zeros_like(variable.value))
        self.count.assign(0.0)
        try:
            self.predict(
                data, batch_size, verbose=0, steps=steps, callbacks=[_Shown(verbose)]
            )
        finally:
            before.restore()
            # On torch even a DataLoader that does not shuffle draws a random number.
            set_random_states(states)

    def call(self, inputs: Any) -> Any:
        """Add one batch to the means, and return a dummy output."""
        share = self.count / (self.count + 1.0)
        with _momentum(normalizations(self.training_mode.model), share):
            self.training_mode(inputs, training=True)
        self.count.assign_add(1.0)
        return keras.ops.zeros((1,))


class _Shown(keras.callbacks.Callback):
    """Shows the progress of a pass."""

    def __init__(self, verbose: int | str) -> None:
        super().__init__()
        self._verbose, self._done = verbose, 0

    def on_predict_begin(self, logs: dict[str, Any] | None = None) -> None:
        title = "Statistics of batch normalisation for the averaged weights"
        self._progress = Progress(self.params["steps"], self._verbose, title)

    def on_predict_batch_end(
        self, batch: int, logs: dict[str, Any] | None = None
    ) -> None:
        self._done = batch + 1
        self._progress.update(self._done)

    def on_predict_end(self, logs: dict[str, Any] | None = None) -> None:
        self._progress.update(self._done, ended=True)


class TrainingMode(keras.layers.Layer):
    """Calls a model in training mode, with or without a `training` argument."""

    def __init__(self, model: keras.Model) -> None:
        super().__init__(dtype=model.dtype_policy, autocast=False)
        self.model = model

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        """Call the model."""
        return self.model(inputs)


@contextmanager
def _momentum(layers: list[Any], value: Any) -> Iterator[None]:
    """Set the momentum of layers while their step is traced or run."""
    pairs = [(one, name) for one in layers for name in MOMENTA if hasattr(one, name)]
    before = [getattr(layer, name) for layer, name in pairs]
    try:
        for layer, name in pairs:
            setattr(layer, name, value)
        yield
    finally:
        for (layer, name), old in zip(pairs, before, strict=True):
            setattr(layer, name, old)


def _layers(model: keras.Model) -> list[Any]:
    # No public method returns the layers inside a layer that is not a model.
    flatten = getattr(model, "_flatten_layers", None)
    return list(flatten()) if flatten is not None else list(model.layers)
