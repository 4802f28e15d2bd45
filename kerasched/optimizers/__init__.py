"""Optimizers: importing this package registers them with Keras."""

from kerasched.optimizers.sgd import SGD as SGD
