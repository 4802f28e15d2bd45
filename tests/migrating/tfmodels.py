"""The schedules of the TensorFlow Model Garden."""

from kerasched import Chain
from kerasched import Constant
from kerasched import CosineDecay
from kerasched import ExponentialDecay
from kerasched import LinearDecay
from kerasched import PiecewiseConstant
from kerasched import PiecewiseInterpolation
from kerasched import PolynomialDecay
from kerasched import PowerDecay
from kerasched import Warmup
from migrating.original import ROUNDED
from migrating.original import Reason
from migrating.original import original

BEFORE = "Before its offset the original extrapolates; kerasched holds the first rate."
REASONS = {
    "PolynomialDecayWithOffset/0/f32": Reason(BEFORE, range(10)),
    "ExponentialDecayWithOffset/0/f32": Reason(BEFORE, range(10)),
    "CosineDecayWithOffset/0/f32": Reason(f"{BEFORE} {ROUNDED}", (*range(10), 58)),
    "LinearWarmup/2/f32": Reason(ROUNDED, (91, 96, 97, 99)),
    "StepCosineDecayWithOffset/0/f32": Reason(
        "From its last boundary on the original is NaN; kerasched holds the last rate.",
        range(40, 130),
    ),
    "StepCosineDecayWithOffset/2/f32": Reason(
        "In the original the first boundary must be 0, which it does not document."
    ),
    "PolynomialWarmUp/0/f32": Reason(
        "The original also uses the rate of step 1 at step 0; kerasched starts at 0.",
        (0,),
    ),
}


@original("PiecewiseConstantDecayWithOffset")
def piecewise_constant(offset, boundaries, values):
    later = tuple(boundary + 1 for boundary in boundaries)
    return PiecewiseConstant(later, values).shift(-offset)


@original("PolynomialDecayWithOffset")
def polynomial(
    offset, initial_learning_rate, decay_steps, end_learning_rate=1e-4, power=1.0
):
    return PolynomialDecay(
        initial_learning_rate, decay_steps, end_learning_rate, power
    ).shift(-offset)


@original("ExponentialDecayWithOffset")
def exponential(offset, initial_learning_rate, decay_steps, decay_rate):
    decay = ExponentialDecay(initial_learning_rate, decay_steps, decay_rate)
    return decay.shift(-offset)


@original("CosineDecayWithOffset")
def cosine(offset, initial_learning_rate, decay_steps, alpha=0.0):
    end = alpha * initial_learning_rate
    return CosineDecay(initial_learning_rate, decay_steps, end).shift(-offset)


@original("DirectPowerDecay")
def power(initial_learning_rate, power=1.0):
    return PowerDecay(initial_learning_rate, power)


@original("PowerAndLinearDecay")
def power_and_linear(
    initial_learning_rate, total_decay_steps, power=1.0, linear_decay_fraction=0.1
):
    steps = round(linear_decay_fraction * total_decay_steps)
    tail = LinearDecay(1.0, steps).shift(steps - total_decay_steps)
    return PowerDecay(initial_learning_rate, power) * tail


@original("PowerDecayWithOffset")
def power_with_offset(
    initial_learning_rate, power, offset=0, pre_offset_learning_rate=1e6
):
    before = Constant(pre_offset_learning_rate)
    after = PowerDecay(initial_learning_rate, power, offset=1)
    capped = after.clip(high=pre_offset_learning_rate)
    return Chain((before, capped), (offset + 1,))


@original("StepCosineDecayWithOffset")
def step_cosine(boundaries, values):
    return PiecewiseInterpolation(boundaries, values, "cosine")


@original("LinearWarmup")
def linear_warmup(after_warmup_lr_sched, warmup_steps, warmup_learning_rate):
    after = Constant(after_warmup_lr_sched)
    return Warmup(after, warmup_steps, warmup_learning_rate)


@original("LinearWarmup(CosineDecay)")
def linear_warmup_of_cosine(
    initial_learning_rate, decay_steps, warmup_steps, warmup_learning_rate
):
    after = CosineDecay(initial_learning_rate, decay_steps).shift(warmup_steps)
    return Warmup(after, warmup_steps, warmup_learning_rate)


@original("PolynomialWarmUp")
def polynomial_warmup(after_warmup_lr_sched, warmup_steps, power=1.0):
    after = Constant(after_warmup_lr_sched)
    return Warmup(after, warmup_steps, shape="polynomial", power=power)
