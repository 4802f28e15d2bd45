"""The running average of a list of arrays."""

from collections.abc import Sequence
from typing import Any

import numpy as np


class RunningAverage:
    """Averages arrays one set after the other, in their type, float32 at least.

    mean + (new - mean) / (count + 1), or mean + (new - mean) * (1 - decay)

    No array is ever changed in place, so that what `values` gave stays as it was.

    Args:
        decay: weight of the past in an exponential average, None for the equal one.
    """

    def __init__(self, decay: float | None) -> None:
        self.decay = decay
        self.count = 0
        self.values: list[np.ndarray] = []

    def take(self, arrays: Sequence[Any]) -> bool:
        """Add one set, the first one whole; False if one of its numbers is not finite.

        Raises:
            ValueError: it is not of the same number and shapes as those before it.
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
        """Raise ValueError unless others have the number and shapes of the average."""
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
    kind = np.result_type(array.dtype.name if _is_plain(array) else "f4", "f4")
    return np.array(array, kind)


def _is_plain(array: Any) -> bool:
    """Return whether NumPy itself knows the type, as it does not know bfloat16."""
    return array.dtype.kind == "f"
