"""When a step raises in `fit`, the user sees its error, also with averaged weights.

On JAX, Keras removes the values of all variables before a step. After an error it
overwrites the weights with their averages, which can hide the error.
"""

import keras
import numpy as np
import pytest
from support import BACKEND

import kerasched

X, Y = np.ones((16, 3), "float32"), np.ones((16, 2), "float32")


class Refusing(keras.layers.Layer):
    """A layer that raises on request in training."""

    refuses = False

    def call(self, inputs, training=False):
        if training and self.refuses:
            raise KeyError("this layer refuses")
        return inputs


def averaging(cls):
    return cls(0.1, use_ema=True, ema_momentum=0.5)


OPTIMIZERS = {
    "SGD": lambda model: averaging(kerasched.SGD),
    "scaled SGD": lambda model: kerasched.LossScaleOptimizer(averaging(kerasched.SGD)),
    "scaled Adam": lambda model: kerasched.LossScaleOptimizer(
        averaging(keras.optimizers.Adam)
    ),
    "layerwise": lambda model: kerasched.layerwise(
        model, 0.1, optimizer=lambda rate: keras.optimizers.SGD(rate, use_ema=True)
    ),
}


def compiled(name, layer):
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2), layer])
    model.compile(OPTIMIZERS[name](model), "mse", jit_compile=BACKEND == "jax")
    return model


def fit(model, callbacks=()):
    model.fit(X, Y, batch_size=8, verbose=0, callbacks=list(callbacks))


@pytest.mark.parametrize("name", OPTIMIZERS)
@pytest.mark.parametrize("before", [0, 1], ids=["first fit", "second fit"])
def test_the_user_sees_the_error_of_the_first_step(name, before):
    layer = Refusing()
    model = compiled(name, layer)
    for _ in range(before):
        fit(model)
    layer.refuses = True
    model.make_train_function(force=True)
    with pytest.raises(KeyError, match="this layer refuses"):
        fit(model)


def test_callbacks_do_not_hide_the_error(tmp_path):
    layer = Refusing()
    model = compiled("SGD", layer)
    layer.refuses = True
    callbacks = [
        kerasched.callbacks.BackupAndRestore(tmp_path),
        kerasched.callbacks.ReduceOnPlateau("loss"),
        kerasched.callbacks.LearningRateLogger(),
    ]
    with pytest.raises(KeyError, match="this layer refuses"):
        fit(model, callbacks)


def test_weight_averaging_does_not_hide_the_error():
    layer = Refusing()
    model = compiled("SGD", layer)
    model.compile(kerasched.SGD(0.1), "mse")
    layer.refuses = True
    with pytest.raises(KeyError, match="this layer refuses"):
        fit(model, [kerasched.callbacks.WeightAveraging()])


@pytest.mark.skipif(BACKEND != "jax", reason="only JAX deletes the arguments of a step")
def test_values_deleted_by_a_failed_step_are_not_used():
    model = compiled("SGD", Refusing())
    fit(model)
    (average, *_) = model.optimizer._model_variables_moving_average
    average.value.delete()
    before = [np.array(w) for w in model.get_weights()]
    model.optimizer.finalize_variable_values(model.trainable_weights)
    assert all(map(np.array_equal, before, model.get_weights()))
