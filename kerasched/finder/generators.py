"""The random generators that a dataset has of its own, to go back to their states."""

import random
import sys
from collections.abc import Callable
from typing import Any

import keras
import numpy as np


def resets_of(*owners: Any) -> list[Callable[[], Any]]:
    """Return functions that set the generators in some objects to their states of now.

    Args:
        owners: objects whose attributes are looked at, and not those of attributes.
    """
    values = [
        value for owner in owners for value in getattr(owner, "__dict__", {}).values()
    ]
    return [reset for reset in map(_reset_of, values) if reset is not None]


def _reset_of(value: Any) -> Callable[[], Any] | None:
    if isinstance(value, random.Random):
        state = value.getstate()
        return lambda: value.setstate(state)
    if isinstance(value, np.random.RandomState):
        state = value.get_state()
        return lambda: value.set_state(state)
    if isinstance(value, np.random.Generator):
        state = value.bit_generator.state
        return lambda: setattr(value.bit_generator, "state", state)
    if isinstance(value, keras.random.SeedGenerator):
        state = keras.ops.copy(value.state.value)
        return lambda: value.state.assign(state)
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(value, torch.Generator):
        state = value.get_state()
        return lambda: value.set_state(state)
    return None
