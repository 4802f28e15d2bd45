"""The update in torch: the compiled kernel on the tensors' own memory."""

import functools
from typing import Any

import numpy as np
import torch

from kerasched.kernels import native
from kerasched.kernels import trial
from kerasched.kernels.options import Arrays
from kerasched.kernels.options import Options
from kerasched.kernels.options import Scalars
from kerasched.kernels.options import Step

TYPES = {
    torch.float32: "float32",
    torch.float64: "float64",
    torch.bfloat16: "bfloat16",
}


@torch.no_grad()
def update(step: Step) -> None:
    """Do one step on variables, in place."""
    lists = [[_tensor(v) for v in group] for group in _lists(step.variables)]
    weights, *others = lists
    program = _program(step, weights)
    scalars = step.scalars
    program.run(
        float(scalars.learning_rate),
        float(scalars.momentum),
        float(scalars.weight_decay),
        int(scalars.iterations),
        _addresses(weights),
        _addresses(step.gradients),
        *map(_addresses, others),
    )


def unsuited(step: Step) -> str:
    """Return why the kernel cannot do a step, or an empty text."""
    if torch.compiler.is_compiling():
        return "torch.compile is at work"
    for tensor in (*map(_tensor, step.variables.flat()), *step.gradients):
        if tensor.device.type != "cpu":
            return "a tensor is not on the CPU"
        if tensor.layout != torch.strided or not tensor.is_contiguous():
            return "a tensor is not contiguous"
    return ""


@functools.cache
def unavailable() -> str:
    """Return why the kernel cannot run in this process, or an empty text."""
    return native.missing or trial.failure(_on_trial)


def _on_trial(
    options: Options, scalars: Scalars, arrays: Arrays, gradients: list[np.ndarray]
) -> list[np.ndarray]:
    tensors = arrays.like([torch.from_numpy(x) for x in arrays.flat()])
    there = [torch.from_numpy(g) for g in gradients]
    update(Step(options, scalars, there, tensors, (True,) * len(gradients)))
    return [t.numpy() for t in tensors.flat()]


def _lists(variables: Arrays) -> tuple[list[Any], ...]:
    return (
        variables.weights,
        variables.velocities,
        variables.sums,
        variables.averages,
    )


def _tensor(variable: Any) -> torch.Tensor:
    """Return torch's tensor inside a variable of Keras, or the tensor itself."""
    return variable if isinstance(variable, torch.Tensor) else variable.value


def _addresses(tensors: list[torch.Tensor]) -> list[int]:
    return [tensor.data_ptr() for tensor in tensors]


def _program(step: Step, weights: list[torch.Tensor]) -> native.Update:
    """Return the update of these weights, made once for each set of them."""
    key = (step.options, step.decays, tuple(map(id, weights)))
    if key not in step.cache:
        types = [TYPES[w.dtype] for w in weights]
        sizes = [w.numel() for w in weights]
        step.cache[key] = native.Update(step.options, types, sizes, step.decays)
    return step.cache[key]
