"""The warmups of pytorch-warmup before a constant rate."""

from kerasched import Constant
from kerasched import Warmup
from migrating.original import Reason
from migrating.original import original

SATURATING = "kerasched has no ramp 1 - exp(-t / tau): use FromFunction."
RECTIFIED = "kerasched has no rectification of RAdam: use FromFunction."
REASONS = {
    **{f"ExponentialWarmup/{case}": Reason(SATURATING) for case in (0, 2, 4)},
    **{f"UntunedExponentialWarmup/{case}": Reason(SATURATING) for case in (0, 2)},
    **{f"RAdamWarmup/{case}": Reason(RECTIFIED) for case in (0, 2)},
}


@original("LinearWarmup")
def linear(lr, warmup_period):
    return Warmup(Constant(lr), warmup_period).shift(1)


@original("UntunedLinearWarmup")
def untuned_linear(lr, beta2=0.999):
    return Warmup(Constant(lr), int(2 / (1 - beta2))).shift(1)
