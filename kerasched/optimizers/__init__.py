"""Optimizers: importing this package registers them with Keras."""

from kerasched.optimizers.accelerate import accelerate as accelerate
from kerasched.optimizers.loss_scale import LossScaleOptimizer as LossScaleOptimizer
from kerasched.optimizers.sgd import SGD as SGD
