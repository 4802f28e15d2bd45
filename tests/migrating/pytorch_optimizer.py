"""The schedulers of pytorch-optimizer."""

from kerasched import Chain
from kerasched import Chebyshev
from kerasched import Constant
from kerasched import CosineRestarts
from kerasched import CosineWave
from kerasched import LinearDecay
from kerasched import PolynomialDecay
from kerasched import Rex
from kerasched import Warmup
from kerasched import WarmupStableDecay
from migrating.original import Reason
from migrating.original import original

PAST_END = "After `t_max` the original falls below its end; kerasched holds the end."
NO_STEPS = "kerasched rejects a decay of 0 steps: use Chain with a Constant instead."
TOO_LONG = "kerasched rejects a warmup that is longer than `t_max`."
GROWS = "The original is not a decay: it grows without limit, as a power of the step."
PEAKS = (
    "`gamma` multiplies the whole peak, but `m_mul` of CosineRestarts only the part "
    "above the end. The original also truncates the lengths of its cycles, and its "
    "first rate may differ."
)
REASONS = {
    "LinearScheduler/0": Reason(PAST_END, range(101, 115)),
    "LinearScheduler/2": Reason(TOO_LONG),
    "CosineScheduler/2": Reason(TOO_LONG),
    "PolyScheduler/0": Reason(GROWS),
    "PolyScheduler/2": Reason(GROWS),
    "CosineAnnealingWarmupRestarts/0": Reason(PEAKS, (0, *range(20, 150))),
    "CosineAnnealingWarmupRestarts/2": Reason(PEAKS, range(16, 150)),
    "get_wsd_schedule/2": Reason(NO_STEPS),
    "get_wsd_schedule/8": Reason(NO_STEPS),
    "get_chebyshev_schedule/0": Reason(
        "The original permutes two nodes fewer, for example two of four.",
        (3, *range(5, 10)),
    ),
}


@original("LinearScheduler")
def linear(t_max, max_lr, min_lr=0.0, init_lr=0.0, warmup_steps=0):
    decay = LinearDecay(max_lr, t_max - warmup_steps, min_lr)
    return Warmup(decay, warmup_steps, init_lr)


@original("CosineScheduler")
def cosine(t_max, max_lr, min_lr=0.0, init_lr=0.0, warmup_steps=0):
    wave = CosineWave(max_lr, min_lr, 2 * (t_max - warmup_steps))
    return Warmup(wave, warmup_steps, init_lr)


@original("REXScheduler")
def rex(total_steps, max_lr=1.0, min_lr=0.0):
    return Rex(max_lr, total_steps, min_lr).shift(1)


@original("CosineAnnealingWarmupRestarts")
def restarts(
    first_cycle_steps,
    cycle_mult=1.0,
    max_lr=1e-4,
    min_lr=1e-6,
    warmup_steps=0,
    gamma=0.9,
):
    return CosineRestarts(
        max_lr, first_cycle_steps, cycle_mult, gamma, min_lr, warmup_steps
    )


@original("get_wsd_schedule", cooldown_type="cosine")
def wsd_cosine(
    lr, num_warmup_steps, num_stable_steps, num_decay_steps, min_lr_ratio=0.0
):
    lengths = (num_warmup_steps, num_stable_steps, num_decay_steps)
    return WarmupStableDecay(lr, *lengths, min_lr_ratio * lr, "cosine")


@original("get_wsd_schedule", cooldown_type="linear")
def wsd_linear(
    lr, num_warmup_steps, num_stable_steps, num_decay_steps, min_lr_ratio=0.0
):
    lengths = (num_warmup_steps, num_stable_steps, num_decay_steps)
    end = Constant(min_lr_ratio * lr)
    return Chain((WarmupStableDecay(lr, *lengths), end), (sum(lengths),))


@original("get_wsd_schedule", cooldown_type="1-sqrt")
def wsd_sqrt(lr, num_warmup_steps, num_stable_steps, num_decay_steps, min_lr_ratio=0.0):
    lengths = (num_warmup_steps, num_stable_steps, num_decay_steps)
    decay = WarmupStableDecay(lr, *lengths, decay_shape="1-sqrt")
    return Chain((decay, Constant(min_lr_ratio * lr)), (sum(lengths),))


@original("get_wsd_schedule", cooldown_type="1-square")
def wsd_square(
    lr, num_warmup_steps, num_stable_steps, num_decay_steps, min_lr_ratio=0.0
):
    decay = PolynomialDecay(lr, num_decay_steps, k_decay=2.0).shift(-num_stable_steps)
    total = num_warmup_steps + num_stable_steps + num_decay_steps
    end = Constant(min_lr_ratio * lr)
    return Chain((Warmup(decay, num_warmup_steps), end), (total,))


@original("get_chebyshev_schedule")
def chebyshev(lr, num_epochs):
    return Chebyshev(lr, 2 ** (num_epochs - 1).bit_length()).shift(-2)


@original("ProportionScheduler(CosineAnnealingLR)")
def proportion(T_max, max_lr, min_lr=0.0, max_value=2.0, min_value=2.0):
    return CosineWave(max_value, min_value, 2 * T_max)
