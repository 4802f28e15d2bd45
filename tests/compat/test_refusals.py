"""A port refuses the arguments that its original refuses, by the port's names."""

import inspect
import re

import keras
import numpy as np
import pytest

from compat.test_ports import ports
from kerasched import Constant
from kerasched import Schedule
from kerasched import StepDecay
from kerasched.compat import optax
from kerasched.compat import paddle
from kerasched.compat import timm
from kerasched.compat import torch
from kerasched.compat import transformers

pytestmark = pytest.mark.host

NAN = float("nan")


@keras.saving.register_keras_serializable("test_refusals")
def one(step):
    return 1.0


TWO = (Constant(0.1), StepDecay(0.1, 5))
SGDR = {"init_value": 0.0, "peak_value": 0.1, "warmup_steps": 5, "decay_steps": 30}
WARMUP = {"num_warmup_steps": 10, "num_training_steps": 100}

# Arguments that each port accepts.
GOOD = {
    torch.LambdaLR: {"lr": 0.1, "lr_lambda": one},
    torch.StepLR: {"lr": 0.1, "step_size": 10},
    torch.MultiStepLR: {"lr": 0.1, "milestones": [3, 7]},
    torch.ConstantLR: {"lr": 0.1},
    torch.LinearLR: {"lr": 0.1},
    torch.ExponentialLR: {"lr": 0.1, "gamma": 0.9},
    torch.PolynomialLR: {"lr": 0.1},
    torch.CosineAnnealingLR: {"lr": 0.1, "T_max": 10},
    torch.CosineAnnealingWarmRestarts: {"lr": 0.1, "T_0": 10},
    torch.OneCycleLR: {"max_lr": 0.1, "total_steps": 10},
    torch.OneCycleLR_momentum: {"max_lr": 0.1, "total_steps": 10},
    torch.CyclicLR: {"base_lr": 0.1, "max_lr": 0.2},
    torch.CyclicLR_momentum: {"base_lr": 0.1, "max_lr": 0.2},
    torch.SWALR: {"lr": 0.1, "swa_lr": 0.2},
    torch.SequentialLR: {"schedulers": TWO, "milestones": [10]},
    torch.ChainedScheduler: {"schedulers": TWO, "lr": 0.1},
    transformers.get_constant_schedule: {"lr": 0.1},
    transformers.get_constant_schedule_with_warmup: {"lr": 0.1, "num_warmup_steps": 10},
    transformers.get_linear_schedule_with_warmup: {"lr": 0.1, **WARMUP},
    transformers.get_cosine_schedule_with_warmup: {"lr": 0.1, **WARMUP},
    transformers.get_cosine_with_hard_restarts_schedule_with_warmup: {
        "lr": 0.1,
        **WARMUP,
    },
    transformers.get_polynomial_decay_schedule_with_warmup: {"lr": 0.1, **WARMUP},
    transformers.get_inverse_sqrt_schedule: {"lr": 0.1, "num_warmup_steps": 10},
    transformers.get_cosine_with_min_lr_schedule_with_warmup: {
        "lr": 0.1,
        **WARMUP,
        "min_lr": 0.01,
    },
    transformers.get_cosine_with_min_lr_schedule_with_warmup_lr_rate: {
        "lr": 0.1,
        **WARMUP,
        "min_lr": 0.01,
    },
    transformers.get_wsd_schedule: {"lr": 0.1, **WARMUP, "num_decay_steps": 20},
    transformers.get_scheduler: {"name": "cosine", "lr": 0.1, **WARMUP},
    optax.constant_schedule: {"value": 0.1},
    optax.polynomial_schedule: {
        "init_value": 0.1,
        "end_value": 0.0,
        "power": 2.0,
        "transition_steps": 10,
    },
    optax.linear_schedule: {
        "init_value": 0.1,
        "end_value": 0.0,
        "transition_steps": 10,
    },
    optax.exponential_decay: {
        "init_value": 0.1,
        "transition_steps": 10,
        "decay_rate": 0.5,
    },
    optax.cosine_decay_schedule: {"init_value": 0.1, "decay_steps": 10},
    optax.piecewise_constant_schedule: {"init_value": 0.1},
    optax.piecewise_interpolate_schedule: {
        "interpolate_type": "linear",
        "init_value": 0.1,
    },
    optax.linear_onecycle_schedule: {"transition_steps": 100, "peak_value": 0.1},
    optax.cosine_onecycle_schedule: {"transition_steps": 100, "peak_value": 0.1},
    optax.warmup_constant_schedule: {
        "init_value": 0.0,
        "peak_value": 0.1,
        "warmup_steps": 10,
    },
    optax.warmup_cosine_decay_schedule: SGDR,
    optax.warmup_exponential_decay_schedule: {
        "init_value": 0.0,
        "peak_value": 0.1,
        "warmup_steps": 10,
        "transition_steps": 10,
        "decay_rate": 0.5,
    },
    optax.sgdr_schedule: {"cosine_kwargs": [SGDR, SGDR]},
    optax.join_schedules: {"schedules": TWO, "boundaries": [10]},
    timm.CosineLRScheduler: {"lr": 0.1, "t_initial": 10, "cycle_limit": 3},
    timm.TanhLRScheduler: {"lr": 0.1, "t_initial": 10},
    timm.PolyLRScheduler: {"lr": 0.1, "t_initial": 10, "cycle_mul": 2.0},
    timm.StepLRScheduler: {"lr": 0.1, "decay_t": 2.4, "decay_rate": 0.5},
    timm.MultiStepLRScheduler: {"lr": 0.1, "decay_t": [3, 7]},
    timm.WSDLRScheduler: {"lr": 0.1, "t_initial": 10, "decay_t": 5},
    timm.create_scheduler_v2: {"lr": 0.1},
    paddle.NoamDecay: {"d_model": 64, "warmup_steps": 10},
    paddle.PiecewiseDecay: {"boundaries": [3, 7], "values": [0.3, 0.2, 0.1]},
    paddle.NaturalExpDecay: {"learning_rate": 0.1, "gamma": 0.1},
    paddle.InverseTimeDecay: {"learning_rate": 0.1, "gamma": 0.1},
    paddle.PolynomialDecay: {"learning_rate": 0.1, "decay_steps": 10},
    paddle.LinearWarmup: {
        "learning_rate": 0.1,
        "warmup_steps": 10,
        "start_lr": 0.0,
        "end_lr": 0.1,
    },
    paddle.ExponentialDecay: {"learning_rate": 0.1, "gamma": 0.9},
    paddle.MultiStepDecay: {"learning_rate": 0.1, "milestones": [3, 7]},
    paddle.StepDecay: {"learning_rate": 0.1, "step_size": 10},
    paddle.LambdaDecay: {"learning_rate": 0.1, "lr_lambda": one},
    paddle.CosineAnnealingDecay: {"learning_rate": 0.1, "T_max": 10},
    paddle.CosineAnnealingWarmRestarts: {"learning_rate": 0.1, "T_0": 10},
    paddle.OneCycleLR: {"max_learning_rate": 0.1, "total_steps": 10},
    paddle.CyclicLR: {
        "base_learning_rate": 0.1,
        "max_learning_rate": 0.2,
        "step_size_up": 10,
    },
    paddle.LinearLR: {"learning_rate": 0.1, "total_steps": 10},
}
NAMES = {port.values[1]: port.id for port in ports()}


def test_every_port_has_arguments_here():
    assert set(GOOD) == set(NAMES)


# Each row has the port, the changes to its valid arguments, the error and the
# requirement. In the original, each was observed to raise at construction or at the
# first step, except NaN, which the originals accept as a number between 0 and 1.
REFUSED = [
    (torch.StepLR, {"step_size": 0}, ValueError, "a positive whole number"),
    (torch.StepLR, {"step_size": "10"}, TypeError, "a positive whole number"),
    (torch.ConstantLR, {"factor": 1.5}, ValueError, "a number from 0 to 1"),
    (torch.ConstantLR, {"factor": -0.1}, ValueError, "a number from 0 to 1"),
    (
        torch.LinearLR,
        {"start_factor": 2},
        ValueError,
        "a number above 0 and at most 1",
    ),
    (
        torch.LinearLR,
        {"start_factor": 0},
        ValueError,
        "a number above 0 and at most 1",
    ),
    (torch.LinearLR, {"end_factor": 2}, ValueError, "a number from 0 to 1"),
    (torch.LinearLR, {"end_factor": -0.5}, ValueError, "a number from 0 to 1"),
    (torch.CosineAnnealingLR, {"T_max": 0}, ValueError, "a positive whole number"),
    *(
        (port, {"T_0": value}, error, "a positive integer")
        for port in (
            torch.CosineAnnealingWarmRestarts,
            paddle.CosineAnnealingWarmRestarts,
        )
        for value, error in ((0, ValueError), (-5, ValueError), (10.0, TypeError))
    ),
    *(
        (port, {"T_mult": value}, error, "a positive integer")
        for port in (
            torch.CosineAnnealingWarmRestarts,
            paddle.CosineAnnealingWarmRestarts,
        )
        for value, error in ((0, ValueError), (0.5, TypeError), (1.0, TypeError))
    ),
    (
        torch.CosineAnnealingWarmRestarts,
        {"eta_min": "0"},
        TypeError,
        "a non-negative finite number",
    ),
    *(
        (port, {"total_steps": value}, error, "a positive integer")
        for port in (torch.OneCycleLR, torch.OneCycleLR_momentum, paddle.OneCycleLR)
        for value, error in (
            (0, ValueError),
            (-10, ValueError),
            (10.5, TypeError),
            (10.0, TypeError),
            ("10", TypeError),
        )
    ),
    *(
        (port, {**epochs, "total_steps": None}, error, "a positive integer")
        for port in (torch.OneCycleLR, torch.OneCycleLR_momentum)
        for epochs, error in (
            ({"epochs": 0, "steps_per_epoch": 10}, ValueError),
            ({"epochs": 2.5, "steps_per_epoch": 10}, TypeError),
            ({"steps_per_epoch": 0, "epochs": 2}, ValueError),
            ({"steps_per_epoch": "10", "epochs": 2}, TypeError),
        )
    ),
    *(
        (port, {name: value}, error, "a float from 0 to 1")
        for port, name in (
            (torch.OneCycleLR, "pct_start"),
            (torch.OneCycleLR_momentum, "pct_start"),
            (paddle.OneCycleLR, "phase_pct"),
        )
        for value, error in (
            (30, TypeError),
            (1, TypeError),
            (1.5, ValueError),
            (-0.1, ValueError),
            (NAN, ValueError),
            ("0.3", TypeError),
        )
    ),
    *(
        (port, {"anneal_strategy": "cosine"}, ValueError, "one of 'cos', 'linear'")
        for port in (
            torch.OneCycleLR,
            torch.OneCycleLR_momentum,
            torch.SWALR,
            paddle.OneCycleLR,
        )
    ),
    (torch.OneCycleLR, {"div_factor": 0}, ValueError, "a positive finite number"),
    (torch.CyclicLR, {"step_size_up": 0}, ValueError, "a positive whole number"),
    *(
        (
            port,
            {"mode": "triangle"},
            ValueError,
            "one of 'triangular', 'triangular2', 'exp_range'",
        )
        for port in (torch.CyclicLR, torch.CyclicLR_momentum, paddle.CyclicLR)
    ),
    (torch.SWALR, {"anneal_epochs": -1}, ValueError, "a non-negative integer"),
    (torch.SWALR, {"anneal_epochs": 5.0}, TypeError, "a non-negative integer"),
    (torch.SequentialLR, {"schedulers": []}, ValueError, "not empty"),
    (
        torch.SequentialLR,
        {"milestones": [5, 10]},
        ValueError,
        "one item shorter than `schedulers`, which has 2",
    ),
    (torch.ChainedScheduler, {"schedulers": []}, ValueError, "not empty"),
    (torch.LambdaLR, {"lr_lambda": 0.1}, TypeError, "a function registered with Keras"),
    *(
        (port, {"lr": -0.1}, ValueError, "a non-negative finite number")
        for port in (
            torch.StepLR,
            torch.SWALR,
            transformers.get_constant_schedule,
            timm.CosineLRScheduler,
        )
    ),
    (
        transformers.get_polynomial_decay_schedule_with_warmup,
        {"lr_end": 0.1},
        ValueError,
        "below `lr`, which is 0.1",
    ),
    (
        transformers.get_inverse_sqrt_schedule,
        {"timescale": 0},
        ValueError,
        "a positive finite number",
    ),
    *(
        (
            port,
            {"min_lr": 0.1, "min_lr_rate": 0.1},
            ValueError,
            "given, or `min_lr_rate`, but not both",
        )
        for port in (
            transformers.get_cosine_with_min_lr_schedule_with_warmup,
            transformers.get_cosine_with_min_lr_schedule_with_warmup_lr_rate,
        )
    ),
    (
        transformers.get_wsd_schedule,
        {"warmup_type": "square"},
        ValueError,
        "one of 'linear', 'cosine', '1-sqrt'",
    ),
    (
        transformers.get_wsd_schedule,
        {"decay_type": "square"},
        ValueError,
        "one of 'linear', 'cosine', '1-sqrt'",
    ),
    (
        transformers.get_wsd_schedule,
        {"num_training_steps": None},
        ValueError,
        "given, or `num_stable_steps`, but not both",
    ),
    (
        transformers.get_scheduler,
        {"num_warmup_steps": None},
        ValueError,
        "given for the schedule 'cosine'",
    ),
    (
        transformers.get_scheduler,
        {"num_training_steps": None},
        ValueError,
        "given for the schedule 'cosine'",
    ),
    (transformers.get_scheduler, {"name": "sine"}, ValueError, "one of 'linear', "),
    *(
        (port, {"transition_steps": value}, ValueError, "a positive whole number")
        for port in (optax.linear_onecycle_schedule, optax.cosine_onecycle_schedule)
        for value in (0, -3)
    ),
    (
        optax.cosine_onecycle_schedule,
        {"div_factor": -1.0},
        ValueError,
        "a positive finite number",
    ),
    (
        optax.cosine_decay_schedule,
        {"decay_steps": 0},
        ValueError,
        "a positive whole number",
    ),
    (
        optax.warmup_cosine_decay_schedule,
        {"decay_steps": 5},
        ValueError,
        "above `warmup_steps`, which is 5: they include it",
    ),
    (
        optax.piecewise_interpolate_schedule,
        {"interpolate_type": "cubic"},
        ValueError,
        "one of 'linear', 'cosine'",
    ),
    (optax.sgdr_schedule, {"cosine_kwargs": []}, ValueError, "not empty"),
    *(
        (port, {"t_initial": value}, ValueError, "a positive whole number")
        for port in (
            timm.CosineLRScheduler,
            timm.TanhLRScheduler,
            timm.PolyLRScheduler,
            timm.WSDLRScheduler,
        )
        for value in (0, -1)
    ),
    *(
        (port, {"lr_min": -0.1}, ValueError, "a non-negative finite number")
        for port in (
            timm.CosineLRScheduler,
            timm.TanhLRScheduler,
            timm.PolyLRScheduler,
            timm.WSDLRScheduler,
        )
    ),
    (timm.TanhLRScheduler, {"ub": -8.0}, ValueError, "above `lb`, which is -7.0"),
    (
        timm.TanhLRScheduler,
        {"cycle_limit": -1},
        ValueError,
        "a non-negative whole number",
    ),
    (timm.TanhLRScheduler, {"warmup_t": -1}, ValueError, "a non-negative whole number"),
    (
        timm.TanhLRScheduler,
        {"warmup_lr_init": -0.1},
        ValueError,
        "a non-negative finite number",
    ),
    (timm.StepLRScheduler, {"decay_t": 0}, ValueError, "a positive finite number"),
    (timm.WSDLRScheduler, {"decay_t": 0}, ValueError, "a positive whole number"),
    (
        timm.WSDLRScheduler,
        {"decay_t": 11},
        ValueError,
        "at most `t_initial`, which is 10",
    ),
    (timm.WSDLRScheduler, {"stable_fn": "sqrt"}, ValueError, "one of 'constant', "),
    (timm.WSDLRScheduler, {"decay_fn": "sqrt"}, ValueError, "one of 'linear', "),
    (
        timm.WSDLRScheduler,
        {"decay_ratio": 1.0, "decay_fn": "exp"},
        ValueError,
        "a number above 0 and below 1",
    ),
    (
        timm.WSDLRScheduler,
        {"decay_power": 0, "decay_fn": "power"},
        ValueError,
        "a positive finite number",
    ),
    (
        timm.WSDLRScheduler,
        {"stable_power": 0, "stable_fn": "power"},
        ValueError,
        "a positive finite number",
    ),
    (
        timm.WSDLRScheduler,
        {"stable_timescale": 0, "stable_fn": "rsqrt"},
        ValueError,
        "a positive finite number",
    ),
    (timm.create_scheduler_v2, {"sched": "sine"}, ValueError, "one of 'cosine', "),
    *(
        (
            timm.create_scheduler_v2,
            {"num_epochs": 0, "sched": sched},
            ValueError,
            "such that it has a positive whole number of steps",
        )
        for sched in ("cosine", "tanh", "poly", "wsd", "rsqrt")
    ),
    (
        timm.create_scheduler_v2,
        {"updates_per_epoch": 0, "step_on_epochs": False},
        ValueError,
        "a positive integer where `step_on_epochs` is False",
    ),
    *(
        (port, {"learning_rate": value}, error, "a non-negative finite number")
        for port in (
            paddle.NoamDecay,
            paddle.NaturalExpDecay,
            paddle.InverseTimeDecay,
            paddle.PolynomialDecay,
            paddle.ExponentialDecay,
            paddle.MultiStepDecay,
            paddle.StepDecay,
            paddle.LambdaDecay,
            paddle.CosineAnnealingDecay,
            paddle.CosineAnnealingWarmRestarts,
            paddle.LinearLR,
        )
        for value, error in ((-0.1, ValueError), ("0.1", TypeError))
    ),
    (paddle.NoamDecay, {"d_model": 0}, ValueError, "a positive "),
    (paddle.NoamDecay, {"d_model": -0.01}, ValueError, "a positive "),
    (paddle.PiecewiseDecay, {"boundaries": []}, ValueError, "not empty"),
    (
        paddle.PiecewiseDecay,
        {"values": [0.2, 0.1]},
        ValueError,
        "longer than `boundaries`, which has 2",
    ),
    (paddle.NaturalExpDecay, {"gamma": 0.0}, ValueError, "a positive finite number"),
    (paddle.PolynomialDecay, {"decay_steps": 0}, ValueError, "a positive integer"),
    (paddle.PolynomialDecay, {"decay_steps": 10.0}, TypeError, "a positive integer"),
    (paddle.PolynomialDecay, {"power": 0.0}, ValueError, "a positive finite number"),
    (paddle.LinearWarmup, {"warmup_steps": 0}, ValueError, "a positive integer"),
    (paddle.LinearWarmup, {"warmup_steps": 10.0}, TypeError, "a positive integer"),
    (
        paddle.LinearWarmup,
        {"end_lr": 0.0},
        ValueError,
        "above `start_lr`, which is 0.0",
    ),
    *(
        (
            paddle.ExponentialDecay,
            {"gamma": value},
            ValueError,
            "a number above 0 and below 1",
        )
        for value in (0.0, 1.0, 1.1)
    ),
    (
        paddle.MultiStepDecay,
        {"milestones": [7, 3]},
        ValueError,
        "strictly increasing",
    ),
    (
        paddle.MultiStepDecay,
        {"milestones": [3, 3]},
        ValueError,
        "strictly increasing",
    ),
    (paddle.MultiStepDecay, {"milestones": 3}, TypeError, "a list or tuple"),
    (
        paddle.MultiStepDecay,
        {"gamma": 1.0},
        ValueError,
        "a number from 0 to below 1",
    ),
    (paddle.StepDecay, {"gamma": 1.0}, ValueError, "a number above 0 and below 1"),
    (paddle.StepDecay, {"step_size": 0}, ValueError, "a positive integer"),
    (paddle.StepDecay, {"step_size": 10.0}, TypeError, "a positive integer"),
    (paddle.LambdaDecay, {"lr_lambda": 1.0}, TypeError, "a function registered "),
    (paddle.CosineAnnealingDecay, {"T_max": 0}, ValueError, "a positive integer"),
    (paddle.CosineAnnealingDecay, {"T_max": 10.0}, TypeError, "a positive integer"),
    (
        paddle.CosineAnnealingDecay,
        {"eta_min": "0"},
        TypeError,
        "a non-negative finite number",
    ),
    *(
        (paddle.OneCycleLR, {name: value}, error, requirement)
        for name, requirement in (
            ("max_learning_rate", "a non-negative finite number"),
            ("end_learning_rate", "a non-negative finite number"),
            ("divide_factor", "a positive finite number"),
        )
        for value, error in ((-1, ValueError), ("1", TypeError))
    ),
    *(
        (
            paddle.OneCycleLR,
            {"phase_pct": value, "three_phase": True},
            ValueError,
            "below 0.5 for three phases",
        )
        for value in (0.5, 0.6)
    ),
    *(
        (paddle.CyclicLR, {name: value}, error, requirement)
        for name, requirement in (
            ("max_learning_rate", "a non-negative finite number"),
            ("step_size_up", "a positive integer"),
            ("step_size_down", "a positive integer"),
        )
        for value, error in ((-1, ValueError), ("1", TypeError))
    ),
    (paddle.CyclicLR, {"step_size_up": 10.0}, TypeError, "a positive integer"),
    (paddle.CyclicLR, {"exp_gamma": 1}, TypeError, "a positive finite float"),
    (
        paddle.CyclicLR,
        {"scale_mode": "steps"},
        ValueError,
        "one of 'cycle', 'iterations'",
    ),
    (
        paddle.LinearLR,
        {"start_factor": 2},
        ValueError,
        "a number above 0 and at most 1",
    ),
    (
        paddle.LinearLR,
        {"start_factor": 0},
        ValueError,
        "a number above 0 and at most 1",
    ),
    (paddle.LinearLR, {"end_factor": 2}, ValueError, "a number from 0 to 1"),
    (paddle.LinearLR, {"end_factor": -0.1}, ValueError, "a number from 0 to 1"),
    (paddle.LinearLR, {"total_steps": 0}, ValueError, "a positive whole number"),
]


@pytest.mark.parametrize(
    ("port", "changed", "error", "requirement"),
    [
        pytest.param(*row, id=f"{NAMES[row[0]]} {row[1]}".replace("/", ""))
        for row in REFUSED
    ],
)
def test_what_the_original_refuses_is_refused(port, changed, error, requirement):
    argument = next(iter(changed))
    text = f"Argument `{argument}` of {NAMES[port]} must be {requirement}"
    with pytest.raises(error, match=re.escape(text)) as caught:
        port(**{**GOOD[port], **changed})
    assert f"Received: {argument}={changed[argument]!r}"[:40] in str(caught.value) or (
        isinstance(changed[argument], list)
    )


STRANGE = [
    *[-1, 0, 1, 2, -0.5, 0.5, 1.5, 10.0, 10.5, 1e-300, 1e300, 2**31 - 1, 2**31],
    *[NAN, float("inf"), -float("inf"), 10**400, np.float32(0.3), np.int64(3)],
    *[None, True, False, "10", "cos", "", [], [1], [5, 3], {}, {3: 0.5}, 1j, one],
    *[TWO[0], [TWO[0]], [0.1, -0.1], {"a": 1}, {3: -1.0}, [{"decay_steps": 0}]],
]
ARGUMENTS = [
    pytest.param(port, name, id=f"{NAMES[port]} {name}")
    for port in GOOD
    for name in inspect.signature(port).parameters
]


def error_of(port, arguments):
    """Return the schedule that a port creates, or the text of its error."""
    try:
        return port(**arguments)
    except (TypeError, ValueError) as error:
        return str(error)


@pytest.mark.parametrize(("port", "argument"), ARGUMENTS)
def test_an_error_names_an_argument_of_the_caller(port, argument):
    """Any value gives a schedule or an error about an argument of the port."""
    # The error may also name an argument that is nested or required in addition.
    other = {"scheduler_specific_kwargs", "cosine_kwargs", "updates_per_epoch"}
    written = {argument, *GOOD[port], *other}
    form = re.compile(r"Argument `(\w+).*` of (\w+)\.\w+ must be .+", re.DOTALL)
    within = r"[\w.]+: (missing a required|got an unexpected keyword) argument"
    for value in STRANGE:
        made = error_of(port, {**GOOD[port], argument: value})
        if isinstance(made, Schedule):
            assert not np.isnan(made.evaluate([0, 1, 7, 10**6])).any(), value
        elif not (argument.endswith("kwargs") and re.match(within, made)):
            said = form.match(made)
            assert said, (value, made)
            assert said[1] in written, (value, made)
            assert said[2] == NAMES[port].partition(".")[0], (value, made)


def test_an_optimizer_is_refused_with_advice():
    text = (
        "Argument `optimizer` of transformers.get_scheduler must be left out: a "
        "schedule is made without an optimizer. Received: optimizer=0.1. Give its "
        "learning rate as `lr`"
    )
    with pytest.raises(TypeError, match=re.escape(text)):
        transformers.get_scheduler("linear", optimizer=0.1)


def test_a_factor_too_large_for_float32_is_named():
    text = "Argument `gamma` of torch.MultiStepLR must be so small that the rate stays"
    with pytest.raises(ValueError, match=text):
        torch.MultiStepLR(0.1, [1, 2], gamma=1e38)


class LikeTorch:
    param_groups = ()


@pytest.mark.parametrize("optimizer", [LikeTorch(), keras.optimizers.SGD(0.1)])
def test_an_optimizer_in_place_of_the_rate_is_refused(optimizer):
    with pytest.raises(TypeError) as caught:
        torch.StepLR(optimizer, 30)
    assert str(caught.value).startswith(
        "Argument `lr` of torch.StepLR must be the optimizer's learning rate, a "
        "number. Received: lr=<"
    )
    assert str(caught.value).endswith(
        ">. A schedule is made without an optimizer, and given to one"
    )


@pytest.mark.parametrize("port", GOOD)
def test_an_argument_that_is_missing_or_unknown_is_named(port):
    with pytest.raises(TypeError, match=rf"^{NAMES[port]}: .*'unknown'. Its arguments"):
        port(**GOOD[port], unknown=1)
    needed = [
        name
        for name, parameter in inspect.signature(port).parameters.items()
        if parameter.default is inspect.Parameter.empty
    ]
    with pytest.raises(TypeError, match=f"^{NAMES[port]}: .*argument: '{needed[0]}'"):
        port()
