"""torch.optim.lr_scheduler, and SWALR of torch.optim.swa_utils, as schedules.

`lr`, the optimizer's rate, replaces the optimizer as an argument. A step is a call of
scheduler.step(); wrap the schedule in PerEpoch if that was once an epoch. Two are not
functions of the step: MultiplicativeLR and ReduceLROnPlateau raise an error that names
a replacement.
"""

from kerasched import schedules
from kerasched.compat.arguments import Anneal
from kerasched.compat.arguments import Factor
from kerasched.compat.arguments import FloatShare
from kerasched.compat.arguments import Function
from kerasched.compat.arguments import Milestones
from kerasched.compat.arguments import Mode
from kerasched.compat.arguments import RisingMilestones
from kerasched.compat.arguments import ScaleMode
from kerasched.compat.arguments import Schedules
from kerasched.compat.arguments import WholeCount
from kerasched.compat.arguments import WholeSteps
from kerasched.compat.porting import InvalidArgumentError
from kerasched.compat.porting import metric_driven
from kerasched.compat.porting import multiplicative
from kerasched.compat.porting import port
from kerasched.compat.porting import refuse_unused
from kerasched.compat.shared import SHAPES
from kerasched.compat.shared import chain
from kerasched.compat.shared import cosine_annealing
from kerasched.compat.shared import cyclic
from kerasched.compat.shared import multi_step
from kerasched.compat.shared import one_cycle
from kerasched.errors import LARGEST
from kerasched.errors import MAX_STEP
from kerasched.schedules import Constant
from kerasched.schedules import CosineRestarts
from kerasched.schedules import ExponentialDecay
from kerasched.schedules import FromFunction
from kerasched.schedules import LinearDecay
from kerasched.schedules import PiecewiseConstant
from kerasched.schedules import PolynomialDecay
from kerasched.schedules import Product
from kerasched.schedules import Schedule
from kerasched.schedules import StepDecay
from kerasched.schedules.arguments import Boundary
from kerasched.schedules.arguments import Count
from kerasched.schedules.arguments import Positive
from kerasched.schedules.arguments import Rate
from kerasched.schedules.arguments import Share
from kerasched.schedules.arguments import Steps
from kerasched.schedules.progress import power

MultiplicativeLR = multiplicative(
    "torch.MultiplicativeLR", "torch.LambdaLR", "torch.ExponentialLR"
)
ReduceLROnPlateau = metric_driven("torch.ReduceLROnPlateau")


@port
def LambdaLR(lr: Rate, lr_lambda: Function) -> Schedule:
    """torch's LambdaLR: lr * lr_lambda(step), a function registered with Keras."""
    return lr * FromFunction(lr_lambda)


@port
def StepLR(lr: Rate, step_size: WholeSteps, gamma: Positive = 0.1) -> Schedule:
    """torch's StepLR: multiplied by gamma at every multiple of step_size."""
    return StepDecay(lr, step_size, gamma)


@port
def MultiStepLR(lr: Rate, milestones: Milestones, gamma: Rate = 0.1) -> Schedule:
    """torch's MultiStepLR: multiplied by gamma at each milestone, as often as given."""
    return multi_step(lr, milestones, "gamma", gamma)


@port
def ConstantLR(
    lr: Rate, factor: Share = 1 / 3, total_iters: WholeCount = 5
) -> Schedule:
    """torch's ConstantLR: lr * factor, which may be 0, before total_iters, then lr."""
    return PiecewiseConstant((total_iters,), (lr * factor, lr))


@port
def LinearLR(
    lr: Rate,
    start_factor: Factor = 1 / 3,
    end_factor: Share = 1.0,
    total_iters: WholeCount = 5,
) -> Schedule:
    """torch's LinearLR: lr times a factor on a line, which ends at total_iters.

    With total_iters=0, as for a warmup of one step with `total_iters=warmup_steps - 1`,
    the rate stays at the start.
    """
    if total_iters == 0:
        return Constant(lr * start_factor)
    return LinearDecay(lr * start_factor, total_iters, lr * end_factor)


@port
def ExponentialLR(lr: Rate, gamma: Positive) -> Schedule:
    """torch's ExponentialLR: multiplied by gamma at every step."""
    return ExponentialDecay(lr, 1, gamma)


@port
def PolynomialLR(
    lr: Rate, total_iters: WholeCount = 5, power: Positive = 1.0
) -> Schedule:
    """torch's PolynomialLR: to 0 at total_iters as a power of the remaining steps.

    With total_iters=0 the rate stays at lr.
    """
    if total_iters == 0:
        return Constant(lr)
    return PolynomialDecay(lr, total_iters, 0.0, power)


@port
def CosineAnnealingLR(lr: Rate, T_max: WholeSteps, eta_min: Rate = 0.0) -> Schedule:
    """torch's CosineAnnealingLR: down to eta_min at T_max, then up again, and so on."""
    return cosine_annealing(lr, eta_min, T_max)


@port
def CosineAnnealingWarmRestarts(
    lr: Rate, T_0: Steps, T_mult: Count = 1, eta_min: Rate = 0.0
) -> Schedule:
    """torch's CosineAnnealingWarmRestarts, exact at every restart."""
    return CosineRestarts(lr, T_0, T_mult, 1.0, eta_min)


@port
def OneCycleLR(
    max_lr: Rate,
    total_steps: Steps | None = None,
    epochs: Steps | None = None,
    steps_per_epoch: Steps | None = None,
    pct_start: FloatShare = 0.3,
    anneal_strategy: Anneal = "cos",
    cycle_momentum: bool | None = None,
    base_momentum: Rate | None = None,
    max_momentum: Rate | None = None,
    div_factor: Positive = 25.0,
    final_div_factor: Positive = 1e4,
    three_phase: bool = False,
    lr: Rate | None = None,
) -> Schedule:
    """torch's OneCycleLR, whose last rate is held where the original raises.

    `lr`, which the original overwrites, is accepted and ignored. The momentum that
    belongs to the rate is OneCycleLR_momentum(...) with the same arguments.
    """
    refuse_unused(
        "Give the optimizer OneCycleLR_momentum(...) as its momentum",
        base_momentum=base_momentum,
        max_momentum=max_momentum,
        cycle_momentum=cycle_momentum or None,
    )
    start, end = max_lr / div_factor, max_lr / div_factor / final_div_factor
    rates = (start, max_lr, start, end) if three_phase else (start, max_lr, end)
    total = _total(total_steps, epochs, steps_per_epoch)
    return one_cycle(total, pct_start, rates, anneal_strategy)


@port
def OneCycleLR_momentum(
    max_lr: Rate,
    total_steps: Steps | None = None,
    epochs: Steps | None = None,
    steps_per_epoch: Steps | None = None,
    pct_start: FloatShare = 0.3,
    anneal_strategy: Anneal = "cos",
    cycle_momentum: bool = True,
    base_momentum: Rate = 0.85,
    max_momentum: Rate = 0.95,
    div_factor: Positive = 25.0,
    final_div_factor: Positive = 1e4,
    three_phase: bool = False,
    lr: Rate | None = None,
) -> Schedule:
    """torch's OneCycleLR: the momentum that it sets together with the rate.

    It takes the arguments of OneCycleLR and ignores those of the rate. Use it as the
    momentum of an optimizer that takes a schedule there: it falls from max_momentum to
    base_momentum while the rate rises, and rises while the rate falls.
    """
    _require_cycle_momentum(cycle_momentum)
    total = _total(total_steps, epochs, steps_per_epoch)
    low, high = base_momentum, max_momentum
    values = (high, low, high, high) if three_phase else (high, low, high)
    return one_cycle(total, pct_start, values, anneal_strategy)


@port
def CyclicLR(
    base_lr: Rate,
    max_lr: Rate,
    step_size_up: WholeSteps = 2000,
    step_size_down: WholeSteps | None = None,
    mode: Mode = "triangular",
    gamma: Positive = 1.0,
    scale_fn: Function | None = None,
    scale_mode: ScaleMode = "cycle",
    cycle_momentum: bool | None = None,
    base_momentum: Rate | None = None,
    max_momentum: Rate | None = None,
    lr: Rate | None = None,
) -> Schedule:
    """torch's CyclicLR, without an overflow in mode "triangular2".

    `lr`, which the original overwrites, is accepted and ignored. The momentum that
    belongs to the rate is CyclicLR_momentum(...) with the same arguments. A scale_fn
    must be registered with Keras.
    """
    refuse_unused(
        "Give the optimizer CyclicLR_momentum(...) as its momentum",
        base_momentum=base_momentum,
        max_momentum=max_momentum,
        cycle_momentum=cycle_momentum or None,
    )
    names, sizes = ("base_lr", "max_lr", "gamma"), (step_size_up, step_size_down)
    return cyclic(names, base_lr, max_lr, *sizes, mode, gamma, scale_fn, scale_mode)


@port
def CyclicLR_momentum(
    base_lr: Rate,
    max_lr: Rate,
    step_size_up: WholeSteps = 2000,
    step_size_down: WholeSteps | None = None,
    mode: Mode = "triangular",
    gamma: Positive = 1.0,
    scale_fn: Function | None = None,
    scale_mode: ScaleMode = "cycle",
    cycle_momentum: bool = True,
    base_momentum: Rate = 0.8,
    max_momentum: Rate = 0.9,
    lr: Rate | None = None,
) -> Schedule:
    """torch's CyclicLR: the momentum that it sets together with the rate.

    It takes the arguments of CyclicLR and ignores those of the rate. Use it as the
    momentum of an optimizer that takes a schedule there: it falls from max_momentum to
    base_momentum while the rate rises, and rises while the rate falls. It does not
    accept a scale_fn.
    """
    _require_cycle_momentum(cycle_momentum)
    refuse_unused(
        "The momentum of a wave with a scale_fn is not ported", scale_fn=scale_fn
    )
    names = ("max_momentum", "base_momentum", "gamma")
    ends, sizes = (max_momentum, base_momentum), (step_size_up, step_size_down)
    return cyclic(names, *ends, *sizes, mode, gamma, None, scale_mode)


@port
def SWALR(
    lr: Rate,
    swa_lr: Rate,
    anneal_epochs: Boundary = 10,
    anneal_strategy: Anneal = "cos",
) -> Schedule:
    """torch's SWALR: from lr to swa_lr in anneal_epochs steps."""
    return schedules.SWALR(lr, swa_lr, anneal_epochs, SHAPES[anneal_strategy])


@port
def SequentialLR(schedulers: Schedules, milestones: RisingMilestones) -> Schedule:
    """torch's SequentialLR: schedules that each count from their own milestone."""
    return chain(schedulers, milestones, "schedulers", "milestones")


@port
def ChainedScheduler(schedulers: Schedules, lr: Rate) -> Schedule:
    """torch's ChainedScheduler: lr times the factors by which the schedules change it.

    Each schedule has the base rate `lr`. In torch, schedulers that set the rate, such
    as LambdaLR and OneCycleLR, undo those before them; here all are multiplied, in any
    order.
    """
    if not lr > 0.0:
        what = "above 0, the base rate of all the schedules"
        raise InvalidArgumentError("lr", what, lr)
    factor = power(lr, 1 - len(schedulers))
    if factor > LARGEST:
        what = "so large that lr**(1 - number of schedulers) is finite in float32"
        raise InvalidArgumentError("lr", what, lr)
    return Product(schedulers) * factor


def _require_cycle_momentum(cycle_momentum: bool) -> None:
    if not cycle_momentum:
        fix = "Where the momentum does not change, give the optimizer a number"
        raise InvalidArgumentError("cycle_momentum", "True", False, fix)


def _total(total: int | None, epochs: int | None, per_epoch: int | None) -> int:
    """Return the total steps, given as one number or as epochs and steps of each."""
    if total is not None:
        fix = "total_steps replaces it"
        refuse_unused(fix, epochs=epochs, steps_per_epoch=per_epoch)
        return total
    if epochs is None or per_epoch is None:
        what = "given, or both `epochs` and `steps_per_epoch`"
        raise InvalidArgumentError("total_steps", what, None)
    if epochs * per_epoch > MAX_STEP:
        what = f"such that all epochs have at most {MAX_STEP} steps"
        raise InvalidArgumentError("epochs", what, epochs)
    return epochs * per_epoch
