"""The only importer of the C++ extension, which may be absent."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from kerasched.errors import Flag
from kerasched.errors import Integer
from kerasched.errors import Items
from kerasched.errors import Number
from kerasched.errors import message
from kerasched.kernels.options import Options

try:
    import kerasched._native as _native

    missing = ""
except ModuleNotFoundError:
    _native = None
    missing = "the compiled extension is not installed"
except ImportError as error:
    _native = None
    missing = f"the compiled extension cannot be loaded ({error})"

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
        ValueError: a type is not supported, the lists differ in length, or two arrays
            share memory.
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
        native = _extension()
        self._update = native.Update(
            native.Options(**dataclasses.asdict(options)),
            list(types),
            list(sizes),
            list(decays),
            weights,
            velocities,
            sums,
            averages,
        )
        self.holds = self._update.holds
        """Returns whether variables of Keras on torch are as they were at first.

        That is, whether they hold the same tensors, at the constructor's addresses, of
        their weights' types and sizes, and the weights have no constraint and are not
        overwritten by their gradients. Keras's public way to each of these takes a
        microsecond, for a small model most of an update; this reads the attributes
        behind it. tests/optimizers/test_internals.py tells if they move.

        Args:
            variables: all that is written, list after list, the weights first.
            tensors: what they held, at the constructor's addresses.
            dtypes: torch's type of each weight.
        """
        self.takes = self._update.takes
        """Returns whether tensors of torch can be gradients, by their types and shapes.

        Raises:
            AttributeError: one is no tensor.
        """
        self.run = self._update.run
        """Does one step, and returns whether: the options may have it left out.

        Args:
            learning_rate, momentum, weight_decay, loss_scale: numbers.
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
    loss_scale: float = 1.0,
    iterations: int = 0,
    decays: Sequence[bool] | None = None,
) -> bool:
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
        loss_scale: by what the loss was multiplied, where the options unscale.
        iterations: the micro-batches before this one.
        decays: for each weight whether it decays; all where it is not given.

    Returns:
        Whether the step was done. The options may have one left out whose gradients are
        not finite; nothing is written then.

    Raises:
        RuntimeError: the compiled extension is not installed.
        TypeError: what should be an array, a list or a number is something else.
        ValueError: a list is missing, too long or of no use to the options; shapes or
            types differ, an array has strides or may not be written, or two of them
            share memory. Nothing is written then.
    """
    lists = {
        "weights": _arrays("weights", weights),
        "gradients": _arrays("gradients", gradients, weights),
        "velocities": _where(options.momentum, "velocities", velocities, weights),
        "sums": _where(options.gradient_accumulation_steps > 1, "sums", sums, weights),
        "averages": _where(options.use_ema, "averages", averages, weights),
    }
    numbers = (
        _REAL("update", "learning_rate", learning_rate),
        _REAL("update", "momentum", momentum),
        _REAL("update", "weight_decay", weight_decay),
        _REAL("update", "loss_scale", loss_scale),
        _COUNT("update", "iterations", iterations),
    )
    types = [str(weight.dtype) for weight in weights]
    sizes = [weight.size for weight in weights]
    addresses = {name: [a.ctypes.data for a in group] for name, group in lists.items()}
    read = addresses.pop("gradients")
    marks = _decays(decays, len(weights))
    return Update(options, types, sizes, marks, **addresses).run(*numbers, read)


_REAL = Number()
_COUNT = Integer("a non-negative integer", 0)
_FLAGS = Items(Flag())


def _where(
    needed: bool, name: str, arrays: Any, weights: list[np.ndarray]
) -> list[np.ndarray]:
    """Return the checked arrays, of which there are none where none are needed."""
    if needed:
        return _arrays(name, arrays, weights)
    if arrays is None or (isinstance(arrays, (list, tuple)) and not arrays):
        return []
    unused = "None, as the options have no use for it"
    kind = ValueError if isinstance(arrays, (list, tuple)) else TypeError
    raise kind(message("update", name, unused, arrays))


def _arrays(
    name: str, arrays: Any, weights: list[np.ndarray] | None = None
) -> list[np.ndarray]:
    if not isinstance(arrays, (list, tuple)):
        raise TypeError(message("update", name, "a list of arrays", arrays))
    if weights is None:
        weights = list(arrays)
    if len(arrays) != len(weights):
        wanted = f"{len(weights)}, as of `weights`"
        raise ValueError(message("update", f"len({name})", wanted, len(arrays)))
    for index, (array, weight) in enumerate(zip(arrays, weights, strict=True)):
        _check(f"{name}[{index}]", array, weight, written=name != "gradients")
    return list(arrays)


def _check(name: str, array: Any, weight: np.ndarray, written: bool) -> None:
    if not isinstance(array, np.ndarray):
        raise TypeError(message("update", name, "a NumPy array", array))

    def refuse(attribute: str, requirement: str, received: Any) -> None:
        raise ValueError(
            message("update", f"{name}.{attribute}", requirement, received)
        )

    if str(array.dtype) not in TYPES:
        refuse("dtype", "float32, float64 or bfloat16", array.dtype)
    if array.dtype != weight.dtype:
        refuse("dtype", f"{weight.dtype}, as of its weight", array.dtype)
    if array.shape != weight.shape:
        refuse("shape", f"{weight.shape}, as of its weight", array.shape)
    if not array.flags.c_contiguous:
        refuse("flags.c_contiguous", "True", False)
    if not array.flags.aligned:
        refuse("flags.aligned", "True", False)
    if written and not array.flags.writeable:
        refuse("flags.writeable", "True", False)


def _decays(decays: Any, count: int) -> list[bool]:
    if decays is None:
        return [True] * count
    flags = _FLAGS("update", "decays", decays)
    if len(flags) != count:
        wanted = f"{count}, as of `weights`"
        raise ValueError(message("update", "len(decays)", wanted, len(flags)))
    return list(flags)


def _extension() -> Any:
    if missing:
        raise RuntimeError(f"{missing}. Install kerasched with a C++ compiler")
    return _native


def file() -> Path:
    """Return the file of the extension.

    Raises:
        RuntimeError: the compiled extension is not installed.
    """
    return Path(_extension().__file__)


def instruction_set() -> str:
    """Return the instruction set that runs: KERASCHED_ISA, or the processor's best.

    Raises:
        RuntimeError: the compiled extension is not installed.
        ValueError: KERASCHED_ISA names none that runs here.
    """
    return _extension().instruction_set()


def threads() -> int:
    """Return how many threads a direct call uses: KERASCHED_NUM_THREADS, or all.

    Raises:
        RuntimeError: the compiled extension is not installed.
        ValueError: KERASCHED_NUM_THREADS is no positive integer.
    """
    return _extension().threads()


def ffi_version() -> tuple[int, int] | None:
    """Return the version of XLA's interface that was built for, None for none."""
    return None if missing else _native.ffi_version


def offered_ffi_version() -> tuple[int, int] | None:
    """Return the version of XLA's interface that this process's framework has.

    None before the handler was registered, and where there is none.
    """
    if ffi_version() is None:
        return None
    major, minor = _native.offered_ffi_version()
    return None if major < 0 else (major, minor)


def ffi_target() -> str:
    """Return the name under which the handler is registered."""
    return _extension().ffi_target


def ffi_handler() -> Any:
    """Return the handler for XLA, as a capsule that JAX registers."""
    return _extension().ffi_handler()


def register_in_tensorflow(library: str) -> str:
    """Register the handler in a loaded TensorFlow; return why not, or an empty text."""
    return _extension().register_in_tensorflow(library)
