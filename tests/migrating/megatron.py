"""Megatron-LM's scheduler of the learning rate and the weight decay."""

import math

from kerasched import Chain
from kerasched import Constant
from kerasched import CosineDecay
from kerasched import ExponentialAnnealing
from kerasched import LinearDecay
from kerasched import PowerDecay
from kerasched import Warmup
from kerasched import WarmupStableDecay
from migrating.original import original

REASONS = {}


@original("OptimizerParamScheduler", lr_decay_style="constant")
def constant(init_lr, max_lr, min_lr, lr_warmup_steps, lr_decay_steps):
    return Warmup(Constant(max_lr), lr_warmup_steps, init_lr)


@original("OptimizerParamScheduler", lr_decay_style="linear")
def linear(init_lr, max_lr, min_lr, lr_warmup_steps, lr_decay_steps):
    decay = LinearDecay(max_lr, lr_decay_steps - lr_warmup_steps, min_lr)
    return Warmup(decay, lr_warmup_steps, init_lr)


@original("OptimizerParamScheduler", lr_decay_style="cosine")
def cosine(init_lr, max_lr, min_lr, lr_warmup_steps, lr_decay_steps):
    decay = CosineDecay(max_lr, lr_decay_steps - lr_warmup_steps, min_lr)
    return Warmup(decay, lr_warmup_steps, init_lr)


@original("OptimizerParamScheduler", lr_decay_style="inverse-square-root")
def inverse_sqrt(init_lr, max_lr, min_lr, lr_warmup_steps, lr_decay_steps):
    first = max_lr * math.sqrt(max(lr_warmup_steps, 1))
    decay = PowerDecay(first, -0.5, lr_warmup_steps).clip(min_lr)
    warm = Warmup(decay, lr_warmup_steps, init_lr)
    return Chain((warm, Constant(min_lr)), (lr_decay_steps + 1,))


@original("OptimizerParamScheduler", lr_decay_style="WSD", lr_wsd_decay_style="linear")
def wsd_linear(
    init_lr, max_lr, min_lr, lr_warmup_steps, lr_decay_steps, wsd_decay_steps
):
    stable = lr_decay_steps - lr_warmup_steps - wsd_decay_steps
    return WarmupStableDecay(max_lr, lr_warmup_steps, stable, wsd_decay_steps, min_lr)


@original("OptimizerParamScheduler", lr_decay_style="WSD", lr_wsd_decay_style="cosine")
def wsd_cosine(
    init_lr, max_lr, min_lr, lr_warmup_steps, lr_decay_steps, wsd_decay_steps
):
    stable = lr_decay_steps - lr_warmup_steps - wsd_decay_steps
    return WarmupStableDecay(
        max_lr, lr_warmup_steps, stable, wsd_decay_steps, min_lr, "cosine"
    )


@original(
    "OptimizerParamScheduler", lr_decay_style="WSD", lr_wsd_decay_style="minus_sqrt"
)
def wsd_minus_sqrt(
    init_lr, max_lr, min_lr, lr_warmup_steps, lr_decay_steps, wsd_decay_steps
):
    stable = lr_decay_steps - lr_warmup_steps - wsd_decay_steps
    return WarmupStableDecay(
        max_lr, lr_warmup_steps, stable, wsd_decay_steps, min_lr, "1-sqrt"
    )


@original(
    "OptimizerParamScheduler", lr_decay_style="WSD", lr_wsd_decay_style="exponential"
)
def wsd_exponential(
    init_lr, max_lr, min_lr, lr_warmup_steps, lr_decay_steps, wsd_decay_steps
):
    stable = lr_decay_steps - lr_warmup_steps - wsd_decay_steps
    decay = ExponentialAnnealing(max_lr, wsd_decay_steps, min_lr).shift(-stable)
    return Warmup(decay, lr_warmup_steps, init_lr)


@original("OptimizerParamScheduler.get_wd", wd_incr_style="linear")
def weight_decay(start_wd, end_wd, wd_incr_steps):
    return LinearDecay(start_wd, wd_incr_steps, end_wd)


@original("OptimizerParamScheduler.get_wd", wd_incr_style="constant")
def constant_weight_decay(start_wd, end_wd, wd_incr_steps):
    return Constant(end_wd)
