"""The update in torch: the compiled kernel on the tensors' own memory."""

import functools
from typing import Any

import numpy as np
import torch

from kerasched.kernels import native
from kerasched.kernels import self_test
from kerasched.kernels.options import Arrays
from kerasched.kernels.options import Options
from kerasched.kernels.options import Scalars
from kerasched.kernels.options import Step

TYPES = {
    torch.float32: "float32",
    torch.float64: "float64",
    torch.bfloat16: "bfloat16",
}


class Program:
    """The update of one set of tensors, examined once and run at every step.

    To examine a tensor through Keras takes longer than to update a small one.

    Args:
        options: the options of the update.
        decays: for each weight whether weight decay applies to it.
        tensors: the weights and their slots.
    """

    def __init__(
        self, options: Options, decays: tuple[bool, ...], tensors: Arrays
    ) -> None:
        weights = tensors.weights
        self._tensors = tensors.flat()
        self._placements = list(map(_placement, self._tensors))
        self._dtypes = [w.dtype for w in weights]
        self._shapes = [w.shape for w in weights]
        self._update = native.Update(
            options,
            [TYPES[w.dtype] for w in weights],
            [w.numel() for w in weights],
            decays,
            tensors.groups(),
        )

    def held_by(self, variables: list[Any]) -> bool:
        """Return whether variables still hold these tensors, of the same types."""
        return self._update.holds(variables, self._tensors, self._dtypes)

    def in_place(self) -> bool:
        """Return whether the tensors have the same addresses, types and shapes."""
        return list(map(_placement, self._tensors)) == self._placements

    def fits(self, gradients: list[Any]) -> bool:
        """Return whether the kernel takes these gradients."""
        try:
            return self._update.takes(gradients, self._dtypes, self._shapes)
        except AttributeError:  # One is None, or no tensor.
            return False

    def run(self, scalars: Scalars, gradients: list[torch.Tensor]) -> bool:
        """Run one step, in place, and return whether it was applied."""
        return self._update.run(
            float(scalars.learning_rate),
            float(scalars.weight_decay),
            float(scalars.loss_scale),
            int(scalars.iterations),
            [float(value) for value in scalars.hyperparameters],
            gradients,
        )


def update(step: Step) -> bool:
    """Run one step on variables, in place, and return whether it was applied."""
    return program(step).run(step.scalars, step.gradients)


def program(step: Step) -> Program:
    """Return the program of a step, made once for each set of variables."""
    tensors = step.variables.like([_tensor(v) for v in step.variables.flat()])
    key = (step.options, step.decays, tuple(map(id, tensors.flat())))
    if key not in step.cache or not step.cache[key].in_place():
        step.cache.clear()  # Only one is in use, and each keeps its tensors alive.
        step.cache[key] = Program(step.options, step.decays, tensors)
    return step.cache[key]


def unsupported(step: Step) -> str:
    """Return why the kernel cannot run a step, or an empty text."""
    if torch.compiler.is_compiling():
        return "torch.compile is tracing"
    for tensor in (*map(_tensor, step.variables.flat()), *step.gradients):
        if tensor.device.type != "cpu":
            return "a tensor is not on the CPU"
        if tensor.layout != torch.strided or not tensor.is_contiguous():
            return "a tensor is not contiguous"
    weights = list(map(_tensor, step.variables.weights))
    if any(w.dtype not in TYPES for w in weights):
        return "a weight is of a type that the kernel does not support"
    for group in (*step.variables.groups()[1:], step.gradients):
        for tensor, weight in zip(map(_tensor, group), weights, strict=True):
            if tensor.dtype != weight.dtype or tensor.shape != weight.shape:
                return "a gradient or slot is of another type or shape than its weight"
    return ""


@functools.cache
def unavailable() -> str:
    """Return why the kernel cannot run in this process, or an empty text."""
    return native.missing or self_test.failure(_run_self_test)


def _run_self_test(step: Step) -> list[np.ndarray]:
    step = step.map(torch.from_numpy)
    update(step)
    return [tensor.numpy() for tensor in step.variables.flat()]


def _placement(tensor: torch.Tensor) -> tuple[Any, ...]:
    """Return what setting `.data` may change while the tensor stays the same object."""
    return tensor.data_ptr(), tensor.dtype, tensor.shape


def _tensor(variable: Any) -> torch.Tensor:
    """Return the tensor of a Keras variable, or the tensor itself."""
    return variable if isinstance(variable, torch.Tensor) else variable.value
