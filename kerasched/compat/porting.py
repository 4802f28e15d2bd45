"""What all ports share: arguments that can have no effect, and what is joined."""

import functools
import inspect
import math
import typing
from collections.abc import Callable
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

import keras
from keras.optimizers.schedules import LearningRateSchedule

from kerasched.errors import LARGEST
from kerasched.errors import MAX_STEP
from kerasched.errors import Check
from kerasched.errors import Choice
from kerasched.errors import message
from kerasched.schedules import Chain
from kerasched.schedules import Constant
from kerasched.schedules import CosineWave
from kerasched.schedules import LinearDecay
from kerasched.schedules import PiecewiseConstant
from kerasched.schedules import Schedule
from kerasched.schedules.arguments import check_of

NO_MEMORY = "A schedule has no memory: schedule.shift(n) begins n steps later in it"
ANY_STEP = "A schedule counts the steps that it is called with: wrap it in PerEpoch"
OUR_NOISE = "Use kerasched.Noise(schedule, ...), the same on every backend"
NO_OPTIMIZER = "A schedule knows no optimizer"
SILENT = "A schedule prints nothing: kerasched.plot(schedule) shows it"

# Arguments of the originals that a pure function of the step cannot obey, each with the
# one value that it may have, and what to do instead.
WITHOUT_EFFECT = {
    "last_epoch": (-1, NO_MEMORY),
    "verbose": (False, SILENT),
    "t_in_epochs": (True, ANY_STEP),
    "noise_range_t": (None, OUR_NOISE),
    "noise_pct": (0.67, OUR_NOISE),
    "noise_std": (1.0, OUR_NOISE),
    "noise_seed": (42, OUR_NOISE),
    "initialize": (True, NO_OPTIMIZER),
}


def port(function: Callable[..., Schedule]) -> Callable[..., Schedule]:
    """Return a port that checks its arguments by their annotations.

    It also takes, and refuses, what can have no effect.
    """
    library = function.__module__.rpartition(".")[2].partition("_")[0]
    owner = f"{library}.{function.__name__}"
    signature = inspect.signature(function)

    @functools.wraps(function)
    def ported(*args: Any, **kwargs: Any) -> Schedule:
        try:
            _refuse_without_effect(owner, signature, kwargs)
            given = _bound(owner, signature, args, kwargs)
            for name, check in _checks_of(function).items():
                if name in given.arguments:
                    value = given.arguments[name]
                    _refuse_optimizer(owner, name, value)
                    given.arguments[name] = check(owner, name, value)
            return function(*given.args, **given.kwargs)
        except (TypeError, ValueError) as error:
            error.add_note(f"In a call of kerasched.compat.{owner}.")
            raise

    return ported


@functools.cache
def _checks_of(function: Callable) -> dict[str, Check]:
    """Return the check of each argument whose annotation has one."""
    hints = typing.get_type_hints(function, include_extras=True)
    del hints["return"]
    return {name: check_of(hint) for name, hint in hints.items() if hint is not Any}


def _bound(
    owner: str, signature: inspect.Signature, args: Any, kwargs: dict[str, Any]
) -> inspect.BoundArguments:
    """Return the arguments by name; TypeError where they are not those of the port."""
    if "optimizer" in kwargs and "lr" in signature.parameters:
        what = "left out: a schedule is made without an optimizer"
        fix = "Give its learning rate as `lr`"
        value = kwargs["optimizer"]
        raise TypeError(message(owner, "optimizer", what, value, fix))
    try:
        return signature.bind(*args, **kwargs)
    except TypeError as error:
        names = ", ".join(signature.parameters)
        raise TypeError(f"{owner}: {error}. Its arguments are: {names}") from None


def _refuse_optimizer(owner: str, name: str, value: Any) -> None:
    """Raise TypeError for an optimizer, which the originals take first."""
    kind = keras.optimizers.Optimizer
    if name == "lr" and (isinstance(value, kind) or hasattr(value, "param_groups")):
        what = "the optimizer's learning rate, a number"
        fix = "A schedule is made without an optimizer, and given to one"
        raise TypeError(message(owner, name, what, value, fix))


def _refuse_without_effect(
    owner: str, signature: inspect.Signature, kwargs: dict[str, Any]
) -> None:
    """Take what a schedule cannot obey out of the arguments, or raise ValueError."""
    for name in WITHOUT_EFFECT.keys() & kwargs.keys() - signature.parameters.keys():
        value, fix = WITHOUT_EFFECT[name]
        given = kwargs.pop(name)
        if given != value:
            raise ValueError(message(owner, name, repr(value), given, fix))


def without_effect(owner: str, fix: str, **given: Any) -> None:
    """Raise ValueError for each argument that was given and can have no effect."""
    for name, value in given.items():
        if value is not None:
            what = "left out here, where it has no effect"
            raise ValueError(message(owner, name, what, value, fix))


def chosen(owner: str, argument: str, value: Any, table: Mapping[str, Any]) -> Any:
    """Return what a table has for a word, which must be one of its keys."""
    return table[Choice(tuple(table))(owner, argument, value)]


def rising(
    start: float, steps: int, target: float, schedule: LearningRateSchedule
) -> Schedule:
    """Return a line from a start to a target, followed by a schedule from its start."""
    if steps == 0:
        return schedule
    return Chain((LinearDecay(start, steps, target), schedule), (steps,))


def holding(rate: float, steps: int, schedule: Schedule) -> Schedule:
    """Return a rate that is held, followed by a schedule from its start."""
    return Chain((Constant(rate), schedule), (steps,)) if steps else schedule


def half_wave(owner: str, high: float, low: float, steps: int) -> CosineWave:
    """Return the wave of CosineAnnealing, which is down at T_max and then comes up."""
    if 2 * steps > MAX_STEP:
        what = f"at most {MAX_STEP // 2}"
        raise ValueError(message(owner, "T_max", what, steps))
    return CosineWave(high, low, 2 * steps)


def joined(
    schedules: Sequence[LearningRateSchedule],
    boundaries: Sequence[int],
    owner: str,
    parts: str,
    times: str,
) -> Schedule:
    """Return a chain; a schedule between two equal boundaries is never reached.

    Args:
        schedules: the schedules in their order.
        boundaries: steps at which the next one begins, in increasing order.
        owner: the port's name.
        parts: the port's argument for the schedules.
        times: its argument for the boundaries.
    """
    count = len(schedules) - 1
    if len(boundaries) != count:
        what = f"one item shorter than `{parts}`, which has {count + 1}"
        raise ValueError(message(owner, times, what, boundaries))
    last = {start: which for which, start in enumerate((0, *boundaries))}
    starts = [start for start in last if start > 0]
    return Chain([schedules[last[start]] for start in (0, *starts)], starts)


def multi_step(
    owner: str, lr: float, milestones: Sequence[int], factor: str, gamma: float
) -> PiecewiseConstant:
    """Return a rate multiplied at each milestone, twice at one given twice.

    Args:
        owner: the port's name.
        lr: the rate before the first milestone.
        milestones: steps in any order.
        factor: the port's argument for the factor.
        gamma: the factor.
    """
    boundaries = sorted(set(milestones))
    passed = [sum(m <= boundary for m in milestones) for boundary in boundaries]
    rates = [lr, *(lr * power(gamma, count) for count in passed)]
    if not all(rate <= LARGEST for rate in rates):
        what = "so small that the rate stays finite"
        raise ValueError(message(owner, factor, what, gamma))
    return PiecewiseConstant(boundaries, rates)


def power(factor: float, count: int) -> float:
    """Return factor**count, infinite where Python raises OverflowError."""
    try:
        return factor**count
    except OverflowError:
        return math.inf
