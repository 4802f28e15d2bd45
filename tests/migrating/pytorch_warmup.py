"""The warmups of pytorch-warmup, in front of a constant rate."""

from kerasched import Constant
from kerasched import Warmup
from migrating.original import Reason
from migrating.original import original

SATURATING = "There is no ramp 1 - exp(-t / tau) among ours: use FromFunction."
RECTIFIED = "There is no rectification of RAdam among ours: use FromFunction."
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
