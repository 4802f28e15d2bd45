"""paddle.optimizer.lr, as schedules.

A step is a call of scheduler.step(). Two are not functions of the step:
MultiplicativeDecay and ReduceOnPlateau raise an error that names a replacement.
"""

import math

from keras.optimizers.schedules import LearningRateSchedule

from kerasched import schedules
from kerasched.compat.arguments import Anneal
from kerasched.compat.arguments import AnyRate
from kerasched.compat.arguments import BelowOne
from kerasched.compat.arguments import Boundaries
from kerasched.compat.arguments import Factor
from kerasched.compat.arguments import FloatShare
from kerasched.compat.arguments import Function
from kerasched.compat.arguments import Mode
from kerasched.compat.arguments import PositiveFloat
from kerasched.compat.arguments import Rates
from kerasched.compat.arguments import ScaleMode
from kerasched.compat.arguments import WholeSteps
from kerasched.compat.porting import InvalidArgumentError
from kerasched.compat.porting import metric_driven
from kerasched.compat.porting import multiplicative
from kerasched.compat.porting import port
from kerasched.compat.shared import cosine_annealing
from kerasched.compat.shared import cyclic
from kerasched.compat.shared import multi_step
from kerasched.compat.shared import one_cycle
from kerasched.compat.shared import warmup_then
from kerasched.schedules import Chain
from kerasched.schedules import Constant
from kerasched.schedules import CosineRestarts
from kerasched.schedules import FromFunction
from kerasched.schedules import LinearDecay
from kerasched.schedules import Noam
from kerasched.schedules import PiecewiseConstant
from kerasched.schedules import Schedule
from kerasched.schedules.arguments import Count
from kerasched.schedules.arguments import Part
from kerasched.schedules.arguments import Positive
from kerasched.schedules.arguments import Rate
from kerasched.schedules.arguments import Share
from kerasched.schedules.arguments import Steps
from kerasched.schedules.arguments import Width

MultiplicativeDecay = multiplicative(
    "paddle.MultiplicativeDecay", "paddle.LambdaDecay", "paddle.ExponentialDecay"
)
ReduceOnPlateau = metric_driven("paddle.ReduceOnPlateau")


@port
def NoamDecay(
    d_model: Width, warmup_steps: WholeSteps, learning_rate: Rate = 1.0
) -> Schedule:
    """Paddle's NoamDecay: it counts from 0, so the first update has rate 0."""
    return Chain((Constant(0.0), Noam(d_model, warmup_steps, learning_rate)), (1,))


@port
def PiecewiseDecay(boundaries: Boundaries, values: Rates) -> Schedule:
    """Paddle's PiecewiseDecay: values[i] before boundaries[i], then the last value."""
    count = len(boundaries)
    if not count:
        raise InvalidArgumentError("boundaries", "not empty", boundaries)
    if len(values) <= count:
        what = f"longer than `boundaries`, which has {count}"
        raise InvalidArgumentError("values", what, values)
    return PiecewiseConstant(boundaries, (*values[:count], values[-1]))


@port
def NaturalExpDecay(learning_rate: Rate, gamma: Positive) -> Schedule:
    """Paddle's NaturalExpDecay: learning_rate * exp(-gamma * step)."""
    # Over about 1 / gamma steps, so that errors of exp(-gamma) do not accumulate.
    steps = round(max(1.0, min(1.0 / gamma, 1e9)))
    factor = math.exp(-gamma * steps)
    if factor == 0.0:  # It underflows.
        return PiecewiseConstant((1,), (learning_rate, 0.0))
    return schedules.ExponentialDecay(learning_rate, steps, factor)


@port
def InverseTimeDecay(learning_rate: Rate, gamma: Rate) -> Schedule:
    """Paddle's InverseTimeDecay: learning_rate / (1 + gamma * step)."""
    return schedules.InverseTimeDecay(learning_rate, 1, gamma)


@port
def PolynomialDecay(
    learning_rate: Rate,
    decay_steps: Steps,
    end_lr: Rate = 0.0001,
    power: Positive = 1.0,
    cycle: bool = False,
) -> Schedule:
    """Paddle's PolynomialDecay, in which `cycle` adds decay_steps at each end."""
    return schedules.PolynomialDecay(
        learning_rate, decay_steps, end_lr, power, cycle=cycle
    )


@port
def LinearWarmup(
    learning_rate: AnyRate, warmup_steps: Steps, start_lr: Rate, end_lr: Rate
) -> Schedule:
    """Paddle's LinearWarmup: a line to end_lr, then a rate or a schedule."""
    if not end_lr > start_lr:
        what = f"above `start_lr`, which is {start_lr}"
        raise InvalidArgumentError("end_lr", what, end_lr)
    if not isinstance(learning_rate, LearningRateSchedule):
        learning_rate = Constant(learning_rate)
    return warmup_then(start_lr, warmup_steps, end_lr, learning_rate)


@port
def ExponentialDecay(learning_rate: Rate, gamma: Part) -> Schedule:
    """Paddle's ExponentialDecay: multiplied by gamma at every step."""
    return schedules.ExponentialDecay(learning_rate, 1, gamma)


@port
def MultiStepDecay(
    learning_rate: Rate, milestones: Boundaries, gamma: BelowOne = 0.1
) -> Schedule:
    """Paddle's MultiStepDecay: multiplied by gamma at each milestone."""
    return multi_step(learning_rate, milestones, "gamma", gamma)


@port
def StepDecay(learning_rate: Rate, step_size: Steps, gamma: Part = 0.1) -> Schedule:
    """Paddle's StepDecay: multiplied by gamma at every multiple of step_size."""
    return schedules.StepDecay(learning_rate, step_size, gamma)


@port
def LambdaDecay(learning_rate: Rate, lr_lambda: Function) -> Schedule:
    """Paddle's LambdaDecay: the rate times a function registered with Keras."""
    return learning_rate * FromFunction(lr_lambda)


@port
def CosineAnnealingDecay(
    learning_rate: Rate, T_max: Steps, eta_min: Rate = 0.0
) -> Schedule:
    """Paddle's CosineAnnealingDecay: down to eta_min at T_max, then up again."""
    return cosine_annealing(learning_rate, eta_min, T_max)


@port
def CosineAnnealingWarmRestarts(
    learning_rate: Rate, T_0: Steps, T_mult: Count = 1, eta_min: Rate = 0.0
) -> Schedule:
    """Paddle's CosineAnnealingWarmRestarts, exact at every restart."""
    return CosineRestarts(learning_rate, T_0, T_mult, 1.0, eta_min)


@port
def OneCycleLR(
    max_learning_rate: Rate,
    total_steps: Steps,
    divide_factor: Positive = 25.0,
    end_learning_rate: Rate = 0.0001,
    phase_pct: FloatShare = 0.3,
    anneal_strategy: Anneal = "cos",
    three_phase: bool = False,
) -> Schedule:
    """Paddle's OneCycleLR, whose last rate is held where the original raises."""
    start, peak = max_learning_rate / divide_factor, max_learning_rate
    end = end_learning_rate
    rates = (start, peak, start, end) if three_phase else (start, peak, end)
    if three_phase and phase_pct >= 0.5:
        what = "below 0.5 for three phases"
        raise InvalidArgumentError("phase_pct", what, phase_pct)
    return one_cycle(total_steps, phase_pct, rates, anneal_strategy)


@port
def CyclicLR(
    base_learning_rate: Rate,
    max_learning_rate: Rate,
    step_size_up: Steps,
    step_size_down: Steps | None = None,
    mode: Mode = "triangular",
    exp_gamma: PositiveFloat = 1.0,
    scale_fn: Function | None = None,
    scale_mode: ScaleMode = "cycle",
) -> Schedule:
    """Paddle's CyclicLR; a scale_fn must be registered with Keras."""
    names = ("base_learning_rate", "max_learning_rate", "exp_gamma")
    rates = (base_learning_rate, max_learning_rate)
    sizes = (step_size_up, step_size_down)
    return cyclic(names, *rates, *sizes, mode, exp_gamma, scale_fn, scale_mode)


@port
def LinearLR(
    learning_rate: Rate,
    total_steps: WholeSteps,
    start_factor: Factor = 1 / 3,
    end_factor: Share = 1.0,
) -> Schedule:
    """Paddle's LinearLR: the rate times a factor on a line that ends at total_steps."""
    start, end = learning_rate * start_factor, learning_rate * end_factor
    return LinearDecay(start, total_steps, end)
