"""The schedules of lrsched."""

from kerasched import CosineDecay
from kerasched import CosineRestarts
from kerasched import ExponentialDecay
from kerasched import InverseSqrtDecay
from kerasched import LinearDecay
from kerasched import MultiStepDecay
from kerasched import PiecewiseInterpolation
from kerasched import PolynomialDecay
from kerasched import StepDecay
from kerasched import Triangular
from kerasched import Warmup
from migrating.original import Reason
from migrating.original import original

REASONS = {
    "warmup_stable_decay/2": Reason(
        "kerasched rejects a decay of 0 steps: use Chain with a Constant instead."
    ),
}


@original("step_decay")
def step(base_lr, drop, step_size):
    return StepDecay(base_lr, step_size, drop)


@original("multi_step")
def multi_step(base_lr, milestones, gamma):
    return MultiStepDecay(base_lr, milestones, gamma)


@original("exponential")
def exponential(base_lr, gamma):
    return ExponentialDecay(base_lr, 1, gamma)


@original("exponential_decay")
def exponential_decay(base_lr, decay_rate, decay_steps):
    return ExponentialDecay(base_lr, decay_steps, decay_rate)


@original("polynomial")
def polynomial(base_lr, end_lr, total_steps, power):
    return PolynomialDecay(base_lr, total_steps, end_lr, power)


@original("linear")
def linear(base_lr, end_lr, total_steps):
    return LinearDecay(base_lr, total_steps, end_lr)


@original("cosine")
def cosine(base_lr, min_lr, total_steps):
    return CosineDecay(base_lr, total_steps, min_lr)


@original("cosine_restarts")
def restarts(base_lr, min_lr, period, t_mult):
    return CosineRestarts(base_lr, period, t_mult, end_learning_rate=min_lr)


@original("inverse_sqrt")
def inverse_sqrt(base_lr, warmup_steps):
    return Warmup(InverseSqrtDecay(base_lr, warmup_steps), warmup_steps)


@original("one_cycle")
def one_cycle(max_lr, total_steps, pct_start, initial_div, final_div):
    steps = (0, round(pct_start * total_steps), total_steps)
    rates = (max_lr / initial_div, max_lr, max_lr / final_div)
    return PiecewiseInterpolation(steps, rates, "cosine")


@original("warmup_stable_decay", decay_shape="linear")
def wsd(base_lr, warmup_steps, decay_steps, total_steps, final_lr, warmup_start):
    stable = total_steps - warmup_steps - decay_steps
    decay = LinearDecay(base_lr, decay_steps, final_lr).shift(-stable)
    return Warmup(decay, warmup_steps, warmup_start)


@original("triangular")
def triangular(min_lr, max_lr, step_size):
    return Triangular(min_lr, max_lr, step_size)


@original("triangular2")
def triangular2(min_lr, max_lr, step_size):
    return Triangular(min_lr, max_lr, step_size, mode="triangular2")


@original("exp_range")
def exp_range(min_lr, max_lr, step_size, gamma):
    return Triangular(min_lr, max_lr, step_size, mode="exp_range", gamma=gamma)
