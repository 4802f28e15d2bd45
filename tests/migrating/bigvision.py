"""big_vision's create_learning_rate_schedule, with all lengths in steps."""

from kerasched import Constant
from kerasched import CosineDecay
from kerasched import InverseSqrtDecay
from kerasched import LinearDecay
from kerasched import PiecewiseConstant
from kerasched import PolynomialDecay
from kerasched import Warmup
from migrating.original import ROUNDED
from migrating.original import Reason
from migrating.original import original

NAME = "create_learning_rate_schedule"
BELOW_ZERO = "After `total_steps` big_vision's rate is negative; kerasched stays at 0."
REASONS = {
    f"{NAME}/10/f32": Reason(ROUNDED, range(96, 100)),
    f"{NAME}/14/f32": Reason(BELOW_ZERO, range(101, 110)),
    f"{NAME}/20/f32": Reason(BELOW_ZERO, range(101, 110)),
}


@original(NAME, decay_type="linear")
@original(NAME, decay_type="polynomial")
def polynomial(base, total_steps, warmup_steps=0, power=1.0, end=0.0):
    decay = PolynomialDecay(base, total_steps - warmup_steps, end, power)
    return Warmup(decay, warmup_steps)


@original(NAME, decay_type="linear")
@original(NAME, decay_type="polynomial")
def polynomial_cooled(
    base, total_steps, cooldown_steps, warmup_steps=0, power=1.0, end=0.0
):
    decay = PolynomialDecay(base, total_steps - warmup_steps, end, power)
    cooldown = LinearDecay(1.0, cooldown_steps).shift(cooldown_steps - total_steps)
    return Warmup(decay, warmup_steps) * cooldown


@original(NAME, decay_type="cosine")
def cosine(base, total_steps, warmup_steps=0):
    return Warmup(CosineDecay(base, total_steps - warmup_steps), warmup_steps)


@original(NAME, decay_type="rsqrt")
def inverse_sqrt(base, total_steps, timescale=10_000, warmup_steps=0, shift=0):
    decay = InverseSqrtDecay(base, timescale).shift(shift)
    return Warmup(decay, warmup_steps)


@original(NAME, decay_type="rsqrt")
def inverse_sqrt_cooled(
    base, total_steps, cooldown_steps, timescale=10_000, warmup_steps=0
):
    cooldown = LinearDecay(1.0, cooldown_steps).shift(cooldown_steps - total_steps)
    return Warmup(InverseSqrtDecay(base, timescale), warmup_steps) * cooldown


@original(NAME, decay_type="stair")
def stair(base, total_steps, steps, mults):
    return PiecewiseConstant(steps, [base * m for m in (1.0, *mults)])


@original(NAME, decay_type="stair")
def stair_cooled(base, total_steps, steps, mults, warmup_steps, cooldown_steps):
    stairs = PiecewiseConstant(steps, [base * m for m in (1.0, *mults)])
    cooldown = LinearDecay(1.0, cooldown_steps).shift(cooldown_steps - total_steps)
    return Warmup(Constant(1.0), warmup_steps) * stairs * cooldown
