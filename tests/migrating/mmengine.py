"""mmengine's parameter schedulers, with lengths in iterations."""

from itertools import accumulate

from kerasched import Chain
from kerasched import Constant
from kerasched import CosineDecay
from kerasched import CosineWave
from kerasched import ExponentialDecay
from kerasched import LinearDecay
from kerasched import MultiStepDecay
from kerasched import PiecewiseConstant
from kerasched import PiecewiseInterpolation
from kerasched import PolynomialDecay
from kerasched import StepDecay
from kerasched import Warmup
from migrating.original import Reason
from migrating.original import original

HELD = "mmengine holds the rate before its end value; kerasched reaches the end value."
REASONS = {
    "CosineAnnealingLR/2": Reason(HELD, range(60, 80)),
    "CosineRestartLR/0": Reason(HELD, range(60, 80)),
    "CosineRestartLR/2": Reason(HELD, range(5, 80)),
    "list[LinearLR(begin=0,end=10), CosineAnnealingLR(begin=10,end=50)]/0": Reason(
        HELD, range(50, 70)
    ),
}


@original("StepLR")
def step(lr, step_size, gamma=0.1):
    return StepDecay(lr, step_size, gamma)


@original("StepMomentum")
def step_momentum(momentum, step_size, gamma=0.1):
    return StepDecay(momentum, step_size, gamma)


@original("MultiStepLR")
def multi_step(lr, milestones, gamma=0.1, begin=0):
    return MultiStepDecay(lr, milestones, gamma).shift(-begin)


@original("ConstantLR")
def constant(lr, factor=1 / 3, begin=0, end=2**31):
    return PiecewiseConstant((begin, end - 1), (lr, factor * lr, lr))


@original("ExponentialLR")
def exponential(lr, gamma):
    return ExponentialDecay(lr, 1, gamma)


@original("CosineAnnealingLR")
def cosine(lr, T_max, eta_min=0.0):
    return CosineWave(lr, eta_min, 2 * T_max)


@original("CosineAnnealingMomentum")
def cosine_momentum(momentum, T_max, eta_min=0.0):
    return CosineWave(momentum, eta_min, 2 * T_max)


@original("CosineAnnealingLR")
def cosine_of_a_part(lr, begin, end, eta_min_ratio):
    return CosineDecay(lr, end - begin, eta_min_ratio * lr).shift(-begin)


@original("LinearLR")
def linear(lr, end, start_factor=1 / 3, end_factor=1.0, begin=0):
    ramp = Warmup(Constant(end_factor * lr), end - begin - 1, start_factor * lr)
    return Chain((Constant(lr), ramp), (begin,))


@original("LinearMomentum")
def linear_momentum(momentum, end, start_factor=1 / 3, end_factor=1.0):
    return Warmup(Constant(end_factor * momentum), end - 1, start_factor * momentum)


@original("PolyLR")
def polynomial(lr, end, power=1.0, eta_min=0.0, begin=0):
    return PolynomialDecay(lr, end - begin - 1, eta_min, power).shift(-begin)


@original("OneCycleLR")
def one_cycle(
    lr,
    eta_max,
    total_steps,
    pct_start=0.3,
    div_factor=25.0,
    final_div_factor=1e4,
    begin=0,
):
    steps = (0, pct_start * total_steps - 1, total_steps - 1)
    start = eta_max / div_factor
    rates = (start, eta_max, start / final_div_factor)
    cycle = PiecewiseInterpolation(steps, rates, "cosine")
    return Chain((Constant(lr), cycle), (begin,))


@original("CosineRestartLR")
def cosine_restarts(lr, periods, restart_weights=(1,), eta_min=0.0):
    pairs = zip(restart_weights, periods, strict=True)
    decays = [CosineDecay(weight * lr, period, eta_min) for weight, period in pairs]
    return Chain(decays, tuple(accumulate(periods[:-1])))


@original("list[LinearLR(begin=0,end=10), CosineAnnealingLR(begin=10,end=50)]")
def linear_then_cosine(lr, start_factor, T_max):
    return Chain((LinearDecay(start_factor * lr, 9, lr), CosineDecay(lr, T_max)), (10,))
