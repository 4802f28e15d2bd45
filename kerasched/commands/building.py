"""Builds schedules from a parsed command line, with the names of the registry."""

import ast
import difflib
import inspect
from collections.abc import Iterable
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

from kerasched.commands.expression import OPERATORS
from kerasched.commands.expression import Request
from kerasched.errors import UserError
from kerasched.schedules import Entry
from kerasched.schedules import Schedule
from kerasched.schedules import list_schedules


def build(request: Request) -> Schedule:
    """Return the requested schedule.

    A name stands for the registry's example, with the given values in place of its own.

    Raises:
        UserError: a name is unknown, or an argument is invalid.
    """
    try:
        if isinstance(request.head, str):
            return _build_by_name(request.head, request.values)
        schedule = _build_node(request.head)
    except (TypeError, ValueError, ArithmeticError) as error:
        raise UserError(str(error)) from error
    if not isinstance(schedule, Schedule):
        raise UserError(f"`{schedule!r}` is not a schedule")
    return schedule


def find(name: str) -> Entry:
    """Return the registry's entry for a short name or a class name.

    Raises:
        UserError: the name is unknown. The error suggests similar names.
    """
    entries = {
        key: entry
        for entry in list_schedules()
        for key in (entry.name, entry.cls.__name__)
    }
    if name not in entries:
        raise UserError(
            f"unknown schedule `{name}`{_suggestion(name, entries)} "
            "(`kerasched list` shows all)"
        )
    return entries[name]


def _build_by_name(name: str, nodes: Mapping[str, ast.expr]) -> Schedule:
    entry = find(name)
    values = {argument: _build_node(node) for argument, node in nodes.items()}
    return _make(entry.cls, (), {**(entry.example_arguments or {}), **values})


def _build_node(node: ast.expr) -> Any:
    match node:
        case ast.Constant(value=value):
            return value
        case ast.Tuple(elts=parts) | ast.List(elts=parts):
            return tuple(map(_build_node, parts))
        case ast.UnaryOp(op=sign, operand=part):
            return _apply_sign(sign, _build_node(part))
        case ast.BinOp(left=left, op=sign, right=right):
            return _apply_operator(
                *OPERATORS[type(sign)], _build_node(left), _build_node(right)
            )
        case ast.Call(func=ast.Name(id=name), args=parts, keywords=keywords):
            given = {k.arg: _build_node(k.value) for k in keywords if k.arg}
            return _make(find(name).cls, list(map(_build_node, parts)), given)
    raise AssertionError(node)  # The parser lets no other node through.


def _apply_sign(sign: ast.unaryop, value: Any) -> Any:
    if not _is_operand(value):
        raise UserError(f"a sign needs a schedule or a number, not `{value!r}`")
    return -value if isinstance(sign, ast.USub) else value


def _apply_operator(symbol: str, function: Any, left: Any, right: Any) -> Any:
    if not (_is_operand(left) and _is_operand(right)):
        raise UserError(f"`{symbol}` needs schedules or numbers on both sides")
    return function(left, right)


def _make(
    cls: type[Schedule], arguments: Sequence[Any], named: Mapping[str, Any]
) -> Schedule:
    signature = inspect.signature(cls)
    for name in named:
        if name not in signature.parameters:
            suggestion = _suggestion(name, signature.parameters)
            raise UserError(f"{cls.__name__} has no argument `{name}`{suggestion}")
    try:
        signature.bind(*arguments, **named)
    except TypeError as error:
        raise UserError(f"{cls.__name__}: {error}") from error
    return cls(*arguments, **named)


def _is_operand(value: Any) -> bool:
    """Return whether a value is a schedule or a number. A bool is neither."""
    return isinstance(value, (int, float, Schedule)) and not isinstance(value, bool)


def _suggestion(name: str, names: Iterable[str]) -> str:
    """Return a question with the names similar to `name`, or an empty string."""
    by_lowercase = {known.lower(): known for known in names}
    close = difflib.get_close_matches(name.lower(), by_lowercase)
    similar = " or ".join(by_lowercase[match] for match in close)
    return f": did you mean {similar}?" if similar else ""
