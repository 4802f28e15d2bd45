"""Schedules from tutorials. `step` counts from 0, as in Keras."""

from kerasched import Chain
from kerasched import Constant
from kerasched import CosineDecay
from kerasched import Minimum
from kerasched import Noam
from kerasched import Warmup
from migrating.original import original

NOTES = {
    "CustomSchedule": "The tutorial's rate is 0 at step 0. "
    "`Noam(d_model, warmup_steps).shift(-1)` has the rate of step 1 there.",
    "lr * min(1, (step + 1) / warmup)": "This also works for a warmup of one step. A "
    "schedule in place of the constant counts its steps from the peak.",
}


@original("CustomSchedule")  # tensorflow.org, Neural machine translation
def transformer(d_model, warmup_steps=4000):
    return Chain((Constant(0.0), Noam(d_model, warmup_steps)), (1,))


@original("WarmUpCosine")  # keras.io, vision examples
def warmup_cosine(lr_start, lr_max, warmup_steps, total_steps):
    decay = CosineDecay(lr_max, total_steps - warmup_steps)
    return Warmup(decay, warmup_steps, lr_start)


@original("lr * min(1, (step + 1) / warmup)")
def ramp_from_one(lr, warmup):
    return Warmup(Constant(lr), warmup - 1, lr / warmup)


@original("min(a, b)")
def lower_of_two(a, b):
    return Minimum((a, b))
