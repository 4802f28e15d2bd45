"""Times one update on several devices of JAX, with both SGD classes."""

from collections.abc import Callable
from typing import Any

import jax
import keras
import numpy as np
import ratios
from jax.sharding import Mesh
from jax.sharding import NamedSharding
from jax.sharding import PartitionSpec
from twins import in_turn
from twins import twice

import kerasched

MATRICES, SIDE = 8, 1024
# Replicated, as under DataParallel, or with the rows on different devices.
LAYOUTS = {"replicated": PartitionSpec(), "rows": PartitionSpec("model", None)}
OPTIONS = {"momentum": {}, "global_clipnorm": {"global_clipnorm": 1.0}}


def row(layout: str, option: str, rounds: int) -> dict[str, Any]:
    """Return the row of a layout on all devices of this process."""
    makers = {
        "keras": lambda: _updates(keras.optimizers.SGD, layout, option),
        "ours": lambda: _updates(kerasched.SGD, layout, option),
    }
    made = twice(makers, lambda update: update())
    functions = {name: in_turn(pair) for name, pair in made.items()}
    case = {"layout": layout, "option": option, "devices": jax.device_count()}
    return ratios.row(case, ratios.taking_turns(functions, rounds))


def _updates(cls: Any, layout: str, option: str) -> Callable[[], None]:
    """Return a function that updates sharded weights once, and waits for the end."""
    mesh = Mesh(np.array(jax.devices()), ("model",))
    random = np.random.default_rng(0)

    def put(array: Any) -> jax.Array:
        spec = LAYOUTS[layout] if np.ndim(array) == 2 else PartitionSpec()
        return jax.device_put(np.asarray(array), NamedSharding(mesh, spec))

    arrays = [random.standard_normal((SIDE, SIDE), np.float32) for _ in range(MATRICES)]
    optimizer = cls(1e-3, momentum=0.9, **OPTIONS[option])
    optimizer.build([keras.Variable(array) for array in arrays])
    weights, gradients = [put(a) for a in arrays], [put(a * 1e-3) for a in arrays]
    state = [put(v.value) for v in optimizer.variables]
    step = jax.jit(
        lambda weights, state, gradients: optimizer.stateless_apply(
            state, gradients, weights
        ),
        donate_argnums=(0, 1),
    )

    def update() -> None:
        nonlocal weights, state
        weights, state = step(weights, state, gradients)
        jax.block_until_ready((weights, state))

    return update
