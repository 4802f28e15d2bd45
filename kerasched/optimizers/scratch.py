"""Memory for the gradients in the train step that Keras compiles on JAX.

A compiled step reuses memory only if the memory is a donated argument and a result.
Keras passes the values of the optimizer's variables that way, but scratch memory must
not be such a variable: files, state trees and callbacks see all of them. It belongs to
`model.train_function` instead, which adds it to the state of the compiled step and
removes it from the result.
"""

import functools
import importlib
from collections.abc import Callable
from types import ModuleType
from typing import Any

import keras

from kerasched.kernels import dispatch
from kerasched.training.model_contents import has_own_step
from kerasched.training.trainer_hooks import wrap_method


class TrainFunction:
    """A model's train function that passes scratch memory to each step.

    Args:
        function: what Keras made, a function of the state and an iterator.
        fused: the argument of the optimizer.
    """

    def __init__(self, function: Callable[..., Any], fused: bool | str) -> None:
        self.scratch: list[Any] = []
        self._function = function
        self._fused = fused
        self._pays: bool | None = None

    def __call__(self, state: Any, iterator: Any) -> tuple[Any, Any]:
        """Run one execution, and return its logs and the new state."""
        weights, others, optimizer_variables, metrics = state
        if self._pays is None:  # Decided here: a model may be built after compiling.
            self._pays = dispatch.scratch_pays(weights, self._fused)
        if not self._pays:
            return self._function(state, iterator)
        module = _jax_scratch()
        # An execution that raised has consumed the memory that it was given.
        if not self.scratch or any(array.is_deleted() for array in self.scratch):
            self.scratch = module.zeros_like(weights)
        given = module.StateWithScratch(optimizer_variables, self.scratch)
        logs, state = self._function((weights, others, given, metrics), iterator)
        weights, others, optimizer_variables, metrics = state
        # No longer there if `model.optimizer` was replaced without compiling again.
        self.scratch = getattr(optimizer_variables, "scratch", [])
        self._pays = bool(self.scratch)
        return logs, (weights, others, list(optimizer_variables), metrics)


def install() -> None:
    """Let models that are compiled from now on pass scratch memory where it pays."""
    if keras.backend.backend() == "jax":
        wrap_method("make_train_function", _make_train_function)


def accepts_scratch(stateless_apply: Callable[..., Any]) -> Callable[..., Any]:
    """Let an optimizer's method take and return a state with scratch memory.

    An override of the method in a subclass lacks the mark, and gets plain lists.
    """

    @functools.wraps(stateless_apply)
    def accepting(
        self: Any, optimizer_variables: Any, grads: Any, trainable_variables: Any
    ) -> tuple[Any, Any]:
        given = (self, optimizer_variables, grads, trainable_variables)
        step_state = getattr(_innermost(self), "_step_state", None)
        if step_state is None:  # Somebody else's optimizer, in one that scales losses.
            return stateless_apply(*given)
        # Also without scratch: Keras may call the inner optimizer in a branch, which
        # must not use the memory of the whole step.
        before = step_state.scratch
        step_state.scratch = list(getattr(optimizer_variables, "scratch", ()))
        try:
            weights, state = stateless_apply(*given)
            if hasattr(optimizer_variables, "scratch"):
                state = type(optimizer_variables)(state, step_state.scratch)
            return weights, state
        finally:
            step_state.scratch = before

    # To mypy functions have no such attribute.
    accepting.__dict__["accepts_scratch"] = True
    return accepting


def _make_train_function(
    make: Callable[..., None], model: Any, *arguments: Any, **options: Any
) -> None:
    before = model.train_function
    make(model, *arguments, **options)
    made = model.train_function
    if made is not before and _can_pass_scratch(model):
        model.train_function = TrainFunction(made, _innermost(model.optimizer).fused)


def _can_pass_scratch(model: Any) -> bool:
    """Return whether Keras compiles its own step, with an optimizer that knows scratch.

    Only Keras's own step is sure to compute the gradients where it applies them.
    """
    if not model.jit_compile or model.run_eagerly or has_own_step(model):
        return False
    optimizers = (model.optimizer, _innermost(model.optimizer))
    return all(map(_accepts_scratch, optimizers))


def _accepts_scratch(optimizer: Any) -> bool:
    method = getattr(type(optimizer), "stateless_apply", None)
    return hasattr(method, "accepts_scratch")


def _innermost(optimizer: Any) -> Any:
    """Return the optimizer that updates, which another one may scale the loss for."""
    return getattr(optimizer, "inner_optimizer", optimizer)


def _jax_scratch() -> ModuleType:
    return importlib.import_module("kerasched.kernels.jax_scratch")
