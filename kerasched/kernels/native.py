"""The C++ extension: only this file imports it, and it may be absent."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from kerasched.errors import Integer
from kerasched.errors import Number
from kerasched.errors import message
from kerasched.kernels.array_checks import TYPES as TYPES
from kerasched.kernels.array_checks import checked_arrays
from kerasched.kernels.array_checks import checked_flags
from kerasched.kernels.array_checks import checked_optional
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

_REAL = Number()
_COUNT = Integer("a non-negative integer", 0)


class Update:
    """An update of arrays in place, at addresses that do not change.

    An array is given by its address, or as an object whose `data_ptr()` is the address.
    All are contiguous and aligned for their type.

    Args:
        options: the options of the update. The lists that they do not need are empty.
        types: the type of each weight and of its slots, one of TYPES.
        sizes: the number of elements of each weight.
        decays: for each weight whether weight decay applies to it.
        arrays: the lists of `Arrays.groups()`; all arrays are written.

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
        arrays: Sequence[list[Any]],
    ) -> None:
        native = _extension()
        self._update = native.Update(
            native.Options(**dataclasses.asdict(options)),
            list(types),
            list(sizes),
            list(decays),
            list(arrays),
        )
        self.holds = self._update.holds
        """Returns whether Keras variables on torch still hold this update's tensors.

        The tensors must be the same objects at the same addresses, of their weights'
        types and sizes, and the weights without a constraint and not overwritten by
        their gradients. Keras's public properties take a microsecond each, which for a
        small model is most of an update; this reads the attributes behind them.
        tests/optimizers/test_internals.py fails if they move.

        Args:
            variables: the weights and their slots, list after list.
            tensors: their tensors, at the addresses given to the constructor.
            dtypes: torch's type of each weight.
        """
        self.takes = self._update.takes
        """Returns whether tensors of torch can be gradients, by their types and shapes.

        Raises:
            AttributeError: one is no tensor.
        """
        self.run = self._update.run
        """Runs one step, and returns whether it was applied: the options may skip it.

        Args:
            learning_rate, weight_decay, loss_scale: numbers.
            iterations: the number of micro-batches before this one.
            hyperparameters: those of the rule.
            gradients: a list of arrays, one for each weight; they are only read.

        Raises:
            ValueError: a gradient is missing, not aligned, or shares memory with an
                array that is written.
        """


def update(
    options: Options,
    weights: list[np.ndarray],
    gradients: list[np.ndarray],
    slots: Sequence[list[np.ndarray]] = (),
    sums: list[np.ndarray] | None = None,
    averages: list[np.ndarray] | None = None,
    *,
    learning_rate: float,
    weight_decay: float = 0.0,
    loss_scale: float = 1.0,
    iterations: int = 0,
    hyperparameters: Sequence[float] = (),
    decays: Sequence[bool] | None = None,
) -> bool:
    """Run one step of an optimizer on NumPy arrays, in place and in one pass.

    Args:
        options: the options of the update.
        weights: float32, float64 or bfloat16 arrays of any shape, contiguous.
        gradients: arrays of the same shapes and types; they are only read.
        slots: a list of the same for each slot of the rule.
        sums: the same, if gradients are accumulated.
        averages: the same, if there is a moving average.
        learning_rate: the learning rate of this step.
        weight_decay: the weight decay, a factor of the learning rate.
        loss_scale: the factor by which the loss was multiplied, if the options unscale.
        iterations: the number of micro-batches before this one.
        hyperparameters: those of the rule, in the order of its header in csrc.
        decays: for each weight whether weight decay applies to it; by default to all.

    Returns:
        Whether the step was applied. The options may skip a step if a gradient is not
        finite; nothing is written then.

    Raises:
        RuntimeError: the compiled extension is not installed.
        TypeError: an argument is no array, list or number where it should be.
        ValueError: a list is missing, too long, or not used by the options; shapes or
            types differ, an array has strides or is read-only, or two of them share
            memory. Nothing is written then.
    """
    if len(slots) != options.slots:
        wanted = f"{options.slots}, for the rule {options.rule}"
        raise ValueError(message("update", "len(slots)", wanted, len(slots)))
    groups = [checked_arrays("weights", weights)]
    read = checked_arrays("gradients", gradients, weights)
    for i, slot in enumerate(slots):
        groups.append(checked_arrays(f"slots[{i}]", slot, weights))
    groups += checked_optional(options.accumulates, "sums", sums, weights)
    groups += checked_optional(options.use_ema, "averages", averages, weights)
    numbers = (
        _REAL("update", "learning_rate", learning_rate),
        _REAL("update", "weight_decay", weight_decay),
        _REAL("update", "loss_scale", loss_scale),
        _COUNT("update", "iterations", iterations),
        [
            _REAL("update", f"hyperparameters[{i}]", value)
            for i, value in enumerate(hyperparameters)
        ],
    )
    types = [str(weight.dtype) for weight in weights]
    sizes = [weight.size for weight in weights]
    flags = checked_flags("decays", decays, len(weights))
    program = Update(options, types, sizes, flags, list(map(_addresses, groups)))
    return bool(program.run(*numbers, _addresses(read)))


def rules() -> dict[str, tuple[int, int]]:
    """Return the slots and the hyperparameters of each rule of the extension, by name.

    Raises:
        RuntimeError: the compiled extension is not installed.
    """
    return dict(_extension().rules())


def _addresses(arrays: list[np.ndarray]) -> list[int]:
    return [array.ctypes.data for array in arrays]


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
    """Return the instruction set in use: KERASCHED_ISA, or the best one here.

    Raises:
        RuntimeError: the compiled extension is not installed.
        ValueError: KERASCHED_ISA is not a supported instruction set.
    """
    return _extension().instruction_set()


def threads() -> int:
    """Return the number of threads of a direct call: KERASCHED_NUM_THREADS, or all.

    Raises:
        RuntimeError: the compiled extension is not installed.
        ValueError: KERASCHED_NUM_THREADS is not a positive integer.
    """
    return _extension().threads()


def ffi_version() -> tuple[int, int] | None:
    """Return the version of XLA's interface that the extension uses, None for none."""
    return None if missing else _native.ffi_version


def offered_ffi_version() -> tuple[int, int] | None:
    """Return the version of XLA's interface that the framework of this process offers.

    It is None before the handler is registered, and without XLA.
    """
    if ffi_version() is None:
        return None
    major, minor = _native.offered_ffi_version()
    return None if major < 0 else (major, minor)


def ffi_target() -> str:
    """Return the name under which the handler of the update is registered."""
    return _extension().ffi_target


def ffi_statistics_target() -> str:
    """Return the name of the handler that only reads the gradients of shards."""
    return _extension().ffi_statistics_target


def ffi_handlers() -> dict[str, Any]:
    """Return both handlers for XLA by name, as capsules that JAX registers."""
    return {
        ffi_target(): _extension().ffi_handler(),
        ffi_statistics_target(): _extension().ffi_statistics_handler(),
    }


def register_in_tensorflow(library: str) -> str:
    """Register the handler in a loaded TensorFlow; return why not, or an empty text."""
    return _extension().register_in_tensorflow(library)
