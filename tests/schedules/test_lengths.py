"""Every length in steps can also be given in epochs."""

import re

import numpy as np
import pytest

import kerasched
from kerasched import SWALR
from kerasched import Chain
from kerasched import Constant
from kerasched import CosineDecay
from kerasched import InverseSqrtDecay
from kerasched import LinearDecay
from kerasched import MultiStepDecay
from kerasched import Noam
from kerasched import OneCycle
from kerasched import PerEpoch
from kerasched import PiecewiseConstant
from kerasched import PiecewiseInterpolation
from kerasched import Schedule
from kerasched import Shift
from kerasched import Triangular
from kerasched import Warmup
from kerasched import WarmupStableDecay
from kerasched.errors import Integer
from kerasched.schedules.arguments import checks_of
from kerasched.schedules.epochs import names_in_epochs

INNER = CosineDecay(0.1, 90)


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        (
            CosineDecay.from_epochs(0.1, decay_epochs=90, steps_per_epoch=391),
            CosineDecay(0.1, 35190),
        ),
        (CosineDecay.from_epochs(0.1, 3, 0.01, steps_per_epoch=5), (0.1, 15, 0.01)),
        (Warmup.from_epochs(INNER, 2, steps_per_epoch=5), Warmup(INNER, 10)),
        (Warmup.from_epochs(INNER, 0, steps_per_epoch=5), Warmup(INNER, 0)),
        (
            WarmupStableDecay.from_epochs(
                0.1,
                warmup_epochs=1,
                stable_epochs=2,
                decay_epochs=3,
                decay_shape="sqrt",
                steps_per_epoch=10,
            ),
            WarmupStableDecay(0.1, 10, 20, 30, decay_shape="sqrt"),
        ),
        (
            MultiStepDecay.from_epochs(
                0.1, milestones=[30, 60, 80], steps_per_epoch=10
            ),
            MultiStepDecay(0.1, (300, 600, 800)),
        ),
        (
            PiecewiseConstant.from_epochs([1, 2], [3.0, 2.0, 1.0], steps_per_epoch=7),
            PiecewiseConstant((7, 14), (3.0, 2.0, 1.0)),
        ),
        (
            PiecewiseInterpolation.from_epochs(
                epochs=(0, 0.25, 3), values=(0, 0.1, 0), steps_per_epoch=10
            ),
            PiecewiseInterpolation((0, 2.5, 30), (0, 0.1, 0)),
        ),
        (
            Chain.from_epochs((INNER, INNER), (4,), steps_per_epoch=5),
            Chain((INNER, INNER), (20,)),
        ),
        (
            OneCycle.from_epochs(0.1, total_epochs=30, steps_per_epoch=5),
            OneCycle(0.1, 150),
        ),
        (
            Triangular.from_epochs(0.0, 0.1, 2, 3, steps_per_epoch=5),
            Triangular(0.0, 0.1, 10, 15),
        ),
        (
            Triangular.from_epochs(0.0, 0.1, 2, None, steps_per_epoch=5),
            Triangular(0.0, 0.1, 10),
        ),
        (
            Noam.from_epochs(512, warmup_epochs=2, steps_per_epoch=5),
            Noam(512, 10),
        ),
        (
            InverseSqrtDecay.from_epochs(0.1, timescale=2, steps_per_epoch=5),
            InverseSqrtDecay(0.1, 10),
        ),
        (Shift.from_epochs(INNER, epochs=-2, steps_per_epoch=5), Shift(INNER, -10)),
        (SWALR.from_epochs(0.1, 0.05, steps_per_epoch=5), SWALR(0.1, 0.05, 10)),
    ],
    ids=lambda value: type(value).__name__,
)
def test_epochs_are_multiplied_by_their_steps(made, expected):
    if isinstance(expected, tuple):
        expected = type(made)(*expected)
    assert made == expected


def test_the_name_is_kept():
    made = LinearDecay.from_epochs(0.1, 2, steps_per_epoch=5, name="mine")
    assert (made, made.name) == (LinearDecay(0.1, 10), "mine")


@pytest.mark.parametrize(
    ("epochs", "steps"),
    # 7 * 0.5 = 3.5, 7 * 0.49 = 3.43, 7 / 3 = 2.33, 7 * 0.08 = 0.56
    [(0.5, 4), (0.49, 3), (1 / 3, 2), (0.08, 1), (np.float32(2), 14)],
)
def test_a_part_of_an_epoch_is_rounded_to_the_nearest_step(epochs, steps):
    made = LinearDecay.from_epochs(0.1, epochs, steps_per_epoch=7)
    assert made == LinearDecay(0.1, steps)


def test_a_dataset_gives_the_steps_of_an_epoch():
    class Loader:
        batch_sampler = None

        def __len__(self):
            return 7

    made = LinearDecay.from_epochs(0.1, 3, steps_per_epoch=Loader())
    assert made == LinearDecay(0.1, 21)


def test_a_user_defined_schedule_has_from_epochs():
    class Mine(Schedule):
        rest_steps: int

        def value(self, step, xp):
            return 0.1

    assert Mine.from_epochs(rest_epochs=3, steps_per_epoch=5).rest_steps == 15


NAMES = "initial_learning_rate, decay_epochs, end_learning_rate, name, steps_per_epoch"
TAKES = f". Its arguments are: {NAMES}"
NEEDS = "LinearDecay.from_epochs: missing a required argument: 'decay_epochs'"
PREFIX = "Argument `decay_epochs` of LinearDecay.from_epochs must be a "
WHOLE = "number of epochs that makes a positive integer of steps up to 2147483647"
BAD = [
    (TypeError, {"decay_steps": 3}, f"{NEEDS}{TAKES}"),
    (
        TypeError,
        {"decay_epochs": 3, "decay_rate": 1},
        "LinearDecay.from_epochs: got an unexpected keyword argument 'decay_rate'"
        f"{TAKES}",
    ),
    (TypeError, {}, f"{NEEDS}{TAKES}"),
    (ValueError, {"decay_epochs": 0.01}, f"{PREFIX}{WHOLE}, at 7 an epoch. Received: "),
    (ValueError, {"decay_epochs": 0}, f"{PREFIX}{WHOLE}, at 7 an epoch. Received: "),
    (ValueError, {"decay_epochs": -1}, f"{PREFIX}{WHOLE}, at 7 an epoch. Received: "),
    (ValueError, {"decay_epochs": 2**30}, f"{PREFIX}{WHOLE}, at 7 an epoch. Received"),
    (
        ValueError,
        {"decay_epochs": 1e308},
        f"{PREFIX}finite number of epochs of at most ",
    ),
    (ValueError, {"decay_epochs": float("nan")}, f"{PREFIX}finite number of epochs. "),
    (TypeError, {"decay_epochs": "3"}, f"{PREFIX}finite number of epochs. "),
    (TypeError, {"decay_epochs": True}, f"{PREFIX}finite number of epochs. "),
    (
        ValueError,
        {"decay_epochs": 3, "steps_per_epoch": 0},
        "Argument `steps_per_epoch` of LinearDecay.from_epochs must be a positive "
        "integer. Received: steps_per_epoch=0",
    ),
]


@pytest.mark.parametrize(("kind", "arguments", "text"), BAD)
def test_an_invalid_argument_raises(kind, arguments, text):
    with pytest.raises(kind, match=re.escape(text)):
        LinearDecay.from_epochs(0.1, **{"steps_per_epoch": 7, **arguments})


def test_an_invalid_item_of_a_list_is_named():
    text = "Argument `milestones[1]` of MultiStepDecay.from_epochs must be a number of "
    with pytest.raises(ValueError, match=re.escape(text)):
        MultiStepDecay.from_epochs(0.1, [1, -1], steps_per_epoch=7)


@pytest.mark.parametrize("cls", [Constant, PerEpoch, kerasched.Scale])
def test_a_class_without_lengths_raises(cls):
    text = "Argument `cls` of from_epochs must be a class of schedules that have "
    with pytest.raises(TypeError, match=text):
        cls.from_epochs(0.1, steps_per_epoch=7)


# Integers that do not count steps.
OTHERS = {
    "steps_per_epoch",
    "gradient_accumulation_steps",
    "model_dim",
    "seed",
    "cycle_limit",
}


@pytest.mark.parametrize("entry", kerasched.list_schedules(), ids=lambda e: e.name)
def test_each_integer_argument_is_a_length_or_listed_as_another_kind(entry):
    integers = {
        name
        for name, check in checks_of(entry.cls).items()
        if isinstance(getattr(check, "check", check), Integer)
    }
    assert integers - OTHERS == names_in_epochs(entry.cls).keys() & integers
