"""fastai's annealers and its fit methods."""

from kerasched import Constant
from kerasched import CosineDecay
from kerasched import CosineRestarts
from kerasched import ExponentialDecay
from kerasched import FlatCosine
from kerasched import LinearDecay
from kerasched import OneCycle
from kerasched import Warmup
from migrating.original import ROUNDED
from migrating.original import Reason
from migrating.original import original

REASONS = {
    "fit_flat_cos/2": Reason(ROUNDED, (97, 98)),
    "fit_sgdr/0": Reason(ROUNDED, (53, *range(55, 61), 138)),
}


@original("SchedLin")
def linear(start, end, total_steps):
    return LinearDecay(start, total_steps, end)


@original("SchedCos")
def cosine(start, end, total_steps):
    return CosineDecay(start, total_steps, end)


@original("SchedExp")
def exponential(start, end, total_steps):
    return ExponentialDecay(start, total_steps, end / start)


@original("SchedNo")
def constant(start, end, total_steps):
    return Constant(start)


@original("SchedPoly")
def polynomial(start, end, power, total_steps):
    return Warmup(Constant(end), total_steps, start, "polynomial", power)


@original("fit_one_cycle")
def one_cycle(lr_max, total_steps, pct_start=0.25, div=25.0, div_final=1e5):
    return OneCycle(lr_max, total_steps, pct_start, div, div_final / div)


@original("fit_flat_cos")
def flat_cosine(lr, total_steps, div_final=1e5, pct_start=0.75):
    return FlatCosine(lr, total_steps, pct_start, lr / div_final)


@original("fit_sgdr")
def restarts(lr_max, n_cycles, cycle_len, steps_per_epoch, cycle_mult=2):
    return CosineRestarts(
        lr_max, cycle_len * steps_per_epoch, cycle_mult, cycle_limit=n_cycles
    )
