"""Times one update on JAX: Keras, kerasched and optax."""

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import keras
import numpy as np
import optax
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


def rows(
    option: str, tensors: str, rounds: int, limit: bool = False
) -> list[dict[str, Any]]:
    """Return the row of a compiled step with donated arguments."""
    makers = both(_keras, option, tensors)
    if limit:
        makers[LIMIT] = partial(updating.limit, option, tensors)
    if option in PLAIN:
        makers["optax"] = partial(_optax, option, tensors)
    case = {"backend": "jax", "way": "jit", "model": tensors, "option": option}
    return [updating.row(case, makers, rounds)]


def _keras(cls: Any, option: str, tensors: str) -> Updated:
    kind = dtype(option)
    variables = [keras.Variable(array, dtype=kind) for array in starts(tensors)[0]]
    optimizer = cls(**arguments(option))
    optimizer.build(variables)

    def step(weights: Any, state: Any, gradients: Any) -> Any:
        return optimizer.stateless_apply(state, gradients, weights)

    def state_of(weights: Any) -> Any:
        del weights
        return [jax.numpy.copy(v.value) for v in optimizer.variables]

    return _compiled(step, state_of, tensors, kind)


def _optax(option: str, tensors: str) -> Updated:
    given = arguments(option)
    if class_name(option) == "AdamW":
        rule = optax.adamw(
            given["learning_rate"], eps=given["epsilon"], weight_decay=WEIGHT_DECAY
        )
    else:
        momentum = given["momentum"] or None
        rule = optax.sgd(0.01, momentum, nesterov=bool(given.get("nesterov")))

    def step(weights: Any, state: Any, gradients: Any) -> Any:
        updates, state = rule.update(gradients, state, weights)
        return optax.apply_updates(weights, updates), state

    return _compiled(step, rule.init, tensors)


def _compiled(
    step: Callable[..., Any],
    state_of: Callable[[Any], Any],
    tensors: str,
    kind: str = "float32",
) -> Updated:
    """Return an update that passes weights and state through a compiled step."""
    starting, given = starts(tensors)
    gradients = [jax.numpy.array(g, kind) for g in given]
    weights = [jax.numpy.array(w, kind) for w in starting]
    state = state_of(weights)
    donating = jax.jit(step, donate_argnums=(0, 1))

    def run(times: int) -> None:
        nonlocal weights, state
        for _ in range(times):
            weights, state = donating(weights, state, gradients)
        jax.block_until_ready((weights, state))

    return Updated(run, lambda: [np.array(w, "float32") for w in weights])
