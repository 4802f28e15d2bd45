"""The schedulers of pytorch-scheduler."""

from kerasched import CosineDecay
from kerasched import CosineRestarts
from kerasched import Hyperbolic
from kerasched import InverseSqrtDecay
from kerasched import LinearDecay
from kerasched import PiecewiseInterpolation
from kerasched import PolynomialDecay
from kerasched import PowerDecay
from kerasched import Rex
from kerasched import TanhDecay
from kerasched import Warmup
from kerasched import WarmupStableDecay
from migrating.original import Reason
from migrating.original import original

NODES = "The original is a cosine at half steps, half a step from CosineDecay."
REASONS = {
    "ChebyshevScheduler/0": Reason(NODES),
    "ChebyshevScheduler/2": Reason(NODES),
    "CosineAnnealingWarmupRestarts/0": Reason(
        "Without warmup, the original starts each cycle with one step at `min_lr`.",
        range(0, 130, 20),
    ),
    "CosineAnnealingWarmupRestarts/2": Reason(
        "The original truncates the length of each cycle; kerasched is exact.",
        range(26, 130),
    ),
    "SlantedTriangularScheduler/2": Reason(
        "Without a rising step, the original still starts at the lowest rate.",
        (0,),
    ),
}


@original("CosineAnnealingWarmupRestarts")
def restarts(
    first_cycle_steps,
    warmup_steps=0,
    max_lr=0.1,
    min_lr=0.001,
    cycle_mult=1.0,
    gamma=1.0,
):
    return CosineRestarts(
        max_lr, first_cycle_steps, cycle_mult, gamma, min_lr, warmup_steps
    )


@original("CosineWithWarmupScheduler")
def cosine(lr, total_steps, warmup_steps=0, min_lr=0.0):
    return Warmup(CosineDecay(lr, total_steps - warmup_steps, min_lr), warmup_steps)


@original("LinearDecayScheduler")
def linear(lr, total_steps, warmup_steps=0, min_lr=0.0):
    return Warmup(LinearDecay(lr, total_steps - warmup_steps, min_lr), warmup_steps)


@original("WarmupHoldCosineScheduler")
def held_cosine(lr, total_steps, warmup_steps=0, hold_steps=0, min_lr=0.0):
    steps = total_steps - warmup_steps - hold_steps
    return WarmupStableDecay(lr, warmup_steps, hold_steps, steps, min_lr, "cosine")


@original("FlatCosineScheduler")
def flat_cosine(lr, total_steps, flat_fraction=0.7, min_lr=0.0):
    flat = int(flat_fraction * total_steps)
    return CosineDecay(lr, total_steps - flat, min_lr).shift(-flat)


@original("HyperbolicLRScheduler")
def hyperbolic(lr, total_steps, upper_bound, min_lr=1e-6, warmup_steps=0):
    decay = Hyperbolic(lr, total_steps - warmup_steps, upper_bound, min_lr)
    return Warmup(decay, warmup_steps, min_lr)


@original("ExpHyperbolicLRScheduler")
def exponential_hyperbolic(lr, total_steps, upper_bound, min_lr=1e-6, warmup_steps=0):
    decay = Hyperbolic(lr, total_steps - warmup_steps, upper_bound, min_lr, True)
    return Warmup(decay, warmup_steps, min_lr)


@original("InverseSqrtScheduler")
def inverse_sqrt(lr, warmup_steps):
    return Warmup(InverseSqrtDecay(lr, warmup_steps), warmup_steps)


@original("KDecayScheduler")
def k_decay(lr, total_steps, k=1.0, min_lr=0.0):
    return CosineDecay(lr, total_steps, min_lr, k_decay=k)


@original("PolynomialScheduler")
def polynomial(lr, total_steps, power=1.0, min_lr=0.0, warmup_steps=0):
    decay = PolynomialDecay(lr, total_steps - warmup_steps, min_lr, power)
    return Warmup(decay, warmup_steps)


@original("PowerDecayScheduler")
def power(lr, total_steps, alpha=0.5, min_lr=0.0):
    return PowerDecay(lr, -alpha, offset=1).clip(min_lr)


@original("PowerDecayScheduler")
def power_with_warmup(lr, total_steps, warmup_steps, alpha=0.5, min_lr=0.0):
    decay = PowerDecay(lr * warmup_steps**alpha, -alpha, warmup_steps)
    return Warmup(decay.clip(min_lr), warmup_steps)


@original("RexScheduler")
def rex(lr, total_steps):
    return Rex(lr, total_steps)


@original("SlantedTriangularScheduler")
def slanted_triangular(lr, total_steps, cut_frac=0.1, ratio=32.0):
    cut = int(total_steps * cut_frac)
    rates = (lr / ratio, lr, lr / ratio)
    return PiecewiseInterpolation((0, cut, total_steps), rates)


@original("TanhDecayScheduler")
def tanh(lr, total_steps, steepness=3.0, min_lr=0.0):
    return TanhDecay(lr, total_steps, min_lr, -steepness, steepness)


@original("TrapezoidalScheduler")
def trapezoidal(lr, total_steps, warmup_steps, decay_steps, min_lr=0.0):
    stable = total_steps - warmup_steps - decay_steps
    return WarmupStableDecay(lr, warmup_steps, stable, decay_steps, min_lr)


@original("WSDScheduler", decay_type="cosine")
def wsd_cosine(lr, total_steps, warmup_steps, stable_steps, min_lr=0.0):
    steps = total_steps - warmup_steps - stable_steps
    return WarmupStableDecay(lr, warmup_steps, stable_steps, steps, min_lr, "cosine")


@original("WSDScheduler", decay_type="linear")
def wsd_linear(lr, total_steps, warmup_steps, stable_steps, min_lr=0.0):
    steps = total_steps - warmup_steps - stable_steps
    return WarmupStableDecay(lr, warmup_steps, stable_steps, steps, min_lr)


@original("WSDScheduler", decay_type="sqrt")
def wsd_sqrt(lr, total_steps, warmup_steps, stable_steps, min_lr=0.0):
    steps = total_steps - warmup_steps - stable_steps
    return WarmupStableDecay(lr, warmup_steps, stable_steps, steps, min_lr, "1-sqrt")


@original("WarmupScheduler(CosineWithWarmupScheduler)", warmup_type="linear")
def warmup(lr, total_steps, warmup_steps):
    return Warmup(CosineDecay(lr, total_steps), warmup_steps)


@original("WarmupScheduler(CosineWithWarmupScheduler)", warmup_type="exponential")
def warmup_of_squares(lr, total_steps, warmup_steps):
    return Warmup(CosineDecay(lr, total_steps), warmup_steps, shape="polynomial")
