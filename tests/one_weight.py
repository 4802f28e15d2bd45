"""Models of one weight per layer whose gradient is always 1.

Under SGD what an update takes off a weight is the rate.
"""

import keras
import numpy as np
from support import BACKEND
from support import built

# Torch would take long to compile a step, and XLA in TensorFlow takes a while too.
JIT = BACKEND == "jax"


@keras.saving.register_keras_serializable("one_weight")
class OneWeight(keras.layers.Layer):
    """Adds its weight to the input, so that its gradient is 1."""

    def build(self, input_shape):
        self.w = self.add_weight(shape=(), initializer="zeros", name="w")

    def call(self, inputs):
        return inputs + self.w


@keras.saving.register_keras_serializable("one_weight")
def output(y_true, y_pred):
    """The loss: the mean of the output."""
    return keras.ops.mean(y_pred, axis=-1)


def compiled(optimizer, layers=1, **options):
    weights = [OneWeight() for _ in range(layers)]
    model = keras.Sequential([keras.layers.Input((1,)), *weights])
    model.compile(optimizer, output, jit_compile=JIT, **options)
    return built(model)


def fitted(optimizer, layers=1):
    """Return a model that has done two updates, its step compiled."""
    model = compiled(optimizer, layers)
    fit(model, 2)
    return model


def fit(model, steps, **options):
    """Train for some steps in each epoch."""
    data = np.ones((steps, 1), "float32")
    return model.fit(data, data, batch_size=1, verbose=0, **options)


def next_update(model):
    """Return what one more update takes off each weight."""
    before = np.array(model.get_weights())
    fit(model, 1)
    return before - np.array(model.get_weights())


def sgd(rate, **options):
    return keras.optimizers.SGD(rate, **options)


class Metric(keras.callbacks.Callback):
    """Puts values of a metric into the logs of the epochs."""

    def __init__(self, values, name="metric"):
        super().__init__()
        self.values, self.name = values, name

    def on_epoch_end(self, epoch, logs=None):
        logs[self.name] = self.values[epoch]


class Rates(keras.callbacks.Callback):
    """Keeps what each update takes off the first weight, in one list."""

    def __init__(self):
        super().__init__()
        self.taken = []

    def on_train_begin(self, logs=None):
        self._weight = self.model.get_weights()[0]

    def on_train_batch_end(self, batch, logs=None):
        weight = self.model.get_weights()[0]
        self.taken.append(float(self._weight - weight))
        self._weight = weight
