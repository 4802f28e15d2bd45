"""CyclicLR of torch and of Paddle, which differ in the names of their arguments."""

from collections.abc import Callable

from kerasched.compat.porting import chosen
from kerasched.compat.porting import without_effect
from kerasched.schedules import Constant
from kerasched.schedules import FromFunction
from kerasched.schedules import PerEpoch
from kerasched.schedules import Schedule
from kerasched.schedules import Triangular


def cyclic(
    owner: str,
    low: float,
    high: float,
    up: int,
    down: int | None,
    mode: str,
    gamma: float,
    scale_fn: Callable | None,
    scale_mode: str,
) -> Schedule:
    """Return a triangular wave, or one whose height is a function of the user's."""
    own_mode = None if mode == "triangular" else mode
    own_gamma = None if gamma == 1.0 else gamma
    if scale_fn is None:
        by_cycle = None if scale_mode == "cycle" else scale_mode
        without_effect(owner, "It belongs to scale_fn", scale_mode=by_cycle)
        if mode != "exp_range":
            without_effect(owner, 'It belongs to mode="exp_range"', gamma=own_gamma)
        return Triangular(low, high, up, down, mode, gamma)
    without_effect(owner, "scale_fn is in its place", mode=own_mode, gamma=own_gamma)
    wave = Triangular(0.0, high - low, up, down)
    scale = FromFunction(scale_fn)
    by = {"cycle": True, "iterations": False}
    if chosen(owner, "scale_mode", scale_mode, by):
        scale = PerEpoch(scale.shift(1), up + (down or up))  # Cycles count from 1.
    return Constant(low) + wave * scale
