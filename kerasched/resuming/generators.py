"""The kinds of random generators, with functions to read and set their states.

A state consists of numbers, strings, arrays, and tuples and dicts of these.
"""

import dataclasses
import functools
import random
import sys
from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from kerasched.training.variables import assign
from kerasched.training.variables import copy_of


@dataclasses.dataclass(frozen=True)
class Kind:
    """A kind of generator.

    Attributes:
        of: its class.
        name: its name in files.
        get: returns the state of a generator.
        put: sets the state of a generator.
        new: creates a generator whose state can be set.
    """

    of: type
    name: str
    get: Callable[[Any], Any]
    put: Callable[[Any, Any], Any]
    new: Callable[[Any], Any]

    def made(self, state: Any) -> Any:
        """Return a new generator with a state."""
        generator = self.new(state)
        self.put(generator, state)
        return generator


def kind_of(value: Any) -> Kind | None:
    """Return the kind of a generator, None for other values.

    `random.SystemRandom` has no state and is not supported.
    """
    if isinstance(value, random.SystemRandom):
        return None
    return next((kind for kind in _known() if isinstance(value, kind.of)), None)


def kind_named(name: str) -> Kind:
    """Return the kind with a name.

    Raises:
        ValueError: the name is unknown, or its framework is not loaded.
    """
    for kind in _known():
        if kind.name == name:
            return kind
    raise ValueError(f"{name} is not a known kind of random generator")


def _known() -> list[Kind]:
    torch = sys.modules.get("torch")
    return _KINDS if torch is None else [*_KINDS, _torch_kind(torch)]


def _put_bits(generator: np.random.Generator, state: dict[str, Any]) -> None:
    generator.bit_generator.state = state


def _new_bits(state: dict[str, Any]) -> np.random.Generator:
    return np.random.Generator(getattr(np.random, state["bit_generator"])())


def _put_seed(generator: keras.random.SeedGenerator, state: Any) -> None:
    assign(generator.state, np.array(state, generator.state.dtype))


@functools.cache
def _torch_kind(torch: Any) -> Kind:
    return Kind(
        torch.Generator,
        "torch.Generator",
        lambda g: {"device": str(g.device), "state": g.get_state().numpy().copy()},
        lambda g, state: g.set_state(torch.from_numpy(np.array(state["state"]))),
        lambda state: torch.Generator(state["device"]),
    )


SEEDS = Kind(
    keras.random.SeedGenerator,
    "SeedGenerator",
    lambda generator: copy_of(generator.state),
    _put_seed,
    lambda state: keras.random.SeedGenerator(0),
)
_KINDS = [
    Kind(
        random.Random,
        "Random",
        lambda generator: generator.getstate(),
        lambda generator, state: generator.setstate(state),
        lambda state: random.Random(),
    ),
    Kind(
        np.random.RandomState,
        "RandomState",
        lambda generator: generator.get_state(legacy=False),
        lambda generator, state: generator.set_state(state),
        lambda state: np.random.RandomState(),
    ),
    Kind(
        np.random.Generator,
        "Generator",
        lambda generator: generator.bit_generator.state,
        _put_bits,
        _new_bits,
    ),
    SEEDS,
]
