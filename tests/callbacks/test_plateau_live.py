"""With random arguments, the plateau gives the rates of Keras, torch and optax."""

import jax
import keras
import numpy as np
import optax
import pytest
from support import BACKEND

from callbacks.originals import RULES
from callbacks.test_plateau_traces import model_with
from callbacks.test_plateau_traces import rates_after
from kerasched.callbacks import ReduceOnPlateau


def with_keras(arguments, metrics):
    plateau = keras.callbacks.ReduceLROnPlateau("loss", **arguments)
    return rates_after(plateau, model_with(0.5), metrics)


def with_torch(arguments, metrics):
    import torch

    weight = torch.nn.Parameter(torch.zeros(()))
    optimizer = torch.optim.SGD([weight], lr=0.5)
    plateau = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, **arguments)
    rates = []
    for value in metrics:
        plateau.step(value)
        rates.append(optimizer.param_groups[0]["lr"])
    return rates


def with_optax(arguments, metrics):
    plateau = optax.contrib.reduce_on_plateau(**arguments)
    state, rates = plateau.init(None), []
    update = jax.jit(lambda state, value: plateau.update(None, state, value=value)[1])
    for value in metrics:
        state = update(state, np.float32(value))
        rates.append(0.5 * float(state.scale))
    return rates


def arguments_for(library, random):
    """Return random arguments, with deltas that no difference of metrics equals."""
    factor = random.choice([0.25, 0.5])
    patience, cooldown = (int(n) for n in random.integers(1, 5, 2))
    mode = str(random.choice(["min", "max"]))
    arguments = {"factor": factor, "patience": patience, "cooldown": cooldown - 1}
    if library == "keras":
        bounds = {"min_lr": 1e-3, "min_delta": random.choice([0.0, 0.09])}
        return {**arguments, **bounds, "mode": mode}
    if library == "torch":
        kinds = {"threshold_mode": str(random.choice(["abs", "rel"])), "mode": mode}
        bounds = {"threshold": random.choice([0.0, 0.03]), "min_lr": 1e-3}
        return {**arguments, **kinds, **bounds}
    sizes = {"accumulation_size": int(random.integers(1, 4)), "min_scale": 2e-3}
    deltas = {"rtol": 0.03, "atol": random.choice([0.0, 0.09])}
    return {**arguments, **sizes, **deltas}


LIVE = {"keras": with_keras, "torch": with_torch, "optax": with_optax}


@pytest.mark.parametrize("seed", range(15))
@pytest.mark.parametrize(
    "library",
    [
        pytest.param("keras", marks=pytest.mark.host),
        pytest.param("optax", marks=pytest.mark.host),
        pytest.param(
            "torch",
            marks=pytest.mark.skipif(
                BACKEND != "torch", reason="only the torch backend loads torch"
            ),
        ),
    ],
)
def test_it_gives_the_rates_of_the_original(library, seed):
    random = np.random.default_rng(seed)
    arguments = arguments_for(library, random)
    # Positive multiples of 1/16, which are exact in float32 like their differences.
    walk = 8.0 + np.cumsum(random.integers(-2, 3, 60)) / 16.0
    metrics = [float(value) for value in np.maximum(walk, 1 / 16)]
    ours = ReduceOnPlateau("loss", **RULES[library](**arguments))
    rates = rates_after(ours, model_with(0.5), metrics)
    expected = LIVE[library](arguments, metrics)
    np.testing.assert_allclose(rates, expected, rtol=1e-5)
