"""Models with every kind of state, and functions that return it for comparison."""

import keras
import numpy as np
from support import BACKEND
from support import built

from kerasched.resuming.random_states import random_states
from kerasched.training.leaves import leaves_of
from kerasched.training.leaves import rate_of

JIT = BACKEND == "jax"  # Compiling a step takes long in torch, and in XLA too.
RANDOM = np.random.default_rng(3)
X = RANDOM.normal(size=(48, 4)).astype("float32")
Y = (X[:, :1] * X[:, 1:2] > 0).astype("float32")
FEW = {"steps": 12, "batch_size": 8, "verbose": 0}


def model_with(optimizer, build=True, **options):
    """Return a model with dropout, moving averages and a metric, with a fixed seed."""
    keras.utils.set_random_seed(5)
    model = keras.Sequential(
        [
            keras.layers.Input((4,)),
            keras.layers.Dense(8, "relu", kernel_regularizer="l2"),
            keras.layers.BatchNormalization(),
            keras.layers.Dropout(0.3),
            keras.layers.Dense(1, "sigmoid"),
        ]
    )
    # An optimizer that is built here has its variables before the first step.
    accuracy = keras.metrics.BinaryAccuracy(name="accuracy")
    options = {"jit_compile": JIT, "metrics": [accuracy], **options}
    model.compile(optimizer, "binary_crossentropy", **options)
    return built(model) if build else model


class Reading(keras.callbacks.Callback):
    """Reads the model when fit begins, so that JAX's trainer updates its variables."""

    def on_train_begin(self, logs=None):
        self.model.get_weights()


def fit(model, epochs=1):
    options = {"batch_size": 8, "epochs": epochs, "callbacks": [Reading()]}
    return model.fit(X, Y, verbose=0, **options).history


def everything(model):
    """Return all state that a sweep must not change, as bytes and comparable values."""
    variables = [*model.variables, *model.metrics_variables]
    variables += model.optimizer.variables
    values = {}
    for variable in variables:
        array = keras.ops.convert_to_numpy(variable.value)
        values[id(variable)] = (variable.path, array.dtype, array.tobytes())
    held = [rate_of(optimizer) for optimizer in leaves_of(model, model.optimizer)]
    return {
        "values": values,
        "random": random_states(),
        "rates": [id(rate) for rate in held],
        "step": model.train_function,
        "stop": getattr(model, "stop_training", None),
        "history": getattr(model, "history", None),
        "modes": modes_of(model) if BACKEND == "torch" else [],
    }


def modes_of(model):
    """Return the training flags that torch has for a model and its layers."""
    return [model.training, *(layer.training for layer in model.layers)]


def end_of(model):
    """Return a model's state after one more epoch, without names and identities."""
    history = fit(model)
    end = everything(model)
    values = [value[1:] for value in end["values"].values()]
    return history, end["random"], values
