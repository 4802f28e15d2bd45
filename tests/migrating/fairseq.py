"""fairseq's schedulers."""

from kerasched import Chain
from kerasched import Constant
from kerasched import CosineDecay
from kerasched import ExponentialDecay
from kerasched import InverseSqrtDecay
from kerasched import PolynomialDecay
from kerasched import Repeat
from kerasched import StepDecay
from kerasched import Triangular
from kerasched import Warmup
from migrating.original import original

REASONS = {}


@original("cosine")
def cosine(lr, min_lr, lr_period_updates, t_mult=1.0, lr_shrink=0.1):
    decay = CosineDecay(lr, lr_period_updates, min_lr)
    return Repeat(decay, lr_period_updates, t_mult, lr_shrink)


@original("inverse_sqrt")
def inverse_sqrt(lr, warmup_updates):
    return Warmup(InverseSqrtDecay(lr, warmup_updates), warmup_updates)


@original("polynomial_decay")
def polynomial(
    lr, total_num_update, warmup_updates=0, end_learning_rate=0.0, power=1.0
):
    steps = total_num_update - warmup_updates
    return Warmup(PolynomialDecay(lr, steps, end_learning_rate, power), warmup_updates)


@original("step")
def step(lr, min_lr, lr_deacy_period, lr_decay):
    return StepDecay(lr, lr_deacy_period, lr_decay, min_lr)


@original("tri_stage")
def tri_stage(
    lr, warmup_steps, hold_steps, decay_steps, init_lr_scale=0.01, final_lr_scale=0.01
):
    end = final_lr_scale * lr
    decay = ExponentialDecay(lr, decay_steps, final_lr_scale, end_learning_rate=end)
    held = Chain((Constant(lr), decay), (hold_steps,))
    return Warmup(held, warmup_steps, init_lr_scale * lr)


@original("triangular", shrink_min=False)
def triangular(lr, max_lr, lr_period_updates, lr_shrink=0.1):
    half = lr_period_updates // 2
    top = Repeat(Triangular(0.0, max_lr, half), 2 * half, decay_rate=lr_shrink)
    return Triangular(lr, 0.0, half) + top


@original("fixed")
def fixed(lr, warmup_updates=0):
    return Warmup(Constant(lr), warmup_updates).shift(1)
