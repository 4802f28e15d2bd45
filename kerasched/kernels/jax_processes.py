"""Exchanges between JAX processes, and arrays on devices of several of them."""

from typing import Any

import jax
import numpy as np
from jax.experimental import multihost_utils

# Messages are padded to powers of two, as each length is compiled once.
LEAST_BYTES = 256


def rank() -> int:
    """Return the number of this process, from 0."""
    return jax.process_index()


def count() -> int:
    """Return the number of processes."""
    return jax.process_count()


def devices() -> str:
    """Return the number and the platform of JAX's devices, as text."""
    text = f"{jax.device_count()} {jax.default_backend()}"
    if count() > 1:
        text += f", {jax.local_device_count()} of them in process {rank()} of {count()}"
    return text


def train_together(values: Any) -> bool:
    """Return whether some array is on devices of all processes, of which are several.

    Args:
        values: the values of a model's variables.
    """
    return count() > 1 and any(
        len({device.process_index for device in value.sharding.device_set}) == count()
        for value in values
    )


def gather(content: bytes) -> list[bytes]:
    """Return the bytes that each process has passed, in the order of their ranks."""
    sizes = multihost_utils.process_allgather(np.int32(len(content))).tolist()
    padded = np.zeros(max(LEAST_BYTES, 1 << (max(sizes) - 1).bit_length()), np.uint8)
    padded[: len(content)] = np.frombuffer(content, np.uint8)
    rows = multihost_utils.process_allgather(padded)
    return [row[:size].tobytes() for row, size in zip(rows, sizes, strict=True)]


def whole(value: jax.Array) -> np.ndarray:
    """Return an array whose parts are on several processes; all of them must call."""
    return multihost_utils.process_allgather(value, tiled=True)


def placed_like(value: jax.Array, array: Any) -> jax.Array:
    """Return an array with the devices and the type of another one.

    Unlike `jax.device_put` this does not compare what the processes pass, for which
    each would send all of it, and NaN would be an error.
    """
    array = np.asarray(array, value.dtype)
    return jax.make_array_from_callback(
        value.shape, value.sharding, lambda index: array[index]
    )
