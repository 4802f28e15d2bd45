"""Checks of arguments: one message form, used by the whole package.

A check is a small value that is called with the owner's name, the argument's name
and what was received. It returns the plain Python value to keep, or raises:
TypeError for the wrong kind, ValueError for the wrong value.
"""

import math
import numbers
import reprlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from typing import Protocol

import numpy as np

MAX_STEP = 2**31 - 1
# The normal numbers of float32, in which a compiled step computes.
LARGEST = float(np.finfo("float32").max)
SMALLEST = float(np.finfo("float32").tiny)
TRACED = "It is computed in a compiled step: a schedule keeps plain numbers"


class UserError(Exception):
    """A mistake of the command's user, told in one line without a traceback."""


class Check(Protocol):
    """What every check is: called with names and a value, it returns the value."""

    requirement: str

    def __call__(self, owner: str, argument: str, value: Any) -> Any: ...


def message(
    owner: str, argument: str, requirement: str, value: Any, fix: str = ""
) -> str:
    """Return the text of an argument error in the form that every error has."""
    shown = _repr.repr(value)
    text = (
        f"Argument `{argument}` of {owner} must be {requirement}. "
        f"Received: {argument}={shown}"
    )
    return f"{text}. {fix}" if fix else text


def scalar(value: Any) -> Any:
    """Return a scalar array, tensor or variable as a Python number, if it is known.

    All else is returned as it is, also what only a running step will know.
    """
    if isinstance(value, np.generic):
        return value.item()
    try:
        if isinstance(value, type) or len(value.shape) > 0:
            return value
        # Those of torch and JAX have item(), those of TensorFlow and Keras numpy().
        return value.item() if hasattr(value, "item") else value.numpy().item()
    except Exception:  # Each framework has its own error for what it cannot know.
        return value


def _fix_of(value: Any) -> str:
    """Return what to do about what is no number: a scalar that is not yet known."""
    shape = None if isinstance(value, type) else getattr(value, "shape", None)
    is_scalar = shape is not None and _is_scalar(shape)
    return TRACED if is_scalar and scalar(value) is value else ""


def _not_a_number(owner: str, argument: str, what: str, value: Any) -> TypeError:
    return TypeError(message(owner, argument, what, value, _fix_of(value)))


def _is_scalar(shape: Any) -> bool:
    try:
        return len(shape) == 0
    except (TypeError, ValueError):  # Of a tensor whose rank is unknown.
        return False


@dataclass(eq=False, repr=False)
class Number:
    """A finite real number within bounds, kept as a float.

    `minimum` is refused too where `exclusive` is set; `below` always is. A number that
    float32 would make infinite is refused, as one it would make 0 where 0 is; what no
    compiled step computes with has a higher `largest`, and no such limits.
    """

    requirement: str = "a finite number"
    minimum: float = -math.inf
    exclusive: bool = False
    below: float = math.inf
    largest: float = LARGEST

    def __call__(self, owner: str, argument: str, value: Any) -> float:
        number = scalar(value)
        if isinstance(number, bool) or not isinstance(number, numbers.Real):
            raise _not_a_number(owner, argument, self.requirement, value)
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
    """An integer within bounds, kept as an int; at most 2**31 - 1 in size."""

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
            raise _not_a_number(owner, argument, self.requirement, value)
        if number > MAX_STEP:
            limit = f"{self.requirement} of at most {MAX_STEP}"
            raise ValueError(message(owner, argument, limit, value))
        if number < self.minimum:
            raise ValueError(message(owner, argument, self.requirement, value))
        return int(number)


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
    """One of a few words."""

    options: tuple[str, ...]

    @property
    def requirement(self) -> str:
        return "one of " + ", ".join(repr(option) for option in self.options)

    def __call__(self, owner: str, argument: str, value: Any) -> str:
        if not isinstance(value, str):
            raise TypeError(message(owner, argument, self.requirement, value))
        if value not in self.options:
            raise ValueError(message(owner, argument, self.requirement, value))
        return str(value)


@dataclass(eq=False, repr=False)
class Optional:
    """None, or what another check accepts."""

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
    """A list, tuple, range or 1-d array of what another check accepts; a tuple."""

    check: Check

    @property
    def requirement(self) -> str:
        return "a list or tuple"

    def __call__(self, owner: str, argument: str, value: Any) -> tuple[Any, ...]:
        one_axis = isinstance(value, np.ndarray) and value.ndim == 1
        if not (one_axis or isinstance(value, (list, tuple, range))):
            fix = f"Each item must be {self.check.requirement}"
            raise TypeError(message(owner, argument, self.requirement, value, fix))
        return tuple(
            self.check(owner, f"{argument}[{index}]", item)
            for index, item in enumerate(value)
        )


def strictly_increasing(owner: str, argument: str, values: Iterable[Any]) -> None:
    """Raise ValueError unless every item is above the one before it."""
    items = tuple(values)
    if any(b <= a for a, b in zip(items, items[1:], strict=False)):
        raise ValueError(message(owner, argument, "strictly increasing", items))


_repr = reprlib.Repr()
_repr.maxother = _repr.maxstring = 80
_repr.maxtuple = _repr.maxlist = 12
