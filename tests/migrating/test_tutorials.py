"""Our schedules give the values of the formulas in tutorials."""

import numpy as np
import pytest

from kerasched import InverseSqrtDecay
from kerasched import LinearDecay
from migrating.original import ORIGINALS
from migrating.tutorials import NOTES

pytestmark = pytest.mark.host

STEPS = np.arange(300)


def custom_schedule(step, d_model, warmup_steps=4000):
    """CustomSchedule from TensorFlow's tutorial on the transformer."""
    with np.errstate(divide="ignore"):
        arg1 = 1 / np.sqrt(step)
    arg2 = step * (warmup_steps**-1.5)
    return 1 / np.sqrt(d_model) * np.minimum(arg1, arg2)


def warmup_cosine(step, lr_start, lr_max, warmup_steps, total_steps):
    """WarmUpCosine from the examples at keras.io."""
    place = np.pi * (step - warmup_steps) / (total_steps - warmup_steps)
    rate = 0.5 * lr_max * (1 + np.cos(place))
    if warmup_steps > 0:
        slope = (lr_max - lr_start) / warmup_steps
        rate = np.where(step < warmup_steps, slope * step + lr_start, rate)
    return np.where(step > total_steps, 0.0, rate)


def ramp(step, lr, warmup):
    return lr * np.minimum(1.0, (step + 1) / warmup)


def lower(step, a, b):
    return np.minimum(a.evaluate(step), b.evaluate(step))


FORMULAS = {
    "CustomSchedule": (
        custom_schedule,
        [{"d_model": 128}, {"d_model": 512, "warmup_steps": 40}],
    ),
    "WarmUpCosine": (
        warmup_cosine,
        [
            {"lr_start": lr, "lr_max": 0.1, "warmup_steps": steps, "total_steps": 200}
            for lr, steps in ((0.0, 20), (0.01, 1), (0.02, 0))
        ],
    ),
    "lr * min(1, (step + 1) / warmup)": (
        ramp,
        [{"lr": 0.1, "warmup": steps} for steps in (1, 2, 10, 250)],
    ),
    "min(a, b)": (
        lower,
        [{"a": LinearDecay(0.0, 100, 0.2), "b": InverseSqrtDecay(0.1, 50)}],
    ),
}


@pytest.mark.parametrize(
    ("name", "arguments"),
    [(name, case) for name, (_, cases) in FORMULAS.items() for case in cases],
)
def test_the_values_of_a_tutorial_are_reproduced_at_every_step(name, arguments):
    (item,) = [item for item in ORIGINALS["tutorials"] if item.name == name]
    ours = item.function(**arguments).evaluate(STEPS)
    theirs = FORMULAS[name][0](STEPS.astype("float64"), **arguments)
    # Float64 roundings, and 1 + cos, which loses digits when the cosine is near -1.
    np.testing.assert_allclose(ours, theirs, rtol=1e-12, atol=1e-17)


def test_every_tutorial_has_its_formula():
    assert {item.name for item in ORIGINALS["tutorials"]} == set(FORMULAS)
    assert set(NOTES) <= set(FORMULAS)


def test_the_note_on_noam_is_true():
    from kerasched import Noam

    shifted = Noam(512, 40).shift(-1).evaluate(STEPS)
    theirs = custom_schedule(STEPS, 512, 40)
    np.testing.assert_allclose(shifted[1:], theirs[1:], rtol=1e-12)
    assert theirs[0] == 0.0
    assert shifted[0] == shifted[1]
