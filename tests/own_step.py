"""A model with its own `train_step` and a separate optimizer for each of two nets."""

import keras
import numpy as np
from support import BACKEND

X = np.random.default_rng(0).normal(size=(32, 3)).astype("float32")
Y = X.sum(axis=1, keepdims=True)


class Two(keras.Model):
    """Trains the net `a` with `a_opt` and, if given, the net `b` with `b_opt`."""

    def __init__(self):
        super().__init__()
        self.a = keras.Sequential([keras.layers.Input((3,)), keras.layers.Dense(1)])
        self.b = keras.Sequential([keras.layers.Input((3,)), keras.layers.Dense(1)])

    def call(self, x):
        return self.a(x) + self.b(x)

    def compile(self, a_opt, b_opt=None, **options):
        # Keras's state on JAX contains one optimizer only. The step assigns to the
        # variables of the other one, so it cannot be compiled.
        super().compile(run_eagerly=BACKEND == "jax", **options)
        self.a_opt, self.b_opt = a_opt, b_opt

    def pairs(self):
        pairs = [(self.a, self.a_opt), (self.b, self.b_opt)]
        return [(net, optimizer) for net, optimizer in pairs if optimizer is not None]

    def train_step(self, *arguments):
        *state, data = arguments
        x, y = data  # As in Keras's guide to custom training steps.
        return getattr(self, f"_step_on_{BACKEND}")(x, y, *state)

    def _step_on_tensorflow(self, x, y):
        import tensorflow as tf

        with tf.GradientTape(persistent=True) as tape:
            loss = tf.reduce_mean((self(x) - y) ** 2)
        for net, optimizer in self.pairs():
            weights = net.trainable_weights
            optimizer.apply(tape.gradient(loss, weights), weights)
        return {"loss": loss}

    def _step_on_torch(self, x, y):
        import torch

        self.zero_grad()
        loss = keras.ops.mean((self(x) - y) ** 2)
        loss.backward()
        with torch.no_grad():
            for net, optimizer in self.pairs():
                weights = net.trainable_weights
                optimizer.apply([w.value.grad for w in weights], weights)
        return {"loss": loss.detach()}

    def _step_on_jax(self, x, y, state):
        import jax

        weights, others, *rest = state

        def loss_of(weights):
            predicted, _ = self.stateless_call(weights, others, x)
            return keras.ops.mean((predicted - y) ** 2)

        loss, gradients = jax.value_and_grad(loss_of)(weights)
        places = {id(v): i for i, v in enumerate(self.trainable_variables)}
        weights = list(weights)
        for net, optimizer in self.pairs():
            own = [places[id(v)] for v in net.trainable_variables]
            values = [variable.value for variable in optimizer.variables]
            new, values = optimizer.stateless_apply(
                values, [gradients[i] for i in own], [weights[i] for i in own]
            )
            for place, weight in zip(own, new, strict=True):
                weights[place] = weight
            for variable, value in zip(optimizer.variables, values, strict=True):
                variable.assign(value)
        return {"loss": loss}, (weights, others, *rest)


def sgd(rate, **options):
    return keras.optimizers.SGD(rate, momentum=0.9, **options)


def new_model(*optimizers, kind=Two, build=True, **options):
    """Return a compiled model with fixed initial weights; `build` its optimizers."""
    keras.utils.set_random_seed(0)
    model = kind()
    model.build((None, 3))
    model(X)
    model.compile(*(optimizers or (sgd(0.05), sgd(0.02))), **options)
    for net, optimizer in model.pairs() if build else ():
        optimizer.build(net.trainable_variables)
    return model


def fit(model, *callbacks, epochs=1, **options):
    options = {"batch_size": 8, "shuffle": False, "verbose": 0, **options}
    return model.fit(X, Y, epochs=epochs, callbacks=list(callbacks), **options)


def values_of(optimizer):
    return [keras.ops.convert_to_numpy(v.value) for v in optimizer.variables]


def updates(optimizer):
    return int(keras.ops.convert_to_numpy(optimizer.iterations))
