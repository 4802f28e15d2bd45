"""The only importer of the C++ extension, which may be absent."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np

from kerasched.errors import message
from kerasched.kernels.options import Options

try:
    from kerasched import _native

    missing = ""
except ImportError as error:
    _native = None
    missing = f"the compiled extension is not installed ({error})"

# The types of weights, and their bytes.
TYPES = {"float32": 4, "float64": 8, "bfloat16": 2}


class Update:
    """An update of arrays that stay where they are, in place.

    An array is given by its address, or as an object whose `data_ptr()` is the address.
    All are contiguous and aligned for their type.

    Args:
        options: what is done, and so which lists are needed; the others are empty.
        types: the type of each weight and of all that belongs to it, of TYPES.
        sizes: how many numbers each has.
        decays: for each weight whether it decays.
        weights, velocities, sums, averages: the arrays, all of which are written.

    Raises:
        RuntimeError: the compiled extension is not installed.
        ValueError: a type is not supported, an array is missing or not aligned, or two
            of them share memory.
    """

    def __init__(
        self,
        options: Options,
        types: Sequence[str],
        sizes: Sequence[int],
        decays: Sequence[bool],
        weights: list[Any],
        velocities: list[Any],
        sums: list[Any],
        averages: list[Any],
    ) -> None:
        if missing:
            raise RuntimeError(f"{missing}. Install kerasched with a C++ compiler")
        self._update = _native.Update(
            _native.Options(**dataclasses.asdict(options)),
            list(types),
            list(sizes),
            list(decays),
            weights,
            velocities,
            sums,
            averages,
        )
        self.holds = self._update.holds
        """Returns whether arrays, list after list, are where the constructor's were."""
        self.run = self._update.run
        """Does one step.

        Args:
            learning_rate, momentum, weight_decay: numbers.
            iterations: the micro-batches before this one.
            gradients: a list of arrays, one for each weight; only read.

        Raises:
            ValueError: a gradient is missing, not aligned, or shares memory with what
                is written.
        """


def update(
    options: Options,
    weights: list[np.ndarray],
    gradients: list[np.ndarray],
    velocities: list[np.ndarray] | None = None,
    sums: list[np.ndarray] | None = None,
    averages: list[np.ndarray] | None = None,
    *,
    learning_rate: float,
    momentum: float = 0.0,
    weight_decay: float = 0.0,
    iterations: int = 0,
    decays: Sequence[bool] | None = None,
) -> None:
    """Do one step of keras.optimizers.SGD on NumPy arrays, in place and in one pass.

    Args:
        options: what is done, and so which lists are needed.
        weights: float32, float64 or bfloat16 arrays of any shape, contiguous.
        gradients: arrays of the same shapes and types; only read.
        velocities: the same, where there is a momentum.
        sums: the same, where gradients are accumulated.
        averages: the same, where there is a moving average.
        learning_rate: the rate of this step.
        momentum: the factor by which velocities are kept.
        weight_decay: the part of a weight that goes at a learning rate of 1.
        iterations: the micro-batches before this one.
        decays: for each weight whether it decays; all where it is not given.

    Raises:
        RuntimeError: the compiled extension is not installed.
        ValueError: shapes or types differ, an array has strides or may not be written,
            or two of them share memory.
    """
    lists = {
        "weights": weights,
        "gradients": gradients,
        "velocities": velocities or [],
        "sums": sums or [],
        "averages": averages or [],
    }
    for name, arrays in lists.items():
        for weight, array in zip(weights, arrays, strict=False):
            _check(name, weight, array)
    places = {name: [a.ctypes.data for a in arrays] for name, arrays in lists.items()}
    gradients_at = places.pop("gradients")
    Update(
        options,
        [str(w.dtype) for w in weights],
        [w.size for w in weights],
        [True] * len(weights) if decays is None else decays,
        **places,
    ).run(learning_rate, momentum, weight_decay, iterations, gradients_at)


def _check(name: str, weight: np.ndarray, array: np.ndarray) -> None:
    def refuse(what: str, received: Any) -> None:
        raise ValueError(message("update", name, f"hold {what}", received))

    if array.shape != weight.shape:
        refuse("arrays of the shapes of `weights`", array.shape)
    if array.dtype != weight.dtype:
        refuse("arrays of the types of `weights`", str(array.dtype))
    if not array.flags.c_contiguous:
        refuse("contiguous arrays", "an array with strides")
    if not array.flags.writeable and name != "gradients":
        refuse("arrays that may be written", "a read-only array")


def hold_tensors(variables: list[Any], tensors: list[Any]) -> bool:
    """Return whether each variable of Keras on torch still holds its tensor.

    Keras's public way to the tensor inside a variable takes a microsecond, for a small
    model most of an update; this reads the attribute behind it.
    tests/optimizers/test_internals.py tells if it moves.
    """
    return _native.hold_tensors(variables, tensors)


def are_like(tensors: list[Any], dtypes: list[Any], shapes: list[Any]) -> bool:
    """Return whether tensors of torch have these types and shapes, and are dense.

    Raises:
        AttributeError: one is no tensor.
    """
    return _native.are_like(tensors, dtypes, shapes)


def instruction_set() -> str:
    """Return the instruction set that runs: KERASCHED_ISA, or the processor's best."""
    return _native.instruction_set()


def threads() -> int:
    """Return how many threads a direct call uses: KERASCHED_NUM_THREADS, or all."""
    return _native.threads()


def ffi_version() -> tuple[int, int] | None:
    """Return the version of XLA's interface that was built for, None for none."""
    return None if missing else _native.ffi_version


def ffi_target() -> str:
    """Return the name under which the handler is registered."""
    return _native.ffi_target


def ffi_handler() -> Any:
    """Return the handler for XLA, as a capsule that JAX registers."""
    return _native.ffi_handler()


def register_in_tensorflow(library: str) -> str:
    """Register the handler in a loaded TensorFlow; return why not, or an empty text."""
    return _native.register_in_tensorflow(library)
