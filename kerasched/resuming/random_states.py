"""The states of the global random generators.

Seeds of layers such as Dropout are variables of the model and not included.

There is no public access to Keras's global seed generator, nor to the one from which
TensorFlow draws the seeds of its operations. Both are looked up in this file only;
tests/training/test_random_states.py fails when they move.
"""

import base64
import random
import sys
from typing import Any

import keras
import numpy as np

from kerasched.resuming.generators import SEEDS


def random_states() -> dict[str, Any]:
    """Return the states of all global generators, as JSON-native values.

    Those of `random`, `numpy.random`, Keras, torch if it is loaded, and TensorFlow if
    it is the backend. None for a generator that was not used yet.
    """
    version, numbers, gauss = random.getstate()
    return {
        "python": [version, list(numbers), gauss],
        "numpy": _plain(np.random.get_state(legacy=False)),
        "keras": _keras_state(),
        "torch": _torch_states(),
        "tensorflow": _tensorflow_states(),
    }


def set_random_states(states: dict[str, Any]) -> None:
    """Set all global generators to states that `random_states` returned.

    Those of a framework that is not loaded now, or was not then, are left alone.

    Args:
        states: what `random_states` returned, in this process or in another one.
    """
    _set_keras_state(states["keras"])
    version, numbers, gauss = states["python"]
    random.setstate((version, tuple(numbers), gauss))
    np.random.set_state(states["numpy"])
    _set_torch_states(states["torch"])
    _set_tensorflow_states(states["tensorflow"])


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _plain(item) for name, item in value.items()}
    return value.tolist() if isinstance(value, (np.ndarray, np.generic)) else value


class _KerasGenerator:
    """Access to Keras's global seed generator, which is created at its first use."""

    def __init__(self) -> None:
        module = sys.modules[keras.random.SeedGenerator.__module__]
        self._state = getattr(module, "global_state", None)
        # Keras before 3.13 has no constant for the name.
        name = "global_seed_generator"
        self._name = getattr(module, "GLOBAL_SEED_GENERATOR", name)

    def get(self) -> Any:
        get = getattr(self._state, "get_global_attribute", None)
        return get(self._name) if get else None

    def set(self, generator: Any) -> None:
        put = getattr(self._state, "set_global_attribute", None)
        if put:
            put(self._name, generator)


def _keras_state() -> list[int] | None:
    generator = _KerasGenerator().get()
    if generator is None:
        return None
    return SEEDS.get(generator).tolist()


def _set_keras_state(state: list[int] | None) -> None:
    place = _KerasGenerator()
    generator = place.get()
    if state is None:
        place.set(None)
        return
    if generator is None:
        generator = SEEDS.new(state)
        place.set(generator)
    SEEDS.put(generator, state)


def _torch_states() -> list[str] | None:
    """Return the states of the generators of the CPU and of each visible GPU.

    Those of GPUs are included once torch uses one.
    """
    torch = sys.modules.get("torch")
    if torch is None:
        return None
    gpus = torch.cuda.get_rng_state_all() if torch.cuda.is_initialized() else []
    return [
        base64.b64encode(state.numpy().tobytes()).decode()
        for state in (torch.get_rng_state(), *gpus)
    ]


def _set_torch_states(states: list[str] | None) -> None:
    torch = sys.modules.get("torch")
    if torch is None or states is None:
        return
    values = [
        torch.frombuffer(bytearray(base64.b64decode(state)), dtype=torch.uint8)
        for state in states
    ]
    torch.set_rng_state(values[0])
    if torch.cuda.is_available() and len(values) > 1:
        torch.cuda.set_rng_state_all(values[1 : 1 + torch.cuda.device_count()])


def _context() -> Any:
    """Return TensorFlow's context, which draws the seeds of operations.

    After set_seed its `_rng` is a random.Random.
    """
    module = sys.modules.get("tensorflow.python.eager.context")
    context = getattr(module, "context", None)
    return None if context is None else context()


def _tensorflow_states() -> dict[str, Any] | None:
    if keras.backend.backend() != "tensorflow":
        return None
    generator = sys.modules["tensorflow"].random.get_global_generator()
    seeds = getattr(_context(), "_rng", None)
    return {
        "algorithm": int(generator.algorithm),
        "generator": generator.state.numpy().tolist(),
        "seeds": None if seeds is None else seeds.getstate(),
    }


def _set_tensorflow_states(states: dict[str, Any] | None) -> None:
    if keras.backend.backend() != "tensorflow" or states is None:
        return
    tensorflow = sys.modules["tensorflow"]
    generator = tensorflow.random.get_global_generator()
    if int(generator.algorithm) == states["algorithm"]:
        generator.state.assign(states["generator"])
    else:
        tensorflow.random.set_global_generator(
            tensorflow.random.Generator.from_state(
                states["generator"], states["algorithm"]
            )
        )
    _set_seeds_of_operations(states["seeds"])


def _set_seeds_of_operations(state: list[Any] | None) -> None:
    context = _context()
    seeds = getattr(context, "_rng", None)
    if seeds is None or state is None:
        return
    version, numbers, gauss = state
    wanted = (version, tuple(numbers), gauss)
    if seeds.getstate() != wanted:
        seeds.setstate(wanted)
        # An operation that is kept for a seed goes on from the numbers that it gave.
        context.clear_kernel_cache()
