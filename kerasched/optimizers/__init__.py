"""Optimizers: importing this package registers them with Keras."""

from kerasched.optimizers.acceleration import accelerate as accelerate
from kerasched.optimizers.adam import Adam as Adam
from kerasched.optimizers.adam import AdamW as AdamW
from kerasched.optimizers.lion import Lion as Lion
from kerasched.optimizers.loss_scale import LossScaleOptimizer as LossScaleOptimizer
from kerasched.optimizers.sgd import SGD as SGD
