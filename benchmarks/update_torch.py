"""Updates on torch: Keras's, ours, and those of torch.optim.SGD."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import ratios
import torch
from cases import arguments
from cases import repeats
from tensors import agree
from tensors import starts

import kerasched

CLASSES = {"keras": keras.optimizers.SGD, "ours": kerasched.SGD}
WAYS = {"torch foreach": {"foreach": True}, "torch fused": {"fused": True}}
CHECKED = 4


def rows(option: str, tensors: str, rounds: int) -> list[dict[str, Any]]:
    """Return the row of `apply`."""
    steps, weights = {}, {}
    for name, cls in CLASSES.items():
        weights[name], steps[name] = _keras(cls, option, tensors)
    if option in ("no momentum", "momentum", "nesterov"):
        for name, way in WAYS.items():
            weights[name], steps[name] = _torch(option, tensors, way)
    for step in steps.values():
        for _ in range(CHECKED):
            step()
    found = {n: [np.array(w.detach()) for w in ws] for n, ws in weights.items()}
    agree(tensors, found)
    times = repeats(option, tensors)
    functions = {name: _repeated(step, times) for name, step in steps.items()}
    case = {"backend": "torch", "way": "eager", "model": tensors, "option": option}
    return [ratios.row(case, ratios.taking_turns(functions, rounds))]


def _repeated(step: Callable[[], Any], times: int) -> Callable[[], Any]:
    def run() -> None:
        for _ in range(times):
            step()

    return run


def _keras(cls: Any, option: str, tensors: str) -> tuple[list[Any], Callable[[], Any]]:
    arrays, gradients = starts(tensors)
    variables = [keras.Variable(array) for array in arrays]
    tensors_of = [torch.from_numpy(g) for g in gradients]
    optimizer = cls(**arguments(option))
    optimizer.build(variables)

    def step() -> None:
        with torch.no_grad():
            optimizer.apply(tensors_of, variables)

    return [v.value for v in variables], step


def _torch(
    option: str, tensors: str, way: dict[str, bool]
) -> tuple[list[Any], Callable[[], Any]]:
    given = arguments(option)
    nesterov = bool(given.get("nesterov"))
    arrays, gradients = starts(tensors)
    weights = [torch.nn.Parameter(torch.from_numpy(array)) for array in arrays]
    for weight, gradient in zip(weights, gradients, strict=True):
        weight.grad = torch.from_numpy(gradient)
    rule = torch.optim.SGD(
        weights, lr=0.01, momentum=given["momentum"], nesterov=nesterov, **way
    )
    return weights, rule.step
