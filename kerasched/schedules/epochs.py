"""Lengths given in epochs, for the arguments that a schedule takes in steps.

The steps of an epoch are given as a number or as a dataset. An argument is in steps if
it is annotated `Steps`, `Boundary`, `Length` or `Offset`, or if its name ends in
`steps` and it is a number or a sequence of numbers. One annotated `Count` never is.
"""

import dataclasses
import inspect
from dataclasses import dataclass
from typing import Annotated
from typing import Any

from kerasched.errors import MAX_STEP
from kerasched.errors import Check
from kerasched.errors import Integer
from kerasched.errors import Items
from kerasched.errors import Number
from kerasched.errors import Optional
from kerasched.errors import bind
from kerasched.errors import message
from kerasched.schedules.arguments import Boundary
from kerasched.schedules.arguments import Counted
from kerasched.schedules.arguments import Length
from kerasched.schedules.arguments import Offset
from kerasched.schedules.arguments import Steps
from kerasched.schedules.arguments import check_of
from kerasched.schedules.arguments import checks_of

# How to fix an unknown length. -1 and -2 are return values of `cardinality()`.
_UNKNOWN = {
    None: "A dataset of unknown or infinite length: give the number",
    -1: "A tf.data.Dataset of infinite cardinality: give the dataset before it is "
    "repeated, or the number",
    -2: "A tf.data.Dataset of unknown cardinality: use "
    "dataset.apply(tf.data.experimental.assert_cardinality(n)) or give the number",
}


@dataclass(eq=False, repr=False)
class Batches(Counted):
    """A number of batches, or a dataset that has a known number; kept as an int.

    A tf.data.Dataset, a keras.utils.PyDataset and a torch DataLoader are recognised by
    their public methods, so that no framework is imported.
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
    """Return the number of batches of a dataset or None; other values as they are."""
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


_IN_STEPS = tuple(check_of(hint) for hint in (Steps, Boundary, Length, Offset))
_EPOCHS = Number("a finite number of epochs")


@dataclass(eq=False, repr=False)
class Epochs:
    """A number of epochs, converted to steps that another check accepts.

    Integers are rounded to the nearest step; real numbers are not rounded.
    """

    steps: Integer | Number
    steps_per_epoch: int

    @property
    def requirement(self) -> str:
        return (
            f"a number of epochs that makes {self.steps.requirement} of steps up to "
            f"{MAX_STEP}, at {self.steps_per_epoch} an epoch"
        )

    def __call__(self, owner: str, argument: str, value: Any) -> Any:
        steps = _EPOCHS(owner, argument, value) * self.steps_per_epoch
        try:
            whole = isinstance(self.steps, Integer)
            return self.steps(owner, argument, round(steps) if whole else steps)
        except (ValueError, OverflowError):
            text = message(owner, argument, self.requirement, value)
            raise ValueError(text) from None


def names_in_epochs(cls: type) -> dict[str, str]:
    """Return the arguments that are in steps, each with its name in epochs."""
    return {
        name: f"{name.removesuffix('steps')}epochs" if name.endswith("steps") else name
        for name, check in checks_of(cls).items()
        if _in_steps(name, check)
    }


def in_steps(
    cls: type, arguments: tuple[Any, ...], named: dict[str, Any], steps_per_epoch: Any
) -> dict[str, Any]:
    """Return the arguments of a schedule class in steps, from those in epochs."""
    owner, names = f"{cls.__name__}.from_epochs", names_in_epochs(cls)
    if not names:
        what = "a class of schedules that have arguments in steps"
        raise TypeError(message("from_epochs", "cls", what, cls))
    per_epoch = check_of(StepsPerEpoch)(owner, "steps_per_epoch", steps_per_epoch)
    given = _bind(cls, owner, names, arguments, named)
    checks = checks_of(cls)
    for name in names.keys() & given.keys():
        check = _to_steps(checks[name], per_epoch)
        given[name] = check(owner, names[name], given[name])
    return given


def _bind(
    cls: type,
    owner: str,
    names: dict[str, str],
    arguments: tuple[Any, ...],
    named: dict[str, Any],
) -> dict[str, Any]:
    """Return the arguments by their names in the constructor."""
    parameters = inspect.signature(cls).parameters
    called = {names.get(name, name): name for name in parameters}
    signature = inspect.Signature(
        [parameters[old].replace(name=new) for new, old in called.items()]
    )
    given = bind(owner, signature, arguments, named, "steps_per_epoch")
    return {called[new]: value for new, value in given.arguments.items()}


def _in_steps(name: str, check: Check) -> bool:
    if isinstance(check, (Items, Optional)):
        return _in_steps(name, check.check)
    if isinstance(check, Counted):
        return False
    number = isinstance(check, (Integer, Number))
    return check in _IN_STEPS or (number and name.endswith("steps"))


def _to_steps(check: Any, steps_per_epoch: int) -> Check:
    """Return the check of an argument in epochs, from its check in steps."""
    if isinstance(check, (Items, Optional)):
        return dataclasses.replace(check, check=_to_steps(check.check, steps_per_epoch))
    return Epochs(check, steps_per_epoch)
