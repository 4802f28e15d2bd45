"""The number of steps in an epoch, as a number or as the dataset that has them."""

from dataclasses import dataclass
from typing import Annotated
from typing import Any

from kerasched.errors import message
from kerasched.schedules.arguments import Counted

# What to do about a length that is none; -1 and -2 are what `cardinality()` gives.
_UNKNOWN = {
    None: "A dataset of unknown or infinite length: give the number",
    -1: "A tf.data.Dataset of infinite cardinality: give the dataset before it is "
    "repeated, or the number",
    -2: "A tf.data.Dataset of unknown cardinality: use "
    "dataset.apply(tf.data.experimental.assert_cardinality(n)) or give the number",
}


@dataclass(eq=False, repr=False)
class Batches(Counted):
    """A number of batches, or a dataset that tells how many it has; kept as an int.

    A tf.data.Dataset, a keras.utils.PyDataset and a torch DataLoader are known by their
    public methods, so that no framework is imported.
    """

    def __call__(self, owner: str, argument: str, value: Any) -> int:
        number = _batches(value)
        if number is value:
            return super().__call__(owner, argument, value)
        if number in _UNKNOWN:
            what, fix = "a dataset of known, finite length", _UNKNOWN[number]
            raise ValueError(message(owner, argument, what, value, fix))
        return super().__call__(owner, argument, number)


StepsPerEpoch = Annotated[int | Any, Batches("a positive integer", minimum=1)]


def _batches(value: Any) -> Any:
    """Return the batches of a dataset, None if it does not say; all else as it is."""
    kind = type(value)
    try:
        if hasattr(kind, "cardinality"):
            count = value.cardinality  # A property where tf.distribute made it.
            return int(count() if callable(count) else count)
        if hasattr(kind, "num_batches"):
            return value.num_batches
        if hasattr(value, "batch_sampler"):
            return len(value)
    except (TypeError, NotImplementedError):
        return None
    return value
