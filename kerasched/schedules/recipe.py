"""The base class of schedules that are composed of others."""

from typing import TYPE_CHECKING
from typing import Any
from typing import ClassVar

from kerasched.schedules.base import Schedule
from kerasched.schedules.bounds import Bounds


class Recipe(Schedule):
    """A schedule that is composed of others from its arguments.

    A subclass defines `compose` instead of `value`. The recipe is saved with its own
    arguments, not as the composition.
    """

    if TYPE_CHECKING:  # What `check` derives from the arguments.
        _composed: ClassVar[Schedule]

    def compose(self) -> Schedule:
        """Return the composition. A subclass must define this."""
        raise NotImplementedError(f"{type(self).__name__} must define compose()")

    def check(self) -> None:
        object.__setattr__(self, "_composed", self.compose())

    def value(self, step: Any, xp: Any) -> Any:
        return self._composed.value(step, xp)

    @property
    def bounds(self) -> Bounds:
        return self._composed.bounds

    @property
    def constant_after(self) -> int | None:
        return self._composed.constant_after

    def _extended(self, total: int, step: int) -> Schedule:
        return self._composed._extended(total, step)
