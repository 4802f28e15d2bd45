"""timm.scheduler, as schedules, and timm's create_scheduler_v2.

`lr`, the optimizer's rate, replaces the optimizer as an argument. A step is whatever
the original is called with: updates, or epochs, which PerEpoch converts to updates.
PlateauLRScheduler follows a metric and raises an error that names a callback to use
instead. timm's noise comes from torch's generator: use kerasched.Noise, which is the
same on every backend.
"""

import inspect
from typing import Any

from kerasched.compat.arguments import Times
from kerasched.compat.arguments import WholeCount
from kerasched.compat.arguments import WholeNumber
from kerasched.compat.porting import OUR_NOISE
from kerasched.compat.porting import PLATEAU
from kerasched.compat.porting import InvalidArgumentError
from kerasched.compat.porting import metric_driven
from kerasched.compat.porting import port
from kerasched.compat.porting import refuse_unused
from kerasched.compat.timm_schedulers import CosineLRScheduler as CosineLRScheduler
from kerasched.compat.timm_schedulers import (
    MultiStepLRScheduler as MultiStepLRScheduler,
)
from kerasched.compat.timm_schedulers import PolyLRScheduler as PolyLRScheduler
from kerasched.compat.timm_schedulers import StepLRScheduler as StepLRScheduler
from kerasched.compat.timm_schedulers import TanhLRScheduler as TanhLRScheduler
from kerasched.compat.timm_schedulers import WSDLRScheduler as WSDLRScheduler
from kerasched.errors import Choice
from kerasched.schedules import Constant
from kerasched.schedules import PerEpoch
from kerasched.schedules import Schedule
from kerasched.schedules.arguments import Positive
from kerasched.schedules.arguments import Rate

PlateauLRScheduler = metric_driven("timm.PlateauLRScheduler")

UNITS = {"lr", "sched", "num_epochs", "step_on_epochs", "updates_per_epoch"}
WARMUP = {"warmup_epochs", "warmup_lr", "warmup_prefix"}
CYCLES = {"min_lr", "cycle_mul", "cycle_decay", "cycle_limit"}

# The arguments that each schedule uses besides the units.
USED = {
    "cosine": WARMUP | CYCLES | {"k_decay"},
    "tanh": WARMUP | CYCLES,
    "poly": WARMUP | CYCLES | {"k_decay", "decay_rate"},
    "step": WARMUP | {"decay_epochs", "decay_rate"},
    "multistep": WARMUP | {"decay_milestones", "decay_rate"},
    "constant": WARMUP,
    "wsd": WARMUP | {"min_lr", "decay_epochs", "decay_fn"},
    "rsqrt": WARMUP | {"min_lr", "decay_epochs", "decay_fn", "stable_timescale"},
    "none": set(),
}

_SCHED = Choice(tuple(USED))


@port
def create_scheduler_v2(
    lr: Rate,
    sched: str = "cosine",
    num_epochs: Rate = 300,
    decay_epochs: Positive | None = None,
    decay_milestones: Times = (90, 180, 270),
    cooldown_epochs: WholeCount = 0,
    patience_epochs: WholeCount = 10,
    decay_rate: Rate = 0.1,
    min_lr: Rate = 0.0,
    warmup_lr: Rate = 1e-5,
    warmup_epochs: Rate = 0,
    warmup_prefix: bool = False,
    noise: Any = None,
    noise_pct: float = 0.67,
    noise_std: float = 1.0,
    noise_seed: int = 42,
    cycle_mul: Positive = 1.0,
    cycle_decay: Positive = 0.1,
    cycle_limit: WholeCount = 1,
    k_decay: Positive = 1.0,
    decay_fn: str | None = None,
    stable_timescale: Positive | None = None,
    plateau_mode: str = "max",
    step_on_epochs: bool = True,
    updates_per_epoch: WholeCount = 0,
) -> Schedule:
    """timm's create_scheduler_v2; the number of epochs is not returned.

    The schedule counts updates if step_on_epochs is False. If it is True and
    updates_per_epoch is given, the schedule counts updates too, and its rate changes
    once an epoch. Otherwise it counts epochs.
    """
    given = locals()
    _refuse_unused(sched, given)
    if not step_on_epochs and updates_per_epoch < 1:
        what = "a positive integer where `step_on_epochs` is False"
        raise InvalidArgumentError("updates_per_epoch", what, updates_per_epoch)
    schedule = MAKERS[sched](given, 1 if step_on_epochs else updates_per_epoch)
    whole = step_on_epochs and updates_per_epoch > 0
    return PerEpoch(schedule, updates_per_epoch) if whole else schedule


DEFAULTS = {
    name: parameter.default
    for name, parameter in inspect.signature(create_scheduler_v2).parameters.items()
}


def _refuse_unused(sched: str, given: dict[str, Any]) -> None:
    """Raise ValueError for arguments that the schedule does not use."""
    if sched == "plateau":
        what = "a schedule of the epoch alone"
        raise InvalidArgumentError("sched", what, sched, PLATEAU)
    used = UNITS | USED[_SCHED("timm.create_scheduler_v2", "sched", sched)]
    for name, value in given.items():
        if name not in used:
            fix = f"The schedule {sched!r} does not use it"
            fix = OUR_NOISE if name.startswith("noise") else fix
            refuse_unused(fix, DEFAULTS[name], **{name: value})


def _steps(given: dict[str, Any], name: str, unit: int, least: int) -> int:
    """Return a number of epochs as an integer of steps in the schedule's unit."""
    kind = "positive" if least else "non-negative"
    steps = WholeNumber(f"such that it has a {kind} whole number of steps", least)
    try:
        return steps("", name, given[name] * unit)
    except ValueError:
        raise InvalidArgumentError(name, steps.requirement, given[name]) from None


def _warmup(given: dict[str, Any], unit: int) -> dict[str, Any]:
    return {
        "warmup_t": _steps(given, "warmup_epochs", unit, 0),
        "warmup_lr_init": given["warmup_lr"],
        "warmup_prefix": given["warmup_prefix"],
    }


def _cyclic(scheduler: Any, **names: str) -> Any:
    """Return a function that makes one of the schedules with cycles."""

    def make(given: dict[str, Any], unit: int) -> Schedule:
        own = {name: given[source] for name, source in names.items()}
        if own.get("power") == 0.0:
            what = 'above 0 as the power of "poly"'
            raise InvalidArgumentError("decay_rate", what, own["power"])
        cycles = {name: given[name] for name in CYCLES - {"min_lr"}}
        length = _steps(given, "num_epochs", unit, 1)
        low = given["min_lr"]
        rest = {**own, **cycles, **_warmup(given, unit)}
        return scheduler(given["lr"], length, lr_min=low, **rest)

    return make


def _step(given: dict[str, Any], unit: int) -> Schedule:
    epochs = 90 if given["decay_epochs"] is None else given["decay_epochs"]
    rate, warmup = given["decay_rate"], _warmup(given, unit)
    return StepLRScheduler(given["lr"], epochs * unit, rate, **warmup)


def _multi_step(given: dict[str, Any], unit: int) -> Schedule:
    milestones = [milestone * unit for milestone in given["decay_milestones"]]
    rate, warmup = given["decay_rate"], _warmup(given, unit)
    return MultiStepLRScheduler(given["lr"], milestones, rate, **warmup)


def _constant(given: dict[str, Any], unit: int) -> Schedule:
    return StepLRScheduler(given["lr"], 1, 1.0, **_warmup(given, unit))


def _wsd(given: dict[str, Any], unit: int) -> Schedule:
    warmup = _warmup(given, unit)
    total = _steps(given, "num_epochs", unit, 1)
    total -= 0 if warmup.pop("warmup_prefix") else warmup["warmup_t"]
    epochs = 0.2 if given["decay_epochs"] is None else given["decay_epochs"]
    decay_t = round(epochs * (total if 0 < epochs < 1 else unit))
    if not 0 < decay_t <= total:
        what = f"such that the decay has 1 to {total} steps"
        raise InvalidArgumentError("decay_epochs", what, epochs)
    slow = {}
    if given["sched"] == "rsqrt":
        scale = given["stable_timescale"]
        scale = scale if scale is None else scale * unit
        slow = {"stable_fn": "rsqrt", "stable_timescale": scale}
    how = given["decay_fn"] or ("linear" if slow else "1-sqrt")
    low = given["min_lr"]
    return WSDLRScheduler(
        given["lr"], total, decay_t, low, decay_fn=how, **slow, **warmup
    )


MAKERS = {
    "cosine": _cyclic(CosineLRScheduler, k_decay="k_decay"),
    "tanh": _cyclic(TanhLRScheduler),
    "poly": _cyclic(PolyLRScheduler, k_decay="k_decay", power="decay_rate"),
    "step": _step,
    "multistep": _multi_step,
    "constant": _constant,
    "wsd": _wsd,
    "rsqrt": _wsd,
    "none": lambda given, unit: Constant(given["lr"]),
}
