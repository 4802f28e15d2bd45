"""Ports consist of our schedules and refuse arguments that would have no effect."""

import importlib
import inspect
import json
import math
import re

import keras
import numpy as np
import pytest

import kerasched
from kerasched import Constant
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
def test_the_docstring_of_a_port_names_its_library(library, function):
    first, *rest = function.__doc__.splitlines()
    owner = {"paddle": "Paddle's", "transformers": "transformers'"}
    whose = owner.get(library, f"{library}'s")
    original = function.__name__.removesuffix("_momentum")
    assert first.startswith(f"{whose} {original}")
    assert first.endswith(".")
    assert not rest or rest[0] == ""
    assert len(inspect.getsource(inspect.unwrap(function)).splitlines()) < 60


def test_a_saved_port_does_not_refer_to_compat():
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
        (lambda: torch.LambdaLR(0.1, lambda step: 1.0), "lr_lambda"),
        (lambda: transformers.get_scheduler("cosin", 0.1, 1, 2), "name"),
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
def test_an_argument_without_effect_is_refused_by_name(make, argument):
    with pytest.raises(ValueError, match=f"^Argument `{argument}` of ") as caught:
        make()
    assert any("In a call of kerasched.compat." in n for n in caught.value.__notes__)


def test_the_default_of_an_argument_without_effect_is_accepted():
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
def test_get_scheduler_accepts_a_name(name, function, count, specific):
    steps = (10, 100)[:count]
    ours = transformers.get_scheduler(
        name, 0.1, *steps, scheduler_specific_kwargs=specific
    )
    same(ours, function(0.1, *steps, **specific))


NAMES = [
    ("constant", {}),
    ("constant_with_warmup", {}),
    ("inverse_sqrt", {}),
    ("cosine", {}),
    ("linear", {}),
    ("polynomial", {}),
    ("cosine_with_restarts", {"num_cycles": 2}),
    ("cosine_with_min_lr", {"min_lr": 0.01}),
    ("cosine_warmup_with_min_lr", {"min_lr": 0.01}),
    ("warmup_stable_decay", {"num_decay_steps": 100}),
    ("warmup_stable_decay", {"num_decay_steps": 100, "num_stable_steps": 800}),
]


@pytest.mark.parametrize("given", [None, {}])
@pytest.mark.parametrize(("name", "kwargs"), NAMES)
def test_get_scheduler_accepts_all_arguments_of_a_script(name, kwargs, given):
    script = {
        "num_warmup_steps": 0,
        "num_training_steps": 1000,
        "scheduler_specific_kwargs": kwargs or given,
    }
    ours = transformers.get_scheduler(name, lr=0.1, **script)
    # Without warmup each starts at the rate, except the one that counts from 1.
    first = 0.1 if name != "cosine_warmup_with_min_lr" else pytest.approx(0.1, 1e-4)
    assert ours.evaluate(0) == first


@pytest.mark.parametrize(("name", "kwargs"), NAMES)
def test_an_integral_float_is_a_number_of_steps(name, kwargs):
    def made(warmup, total):
        steps = (warmup, total)
        return transformers.get_scheduler(
            name, 0.1, *steps, scheduler_specific_kwargs=kwargs
        )

    # 0.07 * 100 is 7.000000000000001.
    same(made(0.07 * 100, 1e3), made(7, 1000))
    same(made(0.1 * 1000, 1000.0), made(100, 1000))
    assert made(0.07 * 100, 1e3) == made(7, 1000)


def test_kwargs_of_a_constant_are_ignored_as_in_the_original():
    for name in ("constant", "constant_with_warmup"):
        ours = transformers.get_scheduler(
            name, 0.1, 0, 10, scheduler_specific_kwargs={"num_cycles": 2}
        )
        same(ours, transformers.get_constant_schedule(0.1))


def test_a_cosine_of_zero_cycles_is_constant():
    # cos(pi * 0 * progress) is 1.
    ours = transformers.get_cosine_schedule_with_warmup(0.1, 0, 100, num_cycles=0)
    same(ours, transformers.get_constant_schedule(0.1))


@pytest.mark.parametrize(
    ("call", "owner"),
    [
        (lambda: torch.ReduceLROnPlateau(0.1), "torch.ReduceLROnPlateau"),
        (lambda: paddle.ReduceOnPlateau(0.1, patience=3), "paddle.ReduceOnPlateau"),
        (lambda: timm.PlateauLRScheduler(0.1), "timm.PlateauLRScheduler"),
        (lambda: optax.reduce_on_plateau(0.1), "optax.contrib.reduce_on_plateau"),
        (
            lambda: optax.contrib.reduce_on_plateau(factor=0.1),
            "optax.contrib.reduce_on_plateau",
        ),
        *(
            (
                lambda name=name: transformers.get_scheduler(name, 0.1, 0, 10),
                f"transformers.get_{owner}_schedule",
            )
            for name, owner in (
                ("reduce_lr_on_plateau", "reduce_on_plateau"),
                ("greedy", "greedy"),
            )
        ),
        (
            lambda: transformers.get_reduce_on_plateau_schedule(0.1, factor=0.5),
            "transformers.get_reduce_on_plateau_schedule",
        ),
        (
            lambda: transformers.get_greedy_schedule(0.1),
            "transformers.get_greedy_schedule",
        ),
    ],
)
def test_a_scheduler_of_a_metric_names_the_callback(call, owner):
    text = (
        f"{owner} follows a metric, which is not known from the step. Use the "
        "callback kerasched.callbacks.ReduceOnPlateau(monitor, ...)."
    )
    with pytest.raises(NotImplementedError, match=f"^{re.escape(text)}$"):
        call()
    assert hasattr(kerasched.callbacks, "ReduceOnPlateau")


@pytest.mark.parametrize(
    ("call", "owner", "instead"),
    [
        (torch.MultiplicativeLR, "torch.MultiplicativeLR", torch.LambdaLR),
        (paddle.MultiplicativeDecay, "paddle.MultiplicativeDecay", paddle.LambdaDecay),
    ],
)
def test_a_scheduler_of_the_previous_rate_names_a_substitute(call, owner, instead):
    library = owner.partition(".")[0]
    with pytest.raises(NotImplementedError) as caught:
        call(0.1, halved)
    assert str(caught.value).startswith(f"{owner} multiplies the rate of the step")
    assert f"Use {library}.{instead.__name__} with a function that" in str(caught.value)


def test_the_plateau_of_timm_is_refused_with_the_callback():
    with pytest.raises(ValueError, match=r"Use the callback kerasched\.callbacks\.Red"):
        timm.create_scheduler_v2(0.1, "plateau")


def test_a_linear_ramp_of_no_steps_keeps_its_start():
    # This is the ramp (t + 1) / W for one step, as in LinearLR(1 / W, total_iters=W-1).
    same(torch.LinearLR(0.1, 1.0, total_iters=0), Constant(0.1))
    same(torch.LinearLR(0.1, 0.5, total_iters=0), Constant(0.05))


def timm_cosine(step, lr_min, decay):
    """Return the rate of timm's formula for cycles of 16, 8 and 4 steps."""
    cycle = math.floor(math.log(1 - step / 16 * (1 - 0.5), 0.5))
    length, start = 0.5**cycle * 16, (1 - 0.5**cycle) / (1 - 0.5) * 16
    if cycle >= 3:
        return lr_min
    top = 0.1 * decay**cycle
    p = (step - start) / length
    return lr_min + 0.5 * (top - lr_min) * (1 + math.cos(math.pi * p))


@pytest.mark.parametrize("lr_min", [0.0, 0.01])
@pytest.mark.parametrize("decay", [1.0, 0.5])
def test_cycles_of_timm_may_shrink(lr_min, decay):
    cycles = {"cycle_mul": 0.5, "cycle_limit": 3, "cycle_decay": decay}
    ours = timm.CosineLRScheduler(0.1, 16, lr_min, **cycles)
    # timm raises at step 32, which is the sum of 16 + 8 + 4 + 2 + ...
    theirs = [timm_cosine(step, lr_min, decay) for step in range(32)]
    np.testing.assert_allclose(
        ours.evaluate(np.arange(32)), theirs, rtol=1e-12, atol=1e-17
    )
    assert (ours.evaluate([28, 31, 32, 2**31 - 1]) == lr_min).all()


def test_all_schedulers_of_timm_with_cycles_may_shrink():
    cycles = {"cycle_mul": 0.5, "cycle_limit": 3}
    for made in (
        timm.PolyLRScheduler(0.1, 16, **cycles),
        timm.TanhLRScheduler(0.1, 16, **cycles),
        timm.create_scheduler_v2(0.1, num_epochs=16, **cycles),
    ):
        rates = made.evaluate(np.arange(32))
        falls = np.flatnonzero(np.diff(rates) > 0.0) + 1
        assert falls.tolist() == [16, 24]
        assert (rates[28:] == 0.0).all()


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
    # A cosine of ten epochs that includes the warmup.
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
            # A fifth of the steps after the warmup.
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
    text = (
        "Argument `milestones` of torch.SequentialLR must be one item shorter than "
        "`schedulers`, which has 1. Received: milestones=(5,)"
    )
    with pytest.raises(ValueError, match=re.escape(text)):
        torch.SequentialLR([StepDecay(0.1, 2)], [5])


def test_a_scale_function_receives_the_number_of_the_cycle():
    ours = torch.CyclicLR(0.1, 0.3, 4, scale_fn=halved)
    # The height halves in each cycle, as in mode "triangular2".
    expected = torch.CyclicLR(0.1, 0.3, 4, mode="triangular2").evaluate(STEPS)
    np.testing.assert_allclose(ours.evaluate(STEPS), expected, rtol=1e-14)


def test_a_scale_function_may_receive_the_step():
    ours = paddle.CyclicLR(0.1, 0.3, 4, scale_fn=halved, scale_mode="iterations")
    # At step 2 the wave is at half of its height, and the function is 1/2.
    assert ours.evaluate(2) == pytest.approx(0.1 + 0.2 * 0.5 * 0.5)


def test_the_width_of_paddle_need_not_be_an_integer():
    # From TestNoamDecay in Paddle's test_lr_scheduler.py.
    ours = paddle.NoamDecay(d_model=0.01, warmup_steps=200, learning_rate=2.0)
    steps = np.arange(1, 400)
    theirs = 2.0 * 0.01**-0.5 * np.minimum(steps**-0.5, steps * 200**-1.5)
    np.testing.assert_allclose(ours.evaluate(steps), theirs, rtol=1e-13)
    assert ours.evaluate(0) == 0.0
    whole = paddle.NoamDecay(64, 10).get_config()["schedules"][1]["config"]
    assert whole["model_dim"] == 64
    assert isinstance(whole["model_dim"], int)


def test_a_rate_or_a_schedule_follows_the_warmup_of_paddle():
    ours = paddle.LinearWarmup(CosineDecay(0.2, 10), 4, 0.0, 0.1)
    assert ours.evaluate([0, 2, 4, 9, 14]).tolist() == pytest.approx(
        [0.0, 0.05, 0.2, 0.1, 0.0]
    )
