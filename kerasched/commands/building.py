"""Schedules built from what was read of the command line, with the registry's names."""

import ast
import difflib
import inspect
import operator
from collections.abc import Iterable
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

from kerasched.commands.expression import Request
from kerasched.errors import UserError
from kerasched.schedules import Entry
from kerasched.schedules import Schedule
from kerasched.schedules import list_schedules

OPERATORS = {
    ast.Add: ("+", operator.add),
    ast.Sub: ("-", operator.sub),
    ast.Mult: ("*", operator.mul),
    ast.Div: ("/", operator.truediv),
}


def build(request: Request) -> Schedule:
    """Return the schedule that a command line asks for.

    A name stands for the registry's example, in which the given values replace others.

    Raises:
        UserError: a name is unknown, or an argument is wrong.
    """
    values = {name: _built(node) for name, node in request.values.items()}
    if isinstance(request.head, str):
        entry = find(request.head)
        return _made(entry.cls, (), {**(entry.example_arguments or {}), **values})
    schedule = _built(request.head)
    if not isinstance(schedule, Schedule):
        raise UserError(f"`{schedule!r}` is not a schedule")
    return schedule


def find(name: str) -> Entry:
    """Return the registry's entry of a short name or a class name.

    Raises:
        UserError: there is none; names that are close are told.
    """
    names = {entry.name: entry for entry in list_schedules()}
    names.update({entry.cls.__name__: entry for entry in list_schedules()})
    if name not in names:
        raise UserError(
            f"unknown schedule `{name}`{_close(name, names)} "
            "(`kerasched list` shows all)"
        )
    return names[name]


def _built(node: ast.expr) -> Any:
    match node:
        case ast.Constant(value=value):
            return value
        case ast.Tuple(elts=parts) | ast.List(elts=parts):
            return tuple(map(_built, parts))
        case ast.UnaryOp(op=sign, operand=part):
            return _signed(sign, _built(part))
        case ast.BinOp(left=left, op=sign, right=right):
            return _combined(*OPERATORS[type(sign)], _built(left), _built(right))
        case ast.Call(func=ast.Name(id=name), args=parts, keywords=keywords):
            given = {keyword.arg: _built(keyword.value) for keyword in keywords}
            return _made(find(name).cls, list(map(_built, parts)), given)
    raise AssertionError(node)  # Nothing else is read.


def _signed(sign: ast.unaryop, value: Any) -> Any:
    if not (_is_number(value) or isinstance(value, Schedule)):
        what = "a sign goes with a schedule or a number"
        raise UserError(f"{what}, not with `{value!r}`")
    try:
        return -value if isinstance(sign, ast.USub) else value
    except ValueError as error:
        raise UserError(str(error)) from error


def _combined(symbol: str, function: Any, left: Any, right: Any) -> Any:
    schedules = isinstance(left, Schedule) + isinstance(right, Schedule)
    numbers = _is_number(left) + _is_number(right)
    if schedules + numbers < 2:
        raise UserError(f"`{symbol}` goes with schedules and numbers only")
    try:
        return function(left, right)
    except (TypeError, ValueError, ArithmeticError) as error:
        raise UserError(str(error)) from error


def _made(
    cls: type[Schedule], arguments: Sequence[Any], named: Mapping[str, Any]
) -> Schedule:
    signature = inspect.signature(cls)
    for name in named:
        if name not in signature.parameters:
            close = _close(name, signature.parameters)
            raise UserError(f"{cls.__name__} has no argument `{name}`{close}")
    try:
        signature.bind(*arguments, **named)
    except TypeError as error:
        raise UserError(f"{cls.__name__}: {error}") from error
    try:
        return cls(*arguments, **named)
    except (TypeError, ValueError, ArithmeticError) as error:
        raise UserError(str(error)) from error


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _close(name: str, names: Iterable[str]) -> str:
    """Return a question that offers the names which are like another, if any are."""
    by_case = {known.lower(): known for known in names}
    found = difflib.get_close_matches(name.lower(), by_case)
    return f": did you mean {' or '.join(by_case[one] for one in found)}?" * bool(found)
