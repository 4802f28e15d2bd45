"""Models with one weight per layer, whose gradient is always 1.

With SGD, an update therefore subtracts the learning rate from each weight.
"""

import keras
import numpy as np
from support import BACKEND
from support import built

# Compiling a step takes long in torch, and with XLA in TensorFlow.
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
    """Return a model that has trained for two updates and so has a compiled step."""
    model = compiled(optimizer, layers)
    fit(model, 2)
    return model


def fit(model, steps, **options):
    """Train for `steps` steps in each epoch."""
    data = np.ones((steps, 1), "float32")
    return model.fit(data, data, batch_size=1, verbose=0, **options)


def next_update(model):
    """Run one more update and return what it subtracts from each weight."""
    before = np.array(model.get_weights())
    fit(model, 1)
    return before - np.array(model.get_weights())


def sgd(rate, **options):
    return keras.optimizers.SGD(rate, **options)


class Metric(keras.callbacks.Callback):
    """Writes given values of a metric to the logs of the epochs."""

    def __init__(self, values, name="metric"):
        super().__init__()
        self.values, self.name = values, name

    def on_epoch_end(self, epoch, logs=None):
        logs[self.name] = self.values[epoch]


class Rates(keras.callbacks.Callback):
    """Records what each update subtracts from the first weight."""

    def __init__(self):
        super().__init__()
        self.taken = []

    def on_train_begin(self, logs=None):
        self._weight = self.model.get_weights()[0]

    def on_train_batch_end(self, batch, logs=None):
        weight = self.model.get_weights()[0]
        self.taken.append(float(self._weight - weight))
        self._weight = weight
