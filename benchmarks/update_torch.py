"""Times one update on torch: Keras, kerasched and torch.optim."""

from collections.abc import Callable
from functools import partial
from typing import Any

import keras
import numpy as np
import torch
import updating
from cases import PLAIN
from cases import WEIGHT_DECAY
from cases import arguments
from cases import class_name
from cases import dtype
from floors import LIMIT
from tensors import starts
from updating import Updated
from updating import both

WAYS = {"torch foreach": {"foreach": True}, "torch fused": {"fused": True}}


def rows(
    option: str, tensors: str, rounds: int, limit: bool = False
) -> list[dict[str, Any]]:
    """Return the row of `apply`."""
    makers = both(_keras, option, tensors)
    if limit:
        makers[LIMIT] = partial(updating.limit, option, tensors)
    for name, way in WAYS.items() if option in PLAIN else ():
        # With Nesterov momentum `foreach` overwrites the gradients, so that each step
        # would need new ones.
        if not (option == "nesterov" and "foreach" in way):
            makers[name] = partial(_torch, option, tensors, way)
    case = {"backend": "torch", "way": "eager", "model": tensors, "option": option}
    return [updating.row(case, makers, rounds)]


def _keras(cls: Any, option: str, tensors: str) -> Updated:
    arrays, gradients = starts(tensors)
    kind = dtype(option)
    variables = [keras.Variable(array, dtype=kind) for array in arrays]
    tensors_of = [torch.from_numpy(g).to(getattr(torch, kind)) for g in gradients]
    optimizer = cls(**arguments(option))
    optimizer.build(variables)

    def step() -> None:
        with torch.no_grad():
            optimizer.apply(tensors_of, variables)

    return _repeated(step, [v.value for v in variables])


def _torch(option: str, tensors: str, way: dict[str, bool]) -> Updated:
    given = arguments(option)
    arrays, gradients = starts(tensors)
    weights = [torch.nn.Parameter(torch.from_numpy(array)) for array in arrays]
    for weight, gradient in zip(weights, gradients, strict=True):
        weight.grad = torch.from_numpy(gradient)
    if class_name(option) == "AdamW":
        named = {"lr": given["learning_rate"], "eps": given["epsilon"]}
        named["weight_decay"] = WEIGHT_DECAY
        rule = torch.optim.AdamW(weights, **named, **way)
    else:
        named = {k: given[k] for k in ("momentum", "nesterov") if k in given}
        rule = torch.optim.SGD(weights, lr=0.01, **named, **way)
    return _repeated(rule.step, weights)


def _repeated(step: Callable[[], Any], weights: list[Any]) -> Updated:
    return Updated(
        updating.repeated(step), lambda: [np.array(w.detach().float()) for w in weights]
    )
