"""Times torch's schedulers and their ports in kerasched."""

from typing import Any

import numpy as np
import torch
from timing import interleaved

from kerasched.compat import torch as ports

# torch's schedulers run this fraction of the steps; their time is scaled up.
PART = 10


def loops(steps: int, rounds: int) -> list[dict[str, Any]]:
    """Return the seconds for `steps` rates: three torch schedulers, and their ports."""
    taken = max(1, steps // PART)
    parameters: dict[str, dict[str, Any]] = {
        "StepLR": {"step_size": 30, "gamma": 0.99},
        "CosineAnnealingLR": {"T_max": taken},
        "OneCycleLR": {"max_lr": 0.1, "total_steps": taken + 1},
    }
    return [_row(name, given, steps, rounds) for name, given in parameters.items()]


def _row(
    name: str, parameters: dict[str, Any], steps: int, rounds: int
) -> dict[str, Any]:
    base = {} if name == "OneCycleLR" else {"lr": 0.1}
    ours = getattr(ports, name)(**base, **parameters)
    places, taken = np.arange(steps), max(1, steps // PART)
    times = interleaved(
        {
            "torch": lambda: _stepped(name, parameters, taken),
            "ours": lambda: ours.evaluate(places),
        },
        rounds,
    )
    scale = steps / taken
    theirs = {key: value * scale for key, value in times["torch"].items()}
    return {
        "scheduler": name,
        "torch_steps_timed": taken,
        "torch_scaled_by": scale,
        "torch_seconds": theirs,
        "seconds": times["ours"],
        "torch_to_ours": theirs["median"] / times["ours"]["median"],
    }


def _stepped(name: str, parameters: dict[str, Any], steps: int) -> None:
    """Create a torch scheduler and step it."""
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.1)
    if name == "OneCycleLR":
        parameters = {**parameters, "cycle_momentum": False}
    scheduler = getattr(torch.optim.lr_scheduler, name)(optimizer, **parameters)
    optimizer.step()  # Without a gradient; torch warns where there was none before.
    for _ in range(steps):
        scheduler.step()
