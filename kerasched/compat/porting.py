"""The decorators of ports, which check arguments as the original does.

A port is a function with the name and the arguments of another library's scheduler that
returns a schedule of this package.
"""

import functools
import inspect
import typing
from collections.abc import Callable
from typing import Any
from typing import NoReturn

import keras

from kerasched.errors import Check
from kerasched.errors import bind
from kerasched.errors import message
from kerasched.schedules import Schedule
from kerasched.schedules.arguments import check_of

Port = Callable[..., Schedule]

NO_MEMORY = "A schedule has no memory: schedule.shift(n) begins n steps later in it"
ANY_STEP = "A schedule counts the steps that it is called with: wrap it in PerEpoch"
OUR_NOISE = "Use kerasched.Noise(schedule, ...), the same on every backend"
NO_OPTIMIZER = "A schedule knows no optimizer"
SILENT = "A schedule prints nothing: kerasched.plot(schedule) shows it"

# Arguments of the originals that a pure function of the step cannot support, each with
# the only value that is accepted, and what to do instead.
UNSUPPORTED = {
    "last_epoch": (-1, NO_MEMORY),
    "verbose": (False, SILENT),
    "t_in_epochs": (True, ANY_STEP),
    "noise_range_t": (None, OUR_NOISE),
    "noise_pct": (0.67, OUR_NOISE),
    "noise_std": (1.0, OUR_NOISE),
    "noise_seed": (42, OUR_NOISE),
    "initialize": (True, NO_OPTIMIZER),
}

PLATEAU = "Use the callback kerasched.callbacks.ReduceOnPlateau(monitor, ...)"
PRODUCT = (
    "Use {0} with a function that returns the product up to the step, or {1} where the "
    "factor is the same at every step"
)


def port(function: Port) -> Port:
    """Return a function that checks its arguments by their annotations.

    It also accepts the only valid value of an unsupported argument, and ignores it.
    """
    signature = inspect.signature(function)
    library = function.__module__.rpartition(".")[2].partition("_")[0]
    owner = f"{library}.{function.__name__}"

    def run(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Schedule:
        try:
            _remove_unsupported(signature, kwargs)
            given = _bind(owner, signature, args, kwargs)
            for name, check in _checks_of(function).items():
                if name in given.arguments:
                    value = given.arguments[name]
                    _refuse_optimizer(name, value)
                    given.arguments[name] = check(owner, name, value)
            return function(*given.args, **given.kwargs)
        except InvalidArgumentError as error:
            raise error.kind(message(owner, *error.args)) from None

    @functools.wraps(function)
    def ported(*args: Any, **kwargs: Any) -> Schedule:
        try:
            return run(args, kwargs)
        except (TypeError, ValueError) as error:
            error.add_note(f"In a call of kerasched.compat.{owner}.")
            raise

    # To mypy functions have no such attribute.
    ported.__dict__["__signature__"] = signature
    return ported


class InvalidArgumentError(Exception):
    """An invalid argument of a port, which `port` raises as an error that names it."""

    def __init__(
        self,
        argument: str,
        requirement: str,
        value: Any,
        fix: str = "",
        kind: type[Exception] = ValueError,
    ) -> None:
        super().__init__(argument, requirement, value, fix)
        self.kind = kind


def refuse_unused(fix: str, default: Any = None, /, **given: Any) -> None:
    """Refuse each argument that is not its default, as it has no effect."""
    for name, value in given.items():
        if value != default:
            what = "left out here, where it has no effect"
            raise InvalidArgumentError(name, what, value, fix)


def metric_driven(owner: str) -> Callable[..., NoReturn]:
    """Return a stand-in for a scheduler that follows a metric."""
    why = "follows a metric, which is not known from the step"
    return _stand_in(owner, why, PLATEAU)


def multiplicative(owner: str, function: str, constant: str) -> Callable[..., NoReturn]:
    """Return a stand-in for a scheduler that multiplies the rate before the step."""
    why = "multiplies the rate of the step before, which is not known from the step"
    return _stand_in(owner, why, PRODUCT.format(function, constant))


def _stand_in(owner: str, why: str, instead: str) -> Callable[..., NoReturn]:
    """Return a function that raises, because its scheduler has no port."""

    def refuse(*args: Any, **kwargs: Any) -> NoReturn:
        raise NotImplementedError(f"{owner} {why}. {instead}.")

    refuse.__name__ = refuse.__qualname__ = owner.rpartition(".")[2]
    refuse.__doc__ = f"Raise NotImplementedError: {owner} {why}. {instead}."
    return refuse


@functools.cache
def _checks_of(function: Callable[..., Any]) -> dict[str, Check]:
    """Return the check of each argument whose annotation defines one."""
    hints = typing.get_type_hints(function, include_extras=True)
    del hints["return"]
    return {name: check_of(hint) for name, hint in hints.items() if hint is not Any}


def _bind(
    owner: str, signature: inspect.Signature, args: Any, kwargs: dict[str, Any]
) -> inspect.BoundArguments:
    """Return the arguments by name, or raise TypeError if they do not fit."""
    if "optimizer" in kwargs and "lr" in signature.parameters:
        what = "left out: a schedule is made without an optimizer"
        fix = "Give its learning rate as `lr`"
        value = kwargs["optimizer"]
        raise InvalidArgumentError("optimizer", what, value, fix, TypeError)
    return bind(owner, signature, args, kwargs)


def _refuse_optimizer(name: str, value: Any) -> None:
    """Refuse an optimizer, the first argument of the originals."""
    kind = keras.optimizers.Optimizer
    if name == "lr" and (isinstance(value, kind) or hasattr(value, "param_groups")):
        what = "the optimizer's learning rate, a number"
        fix = "A schedule is made without an optimizer, and given to one"
        raise InvalidArgumentError(name, what, value, fix, TypeError)


def _remove_unsupported(signature: inspect.Signature, kwargs: dict[str, Any]) -> None:
    """Remove unsupported arguments, or refuse them if their value matters."""
    for name in UNSUPPORTED.keys() & kwargs.keys() - signature.parameters.keys():
        value, fix = UNSUPPORTED[name]
        given = kwargs.pop(name)
        if given != value:
            raise InvalidArgumentError(name, repr(value), given, fix)
