"""torch.optim.lr_scheduler, and SWALR of torch.optim.swa_utils, as schedules.

`lr` stands where the original takes an optimizer: the rate that the optimizer has. A
step is a call of scheduler.step(); wrap the schedule in PerEpoch if that was once an
epoch. Two are not here: MultiplicativeLR multiplies the rates of all steps before, so
that it is no function of the step (use LambdaLR with the product), and
ReduceLROnPlateau follows a metric.
"""

from collections.abc import Callable
from collections.abc import Sequence

from keras.optimizers.schedules import LearningRateSchedule

from kerasched import schedules
from kerasched.compat.cyclic import cyclic
from kerasched.compat.one_cycle import SHAPES
from kerasched.compat.one_cycle import one_cycle
from kerasched.compat.porting import ON_THE_RATE
from kerasched.compat.porting import chosen
from kerasched.compat.porting import joined
from kerasched.compat.porting import multi_step
from kerasched.compat.porting import port
from kerasched.compat.porting import without_effect
from kerasched.errors import message
from kerasched.schedules import CosineRestarts
from kerasched.schedules import CosineWave
from kerasched.schedules import ExponentialDecay
from kerasched.schedules import FromFunction
from kerasched.schedules import LinearDecay
from kerasched.schedules import PiecewiseConstant
from kerasched.schedules import PolynomialDecay
from kerasched.schedules import Product
from kerasched.schedules import Schedule
from kerasched.schedules import StepDecay


@port
def LambdaLR(lr: float, lr_lambda: Callable) -> Schedule:
    """torch's LambdaLR: lr * lr_lambda(step), of a function registered with Keras."""
    return lr * FromFunction(lr_lambda)


@port
def StepLR(lr: float, step_size: int, gamma: float = 0.1) -> Schedule:
    """torch's StepLR: times gamma at every multiple of step_size."""
    return StepDecay(lr, step_size, gamma)


@port
def MultiStepLR(lr: float, milestones: Sequence[int], gamma: float = 0.1) -> Schedule:
    """torch's MultiStepLR: times gamma at each milestone, twice at one given twice."""
    return multi_step(lr, milestones, gamma)


@port
def ConstantLR(lr: float, factor: float = 1 / 3, total_iters: int = 5) -> Schedule:
    """torch's ConstantLR: lr * factor before total_iters, then lr (factor 0 too)."""
    return PiecewiseConstant((total_iters,), (lr * factor, lr))


@port
def LinearLR(
    lr: float,
    start_factor: float = 1 / 3,
    end_factor: float = 1.0,
    total_iters: int = 5,
) -> Schedule:
    """torch's LinearLR: lr times a factor on a line, which ends at total_iters."""
    return LinearDecay(lr * start_factor, total_iters, lr * end_factor)


@port
def ExponentialLR(lr: float, gamma: float) -> Schedule:
    """torch's ExponentialLR: times gamma at every step."""
    return ExponentialDecay(lr, 1, gamma)


@port
def PolynomialLR(lr: float, total_iters: int = 5, power: float = 1.0) -> Schedule:
    """torch's PolynomialLR: to 0 at total_iters as a power of what remains."""
    return PolynomialDecay(lr, total_iters, 0.0, power)


@port
def CosineAnnealingLR(lr: float, T_max: int, eta_min: float = 0.0) -> Schedule:
    """torch's CosineAnnealingLR: down to eta_min at T_max, then up again, and so on."""
    return CosineWave(lr, eta_min, 2 * T_max)


@port
def CosineAnnealingWarmRestarts(
    lr: float, T_0: int, T_mult: int = 1, eta_min: float = 0.0
) -> Schedule:
    """torch's CosineAnnealingWarmRestarts, exact at every restart."""
    return CosineRestarts(lr, T_0, T_mult, 1.0, eta_min)


@port
def OneCycleLR(
    max_lr: float,
    total_steps: int | None = None,
    epochs: int | None = None,
    steps_per_epoch: int | None = None,
    pct_start: float = 0.3,
    anneal_strategy: str = "cos",
    cycle_momentum: bool | None = None,
    base_momentum: float | None = None,
    max_momentum: float | None = None,
    div_factor: float = 25.0,
    final_div_factor: float = 1e4,
    three_phase: bool = False,
    lr: float | None = None,
) -> Schedule:
    """torch's OneCycleLR, whose last rate is held where the original raises.

    `lr`, which the original overwrites, may be given and is not used. The momentum is
    kerasched.OneCycle(...).momentum(), for an optimizer that takes a schedule.
    """
    owner = "torch.OneCycleLR"
    without_effect(owner, ON_THE_RATE, base_momentum=base_momentum)
    without_effect(owner, ON_THE_RATE, max_momentum=max_momentum)
    without_effect(owner, ON_THE_RATE, cycle_momentum=cycle_momentum or None)
    total = _total(owner, total_steps, epochs, steps_per_epoch)
    start, end = max_lr / div_factor, max_lr / div_factor / final_div_factor
    rates = (start, max_lr, start, end) if three_phase else (start, max_lr, end)
    return one_cycle(owner, total, pct_start, rates, anneal_strategy)


@port
def CyclicLR(
    base_lr: float,
    max_lr: float,
    step_size_up: int = 2000,
    step_size_down: int | None = None,
    mode: str = "triangular",
    gamma: float = 1.0,
    scale_fn: Callable | None = None,
    scale_mode: str = "cycle",
    cycle_momentum: bool | None = None,
    base_momentum: float | None = None,
    max_momentum: float | None = None,
    lr: float | None = None,
) -> Schedule:
    """torch's CyclicLR, without an overflow in mode "triangular2".

    `lr`, which the original overwrites, may be given and is not used. The momentum is
    kerasched.Triangular(...).momentum(), for an optimizer that takes a schedule. A
    scale_fn must be registered with Keras.
    """
    owner = "torch.CyclicLR"
    without_effect(owner, ON_THE_RATE, base_momentum=base_momentum)
    without_effect(owner, ON_THE_RATE, max_momentum=max_momentum)
    without_effect(owner, ON_THE_RATE, cycle_momentum=cycle_momentum or None)
    sizes = (step_size_up, step_size_down)
    return cyclic(owner, base_lr, max_lr, *sizes, mode, gamma, scale_fn, scale_mode)


@port
def SWALR(
    lr: float, swa_lr: float, anneal_epochs: int = 10, anneal_strategy: str = "cos"
) -> Schedule:
    """torch's SWALR: from lr to swa_lr in anneal_epochs steps."""
    shape = chosen("torch.SWALR", "anneal_strategy", anneal_strategy, SHAPES)
    return schedules.SWALR(lr, swa_lr, anneal_epochs, shape)


@port
def SequentialLR(
    schedulers: Sequence[LearningRateSchedule], milestones: Sequence[int]
) -> Schedule:
    """torch's SequentialLR: of schedules, each counting from its own milestone."""
    return joined(schedulers, milestones)


@port
def ChainedScheduler(schedulers: Sequence[LearningRateSchedule], lr: float) -> Schedule:
    """torch's ChainedScheduler: lr times the factors by which the schedules change it.

    Each schedule has the base rate `lr`. In torch those that do not multiply the rate
    they find, such as LambdaLR and OneCycleLR, undo what came before them; here all are
    multiplied, whatever their order.
    """
    if not lr > 0.0:
        what = "above 0, the base rate of all the schedules"
        raise ValueError(message("compat.torch.ChainedScheduler", "lr", what, lr))
    return Product(tuple(schedulers)) * lr ** (1 - len(schedulers))


def _total(
    owner: str, total: int | None, epochs: int | None, per_epoch: int | None
) -> int:
    """Return the steps of all epochs, given as one number or as two."""
    if total is not None:
        fix = "total_steps is in its place"
        without_effect(owner, fix, epochs=epochs, steps_per_epoch=per_epoch)
        return total
    if epochs is None or per_epoch is None:
        what = "given, or both `epochs` and `steps_per_epoch`"
        raise ValueError(message(f"compat.{owner}", "total_steps", what, None))
    return epochs * per_epoch
