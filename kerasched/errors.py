"""Checks of arguments. All of their errors have the same form.

A check is called with the name of the argument's owner, the argument's name and the
value that the user passed. It returns the value as a plain Python object, or raises
TypeError for the wrong type and ValueError for the wrong value.
"""

import inspect
import math
import numbers
import reprlib
from collections.abc import Iterable
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from typing import Protocol

import numpy as np

MAX_STEP = 2**31 - 1
# The largest and the smallest normal number in float32, in which a compiled step
# computes rates.
LARGEST = float(np.finfo("float32").max)
SMALLEST = float(np.finfo("float32").tiny)
TRACED = (
    "It is a traced tensor, which has no value before the compiled step runs. Pass a "
    "plain number"
)


class UserError(Exception):
    """A user error. The command prints it as one line."""


class Check(Protocol):
    """The type of all checks."""

    @property
    def requirement(self) -> str:
        """What a value must be, as errors say it."""

    def __call__(self, owner: str, argument: str, value: Any) -> Any: ...


def message(
    owner: str, argument: str, requirement: str, value: Any, fix: str = ""
) -> str:
    """Return the text of an argument error.

    Args:
        owner: the class or function that has the argument.
        argument: the name of the argument.
        requirement: what the argument must be, such as "a positive integer".
        value: what the user passed.
        fix: a last sentence on what to do instead, without a full stop.
    """
    text = (
        f"Argument `{argument}` of {owner} must be {requirement}. "
        f"Received: {argument}={_repr.repr(value)}"
    )
    return f"{text}. {fix}" if fix else text


def explained(error: OSError, what: str, fix: str = "") -> OSError:
    """Return an error of the same class that says what failed, why, and the fix."""
    text = f"{what}: {error.strerror or error}."
    same = type(error)(f"{text} {fix}." if fix else text)
    same.errno = error.errno
    return same


def scalar(value: Any) -> Any:
    """Return a scalar array, tensor or variable as a Python number.

    Any other value is returned as it is, and so is a tensor without a concrete value.
    """
    if isinstance(value, np.generic):
        return value.item()
    try:
        if isinstance(value, type) or len(value.shape) > 0:
            return value
        # Tensors of torch and JAX have item(), those of TensorFlow and Keras numpy().
        return value.item() if hasattr(value, "item") else value.numpy().item()
    except Exception:  # Each framework raises its own error for a traced tensor.
        return value


def _wrong_type(owner: str, argument: str, requirement: str, value: Any) -> TypeError:
    """Return the error, which suggests a fix if the value is a traced scalar."""
    try:
        is_scalar = not isinstance(value, type) and len(value.shape) == 0
    except (AttributeError, TypeError, ValueError):  # No shape, or of unknown rank.
        is_scalar = False
    fix = TRACED if is_scalar and scalar(value) is value else ""
    return TypeError(message(owner, argument, requirement, value, fix))


@dataclass(eq=False, repr=False)
class Number:
    """A finite real number within bounds, returned as a float.

    A number that overflows in float32 is an error, and so is one that underflows to 0
    if 0 is not allowed.

    Args:
        requirement: the requirement in the error.
        minimum: the lower bound, allowed itself unless `exclusive`.
        exclusive: whether `minimum` itself is an error.
        below: the upper bound, which is not allowed itself.
        largest: the largest absolute value. A value above float32's largest number
            turns the float32 limits off, for numbers that no compiled step uses.
    """

    requirement: str = "a finite number"
    minimum: float = -math.inf
    exclusive: bool = False
    below: float = math.inf
    largest: float = LARGEST

    def __call__(self, owner: str, argument: str, value: Any) -> float:
        number = scalar(value)
        if isinstance(number, bool) or not isinstance(number, numbers.Real):
            raise _wrong_type(owner, argument, self.requirement, value)
        try:
            number = float(number)
        except OverflowError:
            number = math.inf
        low = number > self.minimum if self.exclusive else number >= self.minimum
        if not (math.isfinite(number) and low and number < self.below):
            raise ValueError(message(owner, argument, self.requirement, value))
        if abs(number) > self.largest:
            limit = f"{self.requirement} of at most {self.largest}"
            raise ValueError(message(owner, argument, limit, value))
        compiled = self.largest <= LARGEST
        if compiled and self.exclusive and self.minimum == 0.0 and number < SMALLEST:
            limit = f"{self.requirement} of at least {SMALLEST}"
            raise ValueError(message(owner, argument, limit, value))
        return number


@dataclass(eq=False, repr=False)
class Integer:
    """An integer from `minimum` to 2**31 - 1, returned as an int."""

    requirement: str = "an integer"
    minimum: int = -MAX_STEP

    def __call__(self, owner: str, argument: str, value: Any) -> int:
        number = scalar(value)
        if isinstance(number, numbers.Real) and not isinstance(
            number, numbers.Integral
        ):
            kind = TypeError if math.isfinite(number) else ValueError
            raise kind(message(owner, argument, self.requirement, value))
        if isinstance(number, bool) or not isinstance(number, numbers.Integral):
            raise _wrong_type(owner, argument, self.requirement, value)
        number = int(number)
        if number > MAX_STEP:
            limit = f"{self.requirement} of at most {MAX_STEP}"
            raise ValueError(message(owner, argument, limit, value))
        if number < self.minimum:
            raise ValueError(message(owner, argument, self.requirement, value))
        return number


@dataclass(eq=False, repr=False)
class Flag:
    """True or False."""

    requirement: str = "True or False"

    def __call__(self, owner: str, argument: str, value: Any) -> bool:
        flag = scalar(value)
        if not isinstance(flag, bool):
            raise TypeError(message(owner, argument, self.requirement, value))
        return flag


@dataclass(eq=False, repr=False)
class Text:
    """A string."""

    requirement: str = "a string"

    def __call__(self, owner: str, argument: str, value: Any) -> str:
        if not isinstance(value, str):
            raise TypeError(message(owner, argument, self.requirement, value))
        return str(value)


@dataclass(eq=False, repr=False)
class Choice:
    """One of a few strings."""

    options: tuple[str, ...]

    @property
    def requirement(self) -> str:
        return "one of " + ", ".join(repr(option) for option in self.options)

    def __call__(self, owner: str, argument: str, value: Any) -> str:
        if not isinstance(value, str):
            raise TypeError(message(owner, argument, self.requirement, value))
        if value not in self.options:
            raise ValueError(message(owner, argument, self.requirement, value))
        return self.options[self.options.index(value)]  # Of a string enum too.


@dataclass(eq=False, repr=False)
class Optional:
    """None, or a value that another check accepts."""

    check: Check

    @property
    def requirement(self) -> str:
        return f"{self.check.requirement} or None"

    def __call__(self, owner: str, argument: str, value: Any) -> Any:
        if value is None:
            return None
        return self.check(owner, argument, value)


@dataclass(eq=False, repr=False)
class Items:
    """A list, tuple, range or 1-d array, returned as a tuple.

    Another check is applied to each item.
    """

    check: Check
    requirement: str = "a list or tuple"

    def __call__(self, owner: str, argument: str, value: Any) -> tuple[Any, ...]:
        one_axis = isinstance(value, np.ndarray) and value.ndim == 1
        if not (one_axis or isinstance(value, (list, tuple, range))):
            fix = f"Each item must be {self.check.requirement}"
            raise TypeError(message(owner, argument, self.requirement, value, fix))
        return tuple(
            self.check(owner, f"{argument}[{index}]", item)
            for index, item in enumerate(value)
        )


def checked(
    owner: str, checks: Mapping[str, Check], arguments: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the arguments that have a check, as the values to keep."""
    return {name: check(owner, name, arguments[name]) for name, check in checks.items()}


def bind(
    owner: str,
    signature: inspect.Signature,
    args: Iterable[Any],
    kwargs: Mapping[str, Any],
    *others: str,
) -> inspect.BoundArguments:
    """Return bound arguments, or raise TypeError with the names that exist.

    Args:
        owner: the function or class that the error names.
        signature: its parameters.
        args: the positional arguments.
        kwargs: the keyword arguments.
        others: the names of further parameters, for the error.
    """
    try:
        return signature.bind(*args, **kwargs)
    except TypeError as error:
        names = ", ".join([*signature.parameters, *others])
        raise TypeError(f"{owner}: {error}. Its arguments are: {names}") from None


def strictly_increasing(owner: str, argument: str, values: Iterable[Any]) -> None:
    """Raise ValueError unless each item is greater than the one before it."""
    items = tuple(values)
    if any(b <= a for a, b in zip(items, items[1:], strict=False)):
        raise ValueError(message(owner, argument, "strictly increasing", items))


_repr = reprlib.Repr()
_repr.maxother = _repr.maxstring = 80
_repr.maxtuple = _repr.maxlist = 12
