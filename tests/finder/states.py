"""Models with all kinds of state, and all of it to compare."""

import keras
import numpy as np
from support import BACKEND
from support import built

from kerasched.resuming.random_states import random_states
from kerasched.training.leaves import leaves_of
from kerasched.training.leaves import rate_of

JIT = BACKEND == "jax"  # Torch would take long to compile a step, and XLA too.
RANDOM = np.random.default_rng(3)
X = RANDOM.normal(size=(48, 4)).astype("float32")
Y = (X[:, :1] * X[:, 1:2] > 0).astype("float32")
FEW = {"steps": 12, "batch_size": 8, "verbose": 0}


def model_with(optimizer, build=True, **options):
    """Return a model with dropout, moving averages and a metric, always the same."""
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
    # One that is made here has its variables before the first step.
    accuracy = keras.metrics.BinaryAccuracy(name="accuracy")
    options = {"jit_compile": JIT, "metrics": [accuracy], **options}
    model.compile(optimizer, "binary_crossentropy", **options)
    return built(model) if build else model


class Reading(keras.callbacks.Callback):
    """Looks at the model when fit begins, for which JAX's trainer brings its state."""

    def on_train_begin(self, logs=None):
        self.model.get_weights()


def fit(model, epochs=1):
    options = {"batch_size": 8, "epochs": epochs, "callbacks": [Reading()]}
    return model.fit(X, Y, verbose=0, **options).history


def everything(model):
    """Return all that a sweep must leave alone, as bytes and values that compare."""
    variables = [*model.variables, *model.metrics_variables]
    variables += model.optimizer.variables
    values = {}
    for variable in variables:
        array = keras.ops.convert_to_numpy(variable.value)
        values[id(variable)] = (variable.path, array.dtype, array.tobytes())
    held = [rate_of(optimizer) for optimizer in leaves_of(model)]
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
    """Return whether torch takes a model and its layers to be in training."""
    return [model.training, *(layer.training for layer in model.layers)]


def end_of(model):
    """Return what an epoch more makes of a model, but for names and identities."""
    history = fit(model)
    end = everything(model)
    values = [value[1:] for value in end["values"].values()]
    return history, end["random"], values
