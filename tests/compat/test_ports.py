"""Ports are made of our schedules, and refuse what can have no effect."""

import importlib
import inspect
import json

import keras
import numpy as np
import pytest

from kerasched import CosineDecay
from kerasched import Schedule
from kerasched import StepDecay
from kerasched.compat import LIBRARIES
from kerasched.compat import optax
from kerasched.compat import paddle
from kerasched.compat import timm
from kerasched.compat import torch
from kerasched.compat import transformers

pytestmark = pytest.mark.host

STEPS = np.arange(120)


@keras.saving.register_keras_serializable("test_ports")
def halved(number):
    return 0.5 ** (number - 1)


def same(one, other):
    np.testing.assert_array_equal(one.evaluate(STEPS), other.evaluate(STEPS))


def ports():
    """Return every public port with the name of its library."""
    for library in LIBRARIES:
        module = importlib.import_module(f"kerasched.compat.{library}")
        for name, function in vars(module).items():
            ours = hasattr(function, "__wrapped__") and name[0] != "_"
            if ours and function.__module__.startswith(module.__name__):
                yield pytest.param(library, function, id=f"{library}.{name}")


@pytest.mark.parametrize(("library", "function"), list(ports()))
def test_a_port_says_whose_it_is_in_one_line(library, function):
    first, *rest = function.__doc__.splitlines()
    owner = {"paddle": "Paddle's", "transformers": "transformers'"}
    whose = owner.get(library, f"{library}'s")
    assert first.startswith(f"{whose} {function.__name__}")
    assert first.endswith(".")
    assert not rest or rest[0] == ""
    assert len(inspect.getsource(inspect.unwrap(function)).splitlines()) < 60


def test_what_is_saved_does_not_know_of_compat():
    for schedule in (
        torch.OneCycleLR(0.1, 100),
        transformers.get_scheduler("cosine", 0.1, 10, 100),
        timm.create_scheduler_v2(0.1, num_epochs=10, warmup_epochs=2),
        optax.sgdr_schedule([{**SGDR, "peak_value": 0.1}] * 2),
        paddle.NoamDecay(64, 10),
    ):
        config = keras.saving.serialize_keras_object(schedule)
        assert "compat" not in json.dumps(config)
        assert keras.saving.deserialize_keras_object(config) == schedule
        assert isinstance(schedule, Schedule)


SGDR = {"init_value": 0.0, "peak_value": 0.1, "warmup_steps": 5, "decay_steps": 30}


@pytest.mark.parametrize(
    ("make", "argument"),
    [
        (lambda: torch.StepLR(0.1, 10, last_epoch=5), "last_epoch"),
        (lambda: paddle.StepDecay(0.1, 10, verbose=True), "verbose"),
        (lambda: timm.CosineLRScheduler(0.1, 10, noise_range_t=5), "noise_range_t"),
        (lambda: timm.CosineLRScheduler(0.1, 10, noise_std=0.5), "noise_std"),
        (lambda: timm.StepLRScheduler(0.1, 10, t_in_epochs=False), "t_in_epochs"),
        (lambda: torch.OneCycleLR(0.1, 10, base_momentum=0.8), "base_momentum"),
        (lambda: torch.OneCycleLR(0.1, 10, cycle_momentum=True), "cycle_momentum"),
        (lambda: torch.OneCycleLR(0.1, 10, epochs=2), "epochs"),
        (lambda: torch.OneCycleLR(0.1, epochs=2), "total_steps"),
        (
            lambda: torch.OneCycleLR(0.1, 10, anneal_strategy="cosine"),
            "anneal_strategy",
        ),
        (lambda: torch.CyclicLR(0.1, 0.2, gamma=0.9), "gamma"),
        (lambda: torch.CyclicLR(0.1, 0.2, scale_mode="iterations"), "scale_mode"),
        (
            lambda: torch.CyclicLR(0.1, 0.2, scale_fn=halved, mode="triangular2"),
            "mode",
        ),
        (lambda: torch.ChainedScheduler([StepDecay(0.1, 2)], 0.0), "lr"),
        (lambda: torch.LambdaLR(0.1, lambda step: 1.0), "function"),
        (lambda: transformers.get_scheduler("cosin", 0.1, 1, 2), "name"),
        (
            lambda: transformers.get_scheduler("constant", 0.1, 1),
            "num_warmup_steps",
        ),
        (
            lambda: transformers.get_scheduler("inverse_sqrt", 0.1, 1, 10),
            "num_training_steps",
        ),
        (lambda: transformers.get_scheduler("cosine", 0.1, 1), "num_training_steps"),
        (
            lambda: transformers.get_wsd_schedule(0.1, 5, 5, 20, 10),
            "num_training_steps",
        ),
        (
            lambda: transformers.get_wsd_schedule(
                0.1, 5, 5, 20, decay_type="linear", num_cycles=1.0
            ),
            "num_cycles",
        ),
        (
            lambda: transformers.get_cosine_with_min_lr_schedule_with_warmup(0.1, 5, 9),
            "min_lr",
        ),
        (
            lambda: transformers.get_polynomial_decay_schedule_with_warmup(
                0.1, 5, 9, lr_end=0.2
            ),
            "lr_end",
        ),
        (lambda: timm.WSDLRScheduler(0.1, 10, 5, stable_power=1.0), "stable_power"),
        (lambda: timm.WSDLRScheduler(0.1, 10, 5, decay_ratio=0.5), "decay_ratio"),
        (
            lambda: timm.WSDLRScheduler(0.1, 10, 5, stable_fn="rsqrt"),
            "stable_timescale",
        ),
        (lambda: timm.create_scheduler_v2(0.1, "step", min_lr=0.1), "min_lr"),
        (lambda: timm.create_scheduler_v2(0.1, "cosine", decay_rate=0.5), "decay_rate"),
        (lambda: timm.create_scheduler_v2(0.1, cooldown_epochs=5), "cooldown_epochs"),
        (lambda: timm.create_scheduler_v2(0.1, noise=0.5), "noise"),
        (lambda: timm.create_scheduler_v2(0.1, "plateau"), "sched"),
        (
            lambda: timm.create_scheduler_v2(0.1, step_on_epochs=False),
            "updates_per_epoch",
        ),
        (
            lambda: timm.create_scheduler_v2(0.1, "wsd", 10, decay_epochs=11),
            "decay_epochs",
        ),
        (lambda: timm.StepLRScheduler(0.1, 3.141592653589793), "decay_t"),
    ],
)
def test_what_can_have_no_effect_is_refused_by_name(make, argument):
    with pytest.raises(ValueError, match=f"^Argument `{argument}` of ") as caught:
        make()
    assert any("In a call of kerasched.compat." in n for n in caught.value.__notes__)


def test_the_plain_value_of_such_an_argument_is_taken():
    same(torch.StepLR(0.1, 10, last_epoch=-1), torch.StepLR(0.1, 10))
    same(torch.OneCycleLR(0.1, 90, cycle_momentum=False), torch.OneCycleLR(0.1, 90))
    same(torch.OneCycleLR(0.1, 90, lr=0.7), torch.OneCycleLR(0.1, 90))
    same(torch.OneCycleLR(0.1, None, 9, 10), torch.OneCycleLR(0.1, 90))


@pytest.mark.parametrize(
    ("name", "function", "count", "specific"),
    [
        ("linear", transformers.get_linear_schedule_with_warmup, 2, {}),
        ("cosine", transformers.get_cosine_schedule_with_warmup, 2, {"num_cycles": 1}),
        (
            "cosine_with_restarts",
            transformers.get_cosine_with_hard_restarts_schedule_with_warmup,
            2,
            {"num_cycles": 3},
        ),
        (
            "polynomial",
            transformers.get_polynomial_decay_schedule_with_warmup,
            2,
            {"power": 2.0},
        ),
        ("constant", transformers.get_constant_schedule, 0, {}),
        (
            "constant_with_warmup",
            transformers.get_constant_schedule_with_warmup,
            1,
            {},
        ),
        ("inverse_sqrt", transformers.get_inverse_sqrt_schedule, 1, {"timescale": 7}),
        (
            "cosine_with_min_lr",
            transformers.get_cosine_with_min_lr_schedule_with_warmup,
            2,
            {"min_lr": 0.01},
        ),
        (
            "cosine_warmup_with_min_lr",
            transformers.get_cosine_with_min_lr_schedule_with_warmup_lr_rate,
            2,
            {"min_lr_rate": 0.1},
        ),
    ],
)
def test_get_scheduler_takes_a_name(name, function, count, specific):
    steps = (10, 100)[:count]
    ours = transformers.get_scheduler(
        name, 0.1, *steps, scheduler_specific_kwargs=specific
    )
    same(ours, function(0.1, *steps, **specific))


def test_get_scheduler_of_a_plateau():
    by_total = transformers.get_scheduler(
        "warmup_stable_decay", 0.1, 10, 100, {"num_decay_steps": 30}
    )
    by_plateau = transformers.get_scheduler(
        "warmup_stable_decay",
        0.1,
        10,
        scheduler_specific_kwargs={"num_decay_steps": 30, "num_stable_steps": 60},
    )
    same(by_total, by_plateau)
    same(by_total, transformers.get_wsd_schedule(0.1, 10, 30, 100))


def test_create_scheduler_v2_counts_epochs_or_updates():
    # A cosine of ten epochs after a warmup that it goes on under.
    by_epoch = timm.create_scheduler_v2(0.1, num_epochs=10, warmup_epochs=2)
    same(by_epoch, timm.CosineLRScheduler(0.1, 10, warmup_t=2, warmup_lr_init=1e-5))
    by_update = timm.create_scheduler_v2(
        0.1, num_epochs=10, warmup_epochs=2, step_on_epochs=False, updates_per_epoch=7
    )
    same(by_update, timm.CosineLRScheduler(0.1, 70, warmup_t=14, warmup_lr_init=1e-5))
    whole = timm.create_scheduler_v2(
        0.1, num_epochs=10, warmup_epochs=2, updates_per_epoch=7
    )
    assert whole.evaluate(STEPS).tolist() == by_epoch.evaluate(STEPS // 7).tolist()


@pytest.mark.parametrize(
    ("arguments", "ours"),
    [
        (
            {"sched": "tanh", "num_epochs": 30, "cycle_limit": 3, "min_lr": 0.001},
            timm.TanhLRScheduler(0.1, 30, lr_min=1e-3, cycle_decay=0.1, cycle_limit=3),
        ),
        (
            {"sched": "poly", "num_epochs": 30, "decay_rate": 2.0},
            timm.PolyLRScheduler(0.1, 30, 2.0),
        ),
        ({"sched": "step", "decay_epochs": 2.4}, timm.StepLRScheduler(0.1, 2.4, 0.1)),
        ({"sched": "step"}, timm.StepLRScheduler(0.1, 90, 0.1)),
        (
            {"sched": "multistep", "decay_milestones": [5, 9], "decay_rate": 0.5},
            timm.MultiStepLRScheduler(0.1, [5, 9], 0.5),
        ),
        (
            {"sched": "constant", "warmup_epochs": 5, "warmup_lr": 0.01},
            timm.StepLRScheduler(0.1, 1, 1.0, 5, 0.01),
        ),
        ({"sched": "none"}, transformers.get_constant_schedule(0.1)),
        (
            # A fifth of what the warmup leaves.
            {"sched": "wsd", "num_epochs": 30, "warmup_epochs": 5},
            timm.WSDLRScheduler(0.1, 25, 5, warmup_t=5, warmup_lr_init=1e-5),
        ),
        (
            {
                "sched": "rsqrt",
                "num_epochs": 30,
                "decay_epochs": 4,
                "stable_timescale": 7,
                "step_on_epochs": False,
                "updates_per_epoch": 3,
            },
            timm.WSDLRScheduler(
                0.1, 90, 12, stable_fn="rsqrt", stable_timescale=21, decay_fn="linear"
            ),
        ),
    ],
)
def test_create_scheduler_v2_knows_each_name(arguments, ours):
    same(timm.create_scheduler_v2(0.1, **arguments), ours)


def test_a_schedule_between_equal_boundaries_is_never_reached():
    a, b, c = (StepDecay(rate, 5) for rate in (0.1, 0.2, 0.4))
    same(optax.join_schedules([a, b, c], [7, 7]), optax.join_schedules([a, c], [7]))
    same(torch.SequentialLR([a, b, c], [0, 0]), c)


def test_a_join_of_too_few_schedules_is_refused():
    with pytest.raises(
        ValueError, match="`schedules` of Chain must be one item longer"
    ):
        torch.SequentialLR([StepDecay(0.1, 2)], [5])


def test_a_scale_function_is_given_the_number_of_the_cycle():
    ours = torch.CyclicLR(0.1, 0.3, 4, scale_fn=halved)
    # In each cycle half of the height of the one before, as mode "triangular2" has it.
    expected = torch.CyclicLR(0.1, 0.3, 4, mode="triangular2").evaluate(STEPS)
    np.testing.assert_allclose(ours.evaluate(STEPS), expected, rtol=1e-14)


def test_a_scale_function_may_be_given_the_step():
    ours = paddle.CyclicLR(0.1, 0.3, 4, scale_fn=halved, scale_mode="iterations")
    # The wave is at 1/2 of its height at step 2, and the function at 1/2 of 1.
    assert ours.evaluate(2) == pytest.approx(0.1 + 0.2 * 0.5 * 0.5)


def test_a_rate_or_a_schedule_follows_the_warmup_of_paddle():
    ours = paddle.LinearWarmup(CosineDecay(0.2, 10), 4, 0.0, 0.1)
    assert ours.evaluate([0, 2, 4, 9, 14]).tolist() == pytest.approx(
        [0.0, 0.05, 0.2, 0.1, 0.0]
    )
