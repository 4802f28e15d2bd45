"""A broken SGD, to show that Keras's tests run on the class that replaces its SGD."""

import keras

import kerasched


@keras.saving.register_keras_serializable("keras_suite", "SGD")
class SGD(kerasched.SGD):
    """kerasched.SGD with the sign of every gradient reversed."""

    def apply(self, grads, trainable_variables=None):
        turned = [g if g is None else keras.ops.negative(g) for g in grads]
        super().apply(turned, trainable_variables)
