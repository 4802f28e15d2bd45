"""paddle.optimizer.lr, as schedules.

A step is a call of scheduler.step(). Two are not here: MultiplicativeDecay multiplies
the rates of all steps before, so that it is no function of the step (use LambdaDecay
with the product), and ReduceOnPlateau follows a metric.
"""

import math
from collections.abc import Callable
from collections.abc import Sequence

from keras.optimizers.schedules import LearningRateSchedule

from kerasched import schedules
from kerasched.compat.cyclic import cyclic
from kerasched.compat.one_cycle import one_cycle
from kerasched.compat.porting import multi_step
from kerasched.compat.porting import port
from kerasched.compat.porting import rising
from kerasched.schedules import Chain
from kerasched.schedules import Constant
from kerasched.schedules import CosineRestarts
from kerasched.schedules import CosineWave
from kerasched.schedules import FromFunction
from kerasched.schedules import LinearDecay
from kerasched.schedules import Noam
from kerasched.schedules import PiecewiseConstant
from kerasched.schedules import Schedule


@port
def NoamDecay(d_model: int, warmup_steps: int, learning_rate: float = 1.0) -> Schedule:
    """Paddle's NoamDecay: it counts from 0, so that the first update is at rate 0."""
    return Chain((Constant(0.0), Noam(d_model, warmup_steps, learning_rate)), (1,))


@port
def PiecewiseDecay(boundaries: Sequence[int], values: Sequence[float]) -> Schedule:
    """Paddle's PiecewiseDecay: values[i] before boundaries[i]."""
    return PiecewiseConstant(boundaries, values)


@port
def NaturalExpDecay(learning_rate: float, gamma: float) -> Schedule:
    """Paddle's NaturalExpDecay: learning_rate * exp(-gamma * step)."""
    # Over about 1 / gamma steps, so that rounding exp(-gamma) does not add up.
    steps = max(1, min(round(1.0 / gamma), 10**9)) if gamma > 0.0 else 1
    return schedules.ExponentialDecay(learning_rate, steps, math.exp(-gamma * steps))


@port
def InverseTimeDecay(learning_rate: float, gamma: float) -> Schedule:
    """Paddle's InverseTimeDecay: learning_rate / (1 + gamma * step)."""
    return schedules.InverseTimeDecay(learning_rate, 1, gamma)


@port
def PolynomialDecay(
    learning_rate: float,
    decay_steps: int,
    end_lr: float = 0.0001,
    power: float = 1.0,
    cycle: bool = False,
) -> Schedule:
    """Paddle's PolynomialDecay, in which `cycle` makes the way longer at each end."""
    return schedules.PolynomialDecay(
        learning_rate, decay_steps, end_lr, power, cycle=cycle
    )


@port
def LinearWarmup(
    learning_rate: float | LearningRateSchedule,
    warmup_steps: int,
    start_lr: float,
    end_lr: float,
) -> Schedule:
    """Paddle's LinearWarmup: a line to end_lr, then a rate or a schedule."""
    if not isinstance(learning_rate, LearningRateSchedule):
        learning_rate = Constant(learning_rate)
    return rising(start_lr, warmup_steps, end_lr, learning_rate)


@port
def ExponentialDecay(learning_rate: float, gamma: float) -> Schedule:
    """Paddle's ExponentialDecay: times gamma at every step."""
    return schedules.ExponentialDecay(learning_rate, 1, gamma)


@port
def MultiStepDecay(
    learning_rate: float, milestones: Sequence[int], gamma: float = 0.1
) -> Schedule:
    """Paddle's MultiStepDecay: times gamma at each milestone."""
    return multi_step(learning_rate, milestones, gamma)


@port
def StepDecay(learning_rate: float, step_size: int, gamma: float = 0.1) -> Schedule:
    """Paddle's StepDecay: times gamma at every multiple of step_size."""
    return schedules.StepDecay(learning_rate, step_size, gamma)


@port
def LambdaDecay(learning_rate: float, lr_lambda: Callable) -> Schedule:
    """Paddle's LambdaDecay: the rate times a function registered with Keras."""
    return learning_rate * FromFunction(lr_lambda)


@port
def CosineAnnealingDecay(
    learning_rate: float, T_max: int, eta_min: float = 0.0
) -> Schedule:
    """Paddle's CosineAnnealingDecay: down to eta_min at T_max, then up again."""
    return CosineWave(learning_rate, eta_min, 2 * T_max)


@port
def CosineAnnealingWarmRestarts(
    learning_rate: float, T_0: int, T_mult: int = 1, eta_min: float = 0.0
) -> Schedule:
    """Paddle's CosineAnnealingWarmRestarts, exact at every restart."""
    return CosineRestarts(learning_rate, T_0, T_mult, 1.0, eta_min)


@port
def OneCycleLR(
    max_learning_rate: float,
    total_steps: int,
    divide_factor: float = 25.0,
    end_learning_rate: float = 0.0001,
    phase_pct: float = 0.3,
    anneal_strategy: str = "cos",
    three_phase: bool = False,
) -> Schedule:
    """Paddle's OneCycleLR, whose last rate is held where the original raises."""
    start, peak, end = (
        max_learning_rate / divide_factor,
        max_learning_rate,
        end_learning_rate,
    )
    rates = (start, peak, start, end) if three_phase else (start, peak, end)
    owner = "paddle.OneCycleLR"
    return one_cycle(owner, total_steps, phase_pct, rates, anneal_strategy)


@port
def CyclicLR(
    base_learning_rate: float,
    max_learning_rate: float,
    step_size_up: int,
    step_size_down: int | None = None,
    mode: str = "triangular",
    exp_gamma: float = 1.0,
    scale_fn: Callable | None = None,
    scale_mode: str = "cycle",
) -> Schedule:
    """Paddle's CyclicLR; a scale_fn must be registered with Keras."""
    rates, sizes = (
        (base_learning_rate, max_learning_rate),
        (step_size_up, step_size_down),
    )
    owner = "paddle.CyclicLR"
    return cyclic(owner, *rates, *sizes, mode, exp_gamma, scale_fn, scale_mode)


@port
def LinearLR(
    learning_rate: float,
    total_steps: int,
    start_factor: float = 1 / 3,
    end_factor: float = 1.0,
) -> Schedule:
    """Paddle's LinearLR: the rate times a factor on a line that ends at total_steps."""
    start, end = learning_rate * start_factor, learning_rate * end_factor
    return LinearDecay(start, total_steps, end)
