"""With random parameters, the ports agree with the libraries installed here."""

import random

import numpy as np
import pytest
from support import BACKEND

from compat.test_refusals import GOOD
from compat.test_refusals import NAMES
from compat.test_refusals import REFUSED
from kerasched import compat

STEPS = 130
ROUNDS = range(30)


def choices(seed):
    """Return functions that choose an item and draw an integer, with a fixed seed."""
    generator = random.Random(seed)
    return generator.choice, generator.randint


def torch_parameters(choose, draw):
    """Return random parameters for every torch scheduler."""
    total = draw(2, STEPS)
    return {
        "StepLR": {"step_size": draw(1, 40), "gamma": choose([0.1, 0.5, 1.1])},
        "MultiStepLR": {
            "milestones": sorted(draw(0, 100) for _ in range(draw(1, 5))),
            "gamma": choose([0.1, 0.5]),
        },
        "ConstantLR": {"factor": choose([0.1, 1.0]), "total_iters": draw(1, 50)},
        "LinearLR": {
            "start_factor": choose([0.01, 0.3, 1.0]),
            "end_factor": choose([0.0, 0.1, 1.0]),
            "total_iters": draw(0, 60),
        },
        "ExponentialLR": {"gamma": choose([0.9, 0.99, 1.01])},
        "PolynomialLR": {
            "total_iters": draw(0, 90),
            "power": choose([0.5, 1.0, 2.0, 3.0]),
        },
        "CosineAnnealingLR": {"T_max": draw(1, 70), "eta_min": choose([0, 0.2])},
        "CosineAnnealingWarmRestarts": {
            "T_0": draw(1, 30),
            "T_mult": draw(1, 4),
            "eta_min": choose([0, 0.01, 0.2]),
        },
        "OneCycleLR": {
            "max_lr": choose([0.1, 1.0]),
            "pct_start": choose([0.0, 0.1, 0.25, 0.3, 0.4, 0.55, 1.0]),
            "anneal_strategy": choose(["cos", "linear"]),
            "three_phase": choose([False, True]),
            "div_factor": choose([10.0, 25.0]),
            "cycle_momentum": False,
            "total_steps": total,
        },
        "CyclicLR": {
            "base_lr": 0.01,
            "max_lr": choose([0.1, 0.001]),
            "step_size_up": draw(1, 30),
            "step_size_down": choose([None, 7]),
            "cycle_momentum": False,
            **choose(
                [{}, {"mode": "triangular2"}, {"mode": "exp_range", "gamma": 0.98}]
            ),
        },
        "SWALR": {
            "swa_lr": choose([0.05, 0.2]),
            "anneal_epochs": draw(0, 30),
            "anneal_strategy": choose(["cos", "linear"]),
        },
    }


def rates_of_torch(name, parameters):
    """Return the rates of a torch scheduler until it raises."""
    import torch

    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.1)
    module = torch.optim.swa_utils if name == "SWALR" else torch.optim.lr_scheduler
    try:
        scheduler = getattr(module, name)(optimizer, **parameters)
    except ZeroDivisionError:  # OneCycleLR with an empty phase.
        return []
    rates = []
    for _ in range(parameters.get("total_steps", STEPS)):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        try:
            scheduler.step()
        except (ValueError, ZeroDivisionError):
            break
    return rates


@pytest.mark.skipif(BACKEND != "torch", reason="only the torch backend loads torch")
@pytest.mark.filterwarnings("ignore:.*lr_scheduler.step:UserWarning")
@pytest.mark.parametrize("seed", ROUNDS)
def test_torch(seed):
    for name, parameters in torch_parameters(*choices(seed)).items():
        base = {} if name in ("OneCycleLR", "CyclicLR") else {"lr": 0.1}
        theirs = np.array(rates_of_torch(name, parameters))
        if theirs.size:
            ours = getattr(compat.torch, name)(**base, **parameters)
            rates = ours.evaluate(np.arange(theirs.size))
            # torch computes its rates recursively, which accumulates roundings.
            within = 1e-7 * np.abs(theirs) + 1e-12 * np.abs(theirs).max()
            assert (np.abs(rates - theirs) <= within).all(), (name, parameters)


def momenta_of_torch(name, parameters):
    """Return the momentum that a torch scheduler sets at each step."""
    import torch

    parameter = torch.nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.SGD([parameter], lr=0.1, momentum=0.5)
    scheduler = getattr(torch.optim.lr_scheduler, name)(optimizer, **parameters)
    momenta = []
    for _ in range(parameters.get("total_steps", STEPS)):
        momenta.append(optimizer.param_groups[0]["momentum"])
        optimizer.step()
        try:
            scheduler.step()
        except (ValueError, ZeroDivisionError):
            break
    return momenta


@pytest.mark.skipif(BACKEND != "torch", reason="only the torch backend loads torch")
@pytest.mark.filterwarnings("ignore:.*lr_scheduler.step:UserWarning")
@pytest.mark.parametrize("seed", ROUNDS)
@pytest.mark.parametrize("name", ["OneCycleLR", "CyclicLR"])
def test_the_momentum_of_torch(name, seed):
    choose, draw = choices(seed)
    parameters = torch_parameters(choose, draw)[name]
    parameters.update(cycle_momentum=True, base_momentum=choose([0.1, 0.85]))
    if parameters.get("total_steps", 2) * parameters.get("pct_start", 1.0) == 1:
        return  # torch divides by the length of an empty phase.
    theirs = np.array(momenta_of_torch(name, parameters))
    ours = getattr(compat.torch, f"{name}_momentum")(**parameters)
    momenta = ours.evaluate(np.arange(theirs.size))
    assert theirs.size > 1
    # torch computes each momentum directly, in float64.
    np.testing.assert_allclose(momenta, theirs, rtol=1e-9, atol=1e-12)


def arguments_of_torch(name, changed):
    """Return the arguments of a row of REFUSED in torch's own form."""
    good = GOOD[getattr(compat.torch, name)]
    arguments = {**good, **changed}
    return {key: value for key, value in arguments.items() if key != "lr"}


TORCH_REFUSED = [
    (port.__name__, changed)
    for port, changed, *_ in REFUSED
    if NAMES[port].startswith("torch.")
    and not {"schedulers", "milestones", "lr"} & changed.keys()
    and all(value == value for value in changed.values())  # torch accepts NaN.
]


@pytest.mark.skipif(BACKEND != "torch", reason="only the torch backend loads torch")
@pytest.mark.parametrize(("name", "changed"), TORCH_REFUSED)
def test_torch_refuses_it_too(name, changed):
    arguments = arguments_of_torch(name, changed)
    original = name.removesuffix("_momentum")
    error = (TypeError, ValueError, ZeroDivisionError)
    with pytest.raises(error):  # noqa: PT012
        rates_or_error_of_torch(original, arguments)


def rates_or_error_of_torch(name, arguments):
    import torch

    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.1)
    module = torch.optim.swa_utils if name == "SWALR" else torch.optim.lr_scheduler
    momentum = {"cycle_momentum": False} if "Cycl" in name else {}
    scheduler = getattr(module, name)(optimizer, **momentum, **arguments)
    for _ in range(3):
        optimizer.step()
        scheduler.step()


@pytest.mark.skipif(BACKEND != "torch", reason="only the torch backend loads torch")
def test_every_scheduler_of_torch_has_its_port():
    from torch.optim import lr_scheduler

    missing = {n for n in lr_scheduler.__all__ if not hasattr(compat.torch, n)}
    assert missing == {"LRScheduler"}


def optax_parameters(choose, draw):
    """Return random parameters for every optax schedule."""
    warmup, steps = draw(0, 30), draw(1, 90)
    exponential = {
        "transition_steps": choose([0, steps]),
        "decay_rate": choose([0.0, 0.5, 0.9, 1.1]),
        "transition_begin": draw(0, 20),
        "staircase": choose([False, True]),
        "end_value": choose([None, 0.02, 0.3]),
    }
    line = {"transition_steps": draw(0, 60), "transition_begin": draw(0, 20)}
    scales = {draw(0, 40): choose([0.0, 0.1, 2.0]), draw(41, 90): 0.5}
    cosine = {
        "init_value": 0.01,
        "peak_value": choose([0.0, 0.1]),
        "warmup_steps": warmup,
        "decay_steps": warmup + steps,
        "end_value": choose([0.0, 0.02]),
        "exponent": choose([1.0, 2.0]),
    }
    return {
        "constant_schedule": {"value": 0.1},
        "linear_schedule": {"init_value": 0.1, "end_value": 0.3, **line},
        "polynomial_schedule": {
            "init_value": 0.1,
            "end_value": 0.02,
            "power": choose([0.5, 2, 3.0]),
            **line,
        },
        "exponential_decay": {"init_value": 0.1, **exponential},
        "cosine_decay_schedule": {
            "init_value": 0.1,
            "decay_steps": steps,
            "alpha": choose([0.0, 0.1, 1.5]),
            "exponent": choose([1.0, 0.7, 2.0]),
        },
        "piecewise_constant_schedule": {
            "init_value": 0.1,
            "boundaries_and_scales": choose([None, scales]),
        },
        "piecewise_interpolate_schedule": {
            "interpolate_type": choose(["linear", "cosine"]),
            "init_value": 0.1,
            "boundaries_and_scales": choose([None, scales]),
        },
        "linear_onecycle_schedule": {"transition_steps": steps, "peak_value": 0.1},
        "cosine_onecycle_schedule": {"transition_steps": steps, "peak_value": 0.1},
        "warmup_constant_schedule": {
            "init_value": 0.01,
            "peak_value": 0.1,
            "warmup_steps": warmup,
        },
        "warmup_cosine_decay_schedule": cosine,
        "warmup_exponential_decay_schedule": {
            "init_value": 0.01,
            "peak_value": 0.1,
            "warmup_steps": warmup,
            **exponential,
        },
        "sgdr_schedule": {"cosine_kwargs": [cosine, {**cosine, "peak_value": 0.05}]},
    }


@pytest.mark.skipif(BACKEND != "jax", reason="optax needs JAX")
@pytest.mark.parametrize("seed", ROUNDS)
def test_optax(seed):
    import jax
    import optax

    steps = np.arange(STEPS, dtype="int32")
    for name, parameters in optax_parameters(*choices(seed)).items():
        schedule = getattr(optax, name)(**parameters)
        theirs = np.array(jax.vmap(schedule)(steps))
        ours = getattr(compat.optax, name)(**parameters).evaluate(steps)
        # optax computes in float32 with terms such as 1 + cos: one unit of the peak.
        within = 2e-6 * np.abs(theirs) + 2.0**-23 * max(0.1, np.abs(theirs).max())
        assert (np.abs(ours - theirs) <= within).all(), (name, parameters)


@pytest.mark.skipif(BACKEND != "jax", reason="optax needs JAX")
def test_every_schedule_of_optax_has_its_port():
    from optax import schedules

    ends = ("_schedule", "_schedules", "_decay")
    names = {n for n in vars(schedules) if n.endswith(ends) and n[0] != "_"}
    assert {n for n in names if not hasattr(compat.optax, n)} == set()
    assert len(names) > 10
