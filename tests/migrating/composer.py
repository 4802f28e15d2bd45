"""Composer's schedulers, with all times in batches."""

from kerasched import Constant
from kerasched import CosineDecay
from kerasched import CosineRestarts
from kerasched import ExponentialDecay
from kerasched import LinearDecay
from kerasched import MultiStepDecay
from kerasched import PiecewiseConstant
from kerasched import PolynomialDecay
from kerasched import StepDecay
from kerasched import Warmup
from migrating.original import Reason
from migrating.original import original

REASONS = {
    "CosineAnnealingWarmRestartsScheduler/2": Reason(
        "Composer truncates the length of each cycle; kerasched is exact.",
        range(10, 130),
    ),
    "LinearWithWarmupScheduler/2": Reason(
        "kerasched rejects a decay of 0 steps after the warmup: use "
        "Warmup(Constant(alpha_i * lr), t_warmup)."
    ),
}


@original("StepScheduler")
def step(lr, step_size, gamma=0.1):
    return StepDecay(lr, step_size, gamma)


@original("MultiStepScheduler")
def multi_step(lr, milestones, gamma=0.1):
    return MultiStepDecay(lr, milestones, gamma)


@original("ConstantScheduler")
def constant(lr, t_max, alpha=1.0):
    return PiecewiseConstant((t_max,), (alpha * lr, lr))


@original("LinearScheduler")
def linear(lr, t_max, alpha_i=1.0, alpha_f=0.0):
    return LinearDecay(alpha_i * lr, t_max, alpha_f * lr)


@original("ExponentialScheduler")
def exponential(lr, gamma, decay_period):
    return ExponentialDecay(lr, decay_period, gamma)


@original("CosineAnnealingScheduler")
def cosine(lr, t_max, alpha_f=0.0):
    return CosineDecay(lr, t_max, alpha_f * lr)


@original("CosineAnnealingWarmRestartsScheduler")
def cosine_restarts(lr, t_0, t_mult=1.0, alpha_f=0.0):
    return CosineRestarts(lr, t_0, t_mult, end_learning_rate=alpha_f * lr)


@original("PolynomialScheduler")
def polynomial(lr, power, t_max, alpha_f=0.0):
    return PolynomialDecay(lr, t_max, alpha_f * lr, power)


@original("MultiStepWithWarmupScheduler")
def multi_step_with_warmup(lr, t_warmup, milestones, gamma=0.1):
    after = MultiStepDecay(lr, milestones, gamma).shift(t_warmup)
    return Warmup(after, t_warmup)


@original("ConstantWithWarmupScheduler")
def constant_with_warmup(lr, t_warmup, alpha=1.0):
    return Warmup(Constant(alpha * lr), t_warmup)


@original("LinearWithWarmupScheduler")
def linear_with_warmup(lr, t_warmup, t_max, alpha_i=1.0, alpha_f=0.0):
    return Warmup(LinearDecay(alpha_i * lr, t_max - t_warmup, alpha_f * lr), t_warmup)


@original("CosineAnnealingWithWarmupScheduler")
def cosine_with_warmup(lr, t_warmup, t_max, alpha_f=0.0):
    return Warmup(CosineDecay(lr, t_max - t_warmup, alpha_f * lr), t_warmup)


@original("PolynomialWithWarmupScheduler")
def polynomial_with_warmup(lr, t_warmup, t_max, power=2.0, alpha_f=0.0):
    decay = PolynomialDecay(lr, t_max - t_warmup, alpha_f * lr, power)
    return Warmup(decay, t_warmup)
