"""CyclicLR of torch and of Paddle, which differ in the names of their arguments."""

from dataclasses import dataclass

from kerasched.compat.porting import chosen
from kerasched.compat.porting import without_effect
from kerasched.errors import MAX_STEP
from kerasched.errors import message
from kerasched.schedules import Constant
from kerasched.schedules import FromFunction
from kerasched.schedules import PerEpoch
from kerasched.schedules import Schedule
from kerasched.schedules import Triangular

MODES = {mode: mode for mode in ("triangular", "triangular2", "exp_range")}
SCALE_MODES = {"cycle": True, "iterations": False}


@dataclass(frozen=True)
class Cyclic:
    """A port's name, and what it calls its arguments.

    Args:
        owner: the port's name.
        low: the argument for the rate at the start of each cycle.
        high: the argument for the rate at the top.
        gamma: the argument for the factor of each step.
    """

    owner: str
    low: str
    high: str
    gamma: str

    def __call__(
        self,
        low: float,
        high: float,
        up: int,
        down: int | None,
        mode: str,
        gamma: float,
        scale_fn: str | None,
        scale_mode: str,
    ) -> Schedule:
        """Return a triangular wave, or one whose height is a function of the user's."""
        chosen(self.owner, "mode", mode, MODES)
        by_cycle = chosen(self.owner, "scale_mode", scale_mode, SCALE_MODES)
        if up + (down or up) > MAX_STEP:
            what = f"such that the way up and down takes at most {MAX_STEP} steps"
            way = ("step_size_up", up) if down is None else ("step_size_down", down)
            raise ValueError(message(self.owner, way[0], what, way[1]))
        if scale_fn is None:
            self._check_mode(mode, gamma, scale_mode, high < low)
            return Triangular(low, high, up, down, mode, gamma)
        self._check_function(mode, gamma)
        if high < low:
            what = f"at least `{self.low}`, which is {low}, with a `scale_fn`"
            raise ValueError(message(self.owner, self.high, what, high))
        wave = Triangular(0.0, high - low, up, down)
        scale = FromFunction(scale_fn)
        if by_cycle:
            scale = PerEpoch(scale.shift(1), up + (down or up))  # Counted from 1.
        return Constant(low) + wave * scale

    def _check_mode(
        self, mode: str, gamma: float, scale_mode: str, falls: bool
    ) -> None:
        by = None if scale_mode == "cycle" else scale_mode
        without_effect(self.owner, "It belongs to scale_fn", scale_mode=by)
        own = None if gamma == 1.0 else gamma
        if mode != "exp_range":
            fix = 'It belongs to mode="exp_range"'
            without_effect(self.owner, fix, **{self.gamma: own})
        elif gamma > 1.0 and falls:
            what = f"at most 1 where `{self.high}` is below `{self.low}`"
            raise ValueError(message(self.owner, self.gamma, what, gamma))

    def _check_function(self, mode: str, gamma: float) -> None:
        own_mode = None if mode == "triangular" else mode
        own_gamma = None if gamma == 1.0 else gamma
        given = {"mode": own_mode, self.gamma: own_gamma}
        without_effect(self.owner, "scale_fn is in its place", **given)
