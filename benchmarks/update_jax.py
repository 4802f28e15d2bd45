"""Updates on JAX: Keras's, ours, and optax's."""

from collections.abc import Callable
from typing import Any

import jax
import keras
import numpy as np
import optax
import ratios
from cases import arguments
from cases import repeats
from tensors import agree
from tensors import starts

import kerasched

CLASSES = {"keras": keras.optimizers.SGD, "ours": kerasched.SGD}
CHECKED = 4


class Trained:
    """Weights and state that are given to a compiled step and taken back from it."""

    def __init__(self, step: Callable[..., Any], state: Any, tensors: str) -> None:
        weights, gradients = starts(tensors)
        self.step = jax.jit(step, donate_argnums=(0, 1))
        self.weights = [jax.numpy.array(w) for w in weights]
        self.gradients = [jax.numpy.array(g) for g in gradients]
        self.state = state

    def __call__(self, times: int) -> None:
        """Do some steps and wait for them."""
        for _ in range(times):
            self.weights, self.state = self.step(
                self.weights, self.state, self.gradients
            )
        jax.block_until_ready((self.weights, self.state))


def rows(option: str, tensors: str, rounds: int) -> list[dict[str, Any]]:
    """Return the row of a compiled step with donated state."""
    steps = {name: _keras(cls, option, tensors) for name, cls in CLASSES.items()}
    if option in ("no momentum", "momentum", "nesterov"):
        steps["optax"] = _optax(option, tensors)
    times = repeats(option, tensors)
    functions = {n: lambda step=step: step(times) for n, step in steps.items()}
    for function in functions.values():
        for _ in range(CHECKED):
            function()
    agree(tensors, {n: list(map(np.array, s.weights)) for n, s in steps.items()})
    case = {"backend": "jax", "way": "jit", "model": tensors, "option": option}
    return [ratios.row(case, ratios.taking_turns(functions, rounds))]


def _keras(cls: Any, option: str, tensors: str) -> Trained:
    variables = [keras.Variable(array) for array in starts(tensors)[0]]
    optimizer = cls(**arguments(option))
    optimizer.build(variables)

    def step(weights: Any, state: Any, gradients: Any) -> Any:
        return optimizer.stateless_apply(state, gradients, weights)

    state = [jax.numpy.copy(v.value) for v in optimizer.variables]
    return Trained(step, state, tensors)


def _optax(option: str, tensors: str) -> Trained:
    given = arguments(option)
    momentum = given["momentum"] or None
    rule = optax.sgd(0.01, momentum, nesterov=bool(given.get("nesterov")))

    def step(weights: Any, state: Any, gradients: Any) -> Any:
        updates, state = rule.update(gradients, state)
        return optax.apply_updates(weights, updates), state

    trained = Trained(step, None, tensors)
    trained.state = rule.init(trained.weights)
    return trained
