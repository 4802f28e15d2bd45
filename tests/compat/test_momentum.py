"""The momentum of a port has the values of the original's tests."""

import numpy as np
import pytest

from kerasched.compat import torch

pytestmark = pytest.mark.host

# From test_onecycle_lr_linear_annealing in torch's test_lr_scheduler.py.
LINEAR = {
    "max_lr": 25,
    "final_div_factor": 2,
    "total_steps": 10,
    "anneal_strategy": "linear",
}
# From test_onecycle_lr_linear_annealing_three_phases.
THREE_PHASES = {
    "max_lr": 25,
    "div_factor": 25,
    "total_steps": 10,
    "anneal_strategy": "linear",
    "pct_start": 0.4,
    "final_div_factor": 4,
    "three_phase": True,
}


def close(schedule, expected):
    steps = np.arange(len(expected))
    np.testing.assert_allclose(schedule.evaluate(steps), expected, rtol=1e-12)


@pytest.mark.parametrize(
    ("arguments", "rates", "momenta"),
    [
        (
            LINEAR,
            [1, 13, 25, 21.5, 18, 14.5, 11, 7.5, 4, 0.5],
            [22, 11.5, 1, 4, 7, 10, 13, 16, 19, 22],
        ),
        (
            THREE_PHASES,
            [1, 9, 17, 25, 17, 9, 1, 0.75, 0.5, 0.25],
            [22, 15, 8, 1, 8, 15, 22, 22, 22, 22],
        ),
    ],
)
def test_the_momentum_of_one_cycle_is_that_of_the_test_of_torch(
    arguments, rates, momenta
):
    close(torch.OneCycleLR(**arguments), rates)
    ours = torch.OneCycleLR_momentum(**arguments, base_momentum=1, max_momentum=22)
    close(ours, momenta)


def test_the_momentum_on_cosines_is_that_of_the_test_of_torch():
    def between(start, end, part):
        return end + (start - end) / 2 * (np.cos(np.pi * part) + 1)

    rise, fall = np.arange(3) / 2, np.arange(1, 8) / 7
    arguments = {"max_lr": 25, "final_div_factor": 2, "total_steps": 10}
    ours = torch.OneCycleLR_momentum(**arguments, base_momentum=1, max_momentum=22)
    close(ours, [*between(22, 1, rise), *between(1, 22, fall)])


# From test_cycle_lr_triangular_mode_one_lr, _triangular2_mode_one_lr and
# _exp_range_mode_one_lr: from 1 to 5 and back, with the height constant, halved in each
# cycle or multiplied by 0.9 in each step.
WAVE = np.array([0, 1, 2, 3, 4, 3, 2, 1, 0, 1, 2, 3, 4, 3, 2, 1, 0, 1]) / 4


@pytest.mark.parametrize(
    ("options", "scale"),
    [
        ({}, 1.0),
        ({"mode": "triangular2"}, np.repeat([1.0, 0.5, 0.25], [8, 8, 2])),
        ({"mode": "exp_range", "gamma": 0.9}, 0.9 ** np.arange(18)),
    ],
)
def test_the_momentum_of_a_wave_is_that_of_the_test_of_torch(options, scale):
    arguments = {"base_lr": 1, "max_lr": 5, "step_size_up": 4, **options}
    close(torch.CyclicLR(**arguments), 1 + 4 * WAVE * scale)
    ours = torch.CyclicLR_momentum(**arguments, base_momentum=1, max_momentum=5)
    close(ours, 5 - 4 * WAVE * scale)


@pytest.mark.parametrize(
    ("rate", "momentum", "low", "high"),
    [
        (torch.OneCycleLR, torch.OneCycleLR_momentum, 0.85, 0.95),
        (torch.CyclicLR, torch.CyclicLR_momentum, 0.8, 0.9),
    ],
)
def test_the_momentum_has_the_defaults_of_torch(rate, momentum, low, high):
    arguments = (0.01, 0.1, 20) if rate is torch.CyclicLR else (0.1, 60)
    steps = np.arange(60)
    rates = rate(*arguments).evaluate(steps)
    momenta = momentum(*arguments).evaluate(steps)
    assert momenta.argmin() == rates.argmax()
    assert momenta[0] == high
    assert momenta.min() >= low - 1e-15
    np.testing.assert_allclose(momenta.min(), low, rtol=1e-3)


@pytest.mark.parametrize("port", [torch.OneCycleLR_momentum, torch.CyclicLR_momentum])
def test_a_momentum_that_does_not_change_is_refused(port):
    with pytest.raises(ValueError, match=r"^Argument `cycle_momentum` of .* be True\."):
        port(0.1, 20, cycle_momentum=False)


@pytest.mark.parametrize("port", [torch.OneCycleLR, torch.CyclicLR])
def test_the_error_of_a_rate_names_the_function_for_its_momentum(port):
    with pytest.raises(ValueError, match=rf"Give the optimizer {port.__name__}_moment"):
        port(0.1, 20, base_momentum=0.8)
