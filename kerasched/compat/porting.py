"""What all ports share: arguments that can have no effect, and what is joined."""

import functools
import inspect
from collections.abc import Callable
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

from keras.optimizers.schedules import LearningRateSchedule

from kerasched.errors import Choice
from kerasched.errors import message
from kerasched.schedules import Chain
from kerasched.schedules import Constant
from kerasched.schedules import LinearDecay
from kerasched.schedules import PiecewiseConstant
from kerasched.schedules import Schedule

NO_MEMORY = "A schedule has no memory: schedule.shift(n) begins n steps later in it"
ON_THE_RATE = "It acts on the momentum: give the optimizer a schedule for that"
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
    """Return a port that also takes, and refuses, what can have no effect."""
    library = function.__module__.rpartition(".")[2].partition("_")[0]
    owner = f"compat.{library}.{function.__name__}"
    own = inspect.signature(function).parameters.keys()

    @functools.wraps(function)
    def ported(*args: Any, **kwargs: Any) -> Schedule:
        try:
            for name in WITHOUT_EFFECT.keys() & kwargs.keys() - own:
                value, fix = WITHOUT_EFFECT[name]
                given = kwargs.pop(name)
                if given != value:
                    raise ValueError(message(owner, name, repr(value), given, fix))
            return function(*args, **kwargs)
        except (TypeError, ValueError) as error:
            error.add_note(f"In a call of kerasched.{owner}.")
            raise

    return ported


def without_effect(owner: str, fix: str, **given: Any) -> None:
    """Raise ValueError for each argument that was given and can have no effect."""
    for name, value in given.items():
        if value is not None:
            what = "left out here, where it has no effect"
            raise ValueError(message(f"compat.{owner}", name, what, value, fix))


def chosen(owner: str, argument: str, value: Any, table: Mapping[str, Any]) -> Any:
    """Return what a table has for a word, which must be one of its keys."""
    return table[Choice(tuple(table))(f"compat.{owner}", argument, value)]


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


def joined(
    schedules: Sequence[LearningRateSchedule], boundaries: Sequence[int]
) -> Schedule:
    """Return a chain; a schedule between two equal boundaries is never reached."""
    if len(schedules) != len(boundaries) + 1:
        return Chain(tuple(schedules), tuple(boundaries))  # Which says what is wrong.
    last = {start: which for which, start in enumerate((0, *boundaries))}
    starts = [start for start in last if start > 0]
    return Chain([schedules[last[start]] for start in (0, *starts)], starts)


def multi_step(lr: float, milestones: Sequence[int], gamma: float) -> PiecewiseConstant:
    """Return a rate multiplied by gamma at each milestone, twice at one given twice."""
    boundaries = sorted(set(milestones))
    passed = [sum(m <= boundary for m in milestones) for boundary in boundaries]
    return PiecewiseConstant(boundaries, [lr, *(lr * gamma**count for count in passed)])
