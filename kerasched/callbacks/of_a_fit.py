"""What a callback keeps for one call of `fit`: for no longer, and in no pickle."""

import copy
from typing import Any
from typing import ClassVar


class OfAFit:
    """Has attributes that belong to a call of `fit`, as its frame, data and variables.

    They are let go of when it ends, so that a callback that is kept keeps nothing more
    alive than the model, which Keras's class holds. After an error nothing is called:
    so a pickle leaves them out in any case.

    Attributes:
        OF_A_FIT: what the attributes are outside of `fit`, by their names.
    """

    OF_A_FIT: ClassVar[dict[str, Any]] = {}

    def let_go(self) -> None:
        """Set the attributes to what they are outside of `fit`."""
        vars(self).update(copy.deepcopy(self.OF_A_FIT))

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), **self.OF_A_FIT}
