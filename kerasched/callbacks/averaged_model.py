"""The running average of a model's weights, which can be swapped with the weights."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from kerasched.callbacks.statistics import StatisticsPass
from kerasched.callbacks.statistics import statistics_of
from kerasched.training.variables import Snapshot
from kerasched.training.variables import read
from kerasched.training.variables import write


class RunningAverage:
    """The running average of lists of arrays, in their type, float32 at least.

    mean + (new - mean) / (count + 1), or mean + (new - mean) * (1 - decay)

    No array is changed in place: arrays read from `values` stay as they are.

    Args:
        decay: weight of the past in an exponential average, None for an equal average.
    """

    def __init__(self, decay: float | None) -> None:
        self.decay = decay
        self.count = 0
        self.values: list[np.ndarray] = []

    def take(self, arrays: Sequence[Any]) -> bool:
        """Add a list of arrays; return False if a value is not finite.

        Raises:
            ValueError: its number or shapes of arrays differ from those before.
        """
        new = [widened(array) for array in arrays]
        if not all(np.isfinite(array).all() for array in new):
            return False
        if self.count:
            self.check(new)
            share = 1 / (self.count + 1) if self.decay is None else 1 - self.decay
            pairs = zip(self.values, new, strict=True)
            new = [np.asarray(mean + (one - mean) * share) for mean, one in pairs]
        self.values, self.count = new, self.count + 1
        return True

    def check(self, others: Sequence[Any]) -> None:
        """Raise ValueError unless others have the average's number and shapes."""
        ours = [value.shape for value in self.values]
        theirs = [tuple(other.shape) for other in others]
        if ours != theirs:
            raise ValueError(
                f"WeightAveraging has averages of {len(ours)} weights, which are not "
                f"those of the model's {len(theirs)} trainable ones. Restore them with "
                "set_arrays, or call reset to begin a new average."
            )


def widened(array: Any) -> np.ndarray:
    """Return a copy in float32, or in the array's own type if that is wider."""
    is_plain = array.dtype.kind == "f"  # One of NumPy's own types, unlike bfloat16.
    return np.array(array, np.result_type(array.dtype.name if is_plain else "f4", "f4"))


class AveragedModel:
    """Averages the trainable weights of a model, and swaps them with the average.

    Args:
        decay: as that of RunningAverage.
        data: inputs for new statistics, as in `predict`.
        batch_size: as in `predict`.
        steps: as in `predict`.
    """

    def __init__(
        self, decay: float | None, data: Any, batch_size: int | None, steps: int | None
    ) -> None:
        self.average = RunningAverage(decay)
        self._data = (data, batch_size, steps)
        self._statistics: list[np.ndarray] | None = None
        self._swap: Snapshot | None = None
        self._pass: StatisticsPass | None = None

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "_swap": None, "_pass": None}

    @property
    def is_swapped(self) -> bool:
        """Whether the model has the average now."""
        return self._swap is not None

    def take(self, model: keras.Model) -> bool:
        """Add the current weights; return False if they are not finite."""
        taken = self.average.take(read(_weights_of(model)))
        self._statistics = None if taken else self._statistics
        return taken

    def swap_in(self, model: keras.Model, verbose: int | str = 0) -> None:
        """Assign the average to the model, with statistics computed for it.

        Args:
            model: the model that was averaged.
            verbose: as in Progress, where the statistics are computed.
        """
        weights, statistics = _weights_of(model), statistics_of(model)
        self.average.check(weights)
        self._swap = Snapshot([*weights, *statistics])
        try:
            write(weights, self.average.values)
            if statistics and self._statistics is None:
                self._pass = self._pass or StatisticsPass(model)
                self._pass.refresh(*self._data, verbose)
                self._statistics = read(statistics)
            write(statistics, self._statistics or [])
        except BaseException:
            self.swap_back()
            raise

    def swap_back(self) -> None:
        """Assign the weights from before `swap_in`, if the model has the average."""
        if self._swap is not None:
            self._swap.restore()
            self._swap = None

    def keep_swapped(self) -> None:
        """Make the last swap permanent."""
        self._swap = None

    def release(self) -> None:
        """Drop the function compiled for a model."""
        self._pass = None

    def get_arrays(self) -> dict[str, np.ndarray]:
        """Return averages and statistics by their indices."""
        named = {"average": self.average.values, "statistic": self._statistics or []}
        return {
            f"{kind} of {place}": array
            for kind, arrays in named.items()
            for place, array in enumerate(arrays)
        }

    def set_arrays(self, arrays: dict[str, np.ndarray]) -> None:
        """Restore what `get_arrays` returned."""
        self.average.values = _in_places("average", arrays)
        self._statistics = _in_places("statistic", arrays) or None


def _weights_of(model: keras.Model) -> list[Any]:
    """Return the variables that are averaged."""
    return [
        variable
        for variable in model.trainable_variables
        if keras.backend.is_float_dtype(variable.dtype)
    ]


def _in_places(kind: str, arrays: dict[str, np.ndarray]) -> list[np.ndarray]:
    """Return copies of the arrays of one kind, in the order of their indices."""
    names = [name for name in arrays if name.startswith(f"{kind} of ")]
    return [np.array(arrays[f"{kind} of {place}"]) for place in range(len(names))]
