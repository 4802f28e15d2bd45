"""Schedules as they are written in a shell: read here, and never run as Python.

The language has calls of schedules by name, numbers, strings, None, True, False, tuples
and lists, a sign, `+`, `-`, `*` and `/`. Nothing else of Python is in it. A text is
bounded in length and depth, so that reading it cannot exhaust the machine. Nothing
here needs Keras: an error in the text is reported before Keras is loaded.
"""

import ast
import re
import warnings
from collections.abc import Sequence
from dataclasses import dataclass

from kerasched.errors import UserError

MAX_LENGTH = 2000
MAX_DEPTH = 40
OPERATORS = (ast.Add, ast.Sub, ast.Mult, ast.Div)


@dataclass(frozen=True)
class Request:
    """What a command line asks for: a name and values of arguments, or an expression.

    `head` is the name, or the expression, which has no `values` beside it.
    """

    head: str | ast.expr
    values: dict[str, ast.expr]


def read(words: Sequence[str]) -> Request:
    """Return what the words NAME [key=value ...] or 'EXPRESSION' ask for.

    Raises:
        UserError: they are not of this form.
    """
    head, pairs = words[0].strip(), words[1:]
    if not head.isidentifier():
        if pairs:
            raise UserError(
                f"{_short(pairs[0])}: key=value goes with a name; in an expression, "
                "write it inside of the call"
            )
        return Request(parse(head), {})
    values: dict[str, ast.expr] = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not (equals and key.isidentifier()):
            raise UserError(f"{_short(pair)}: an argument is written key=value")
        if key in values:
            raise UserError(f"argument {key} is given twice")
        values[key] = _value(value)
    return Request(head, values)


def parse(text: str) -> ast.expr:
    """Return the tree of an expression, in which every node is of the language.

    Raises:
        UserError: it is not.
    """
    if len(text) > MAX_LENGTH:
        raise UserError(
            f"an expression may have {MAX_LENGTH} characters, this has {len(text)}"
        )
    try:
        with warnings.catch_warnings(action="ignore"):
            root = ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, MemoryError, RecursionError) as error:
        reason = getattr(error, "msg", None) or "it cannot be read"
        raise UserError(f"{_short(text)} is not an expression: {reason}") from error
    _check(root, text.strip())
    return root


def _value(text: str) -> ast.expr:
    """Return the tree of a value; a word such as 1-sqrt needs no quotes."""
    try:
        return parse(text)
    except UserError:
        if re.fullmatch(r"[\w-]+", text):
            return ast.Constant(text)
        raise


def _check(root: ast.expr, text: str) -> None:
    todo = [(root, 1)]
    while todo:
        node, depth = todo.pop()
        parts = _parts(node)
        if parts is None:
            shown = _short(ast.get_source_segment(text, node) or text)
            raise UserError(
                f"{shown} cannot be used here: an expression consists of schedule "
                "names with arguments in brackets, numbers, strings, tuples, +, -, * "
                "and /"
            )
        if depth > MAX_DEPTH:
            raise UserError(f"an expression may be {MAX_DEPTH} levels deep, not more")
        todo += [(part, depth + 1) for part in parts]


def _parts(node: ast.expr) -> list[ast.expr] | None:
    """Return what a node is made of, or None if it is not of the language."""
    match node:
        case ast.Constant(value=int() | float() | str() | None):
            return []
        case ast.Tuple(elts=parts) | ast.List(elts=parts):
            return parts
        case ast.UnaryOp(op=ast.UAdd() | ast.USub(), operand=part):
            return [part]
        case ast.BinOp(left=left, op=sign, right=right) if isinstance(sign, OPERATORS):
            return [left, right]
        case ast.Call(func=ast.Name(), args=parts, keywords=keywords):
            names = [keyword.arg for keyword in keywords]
            if None not in names and len(set(names)) == len(names):
                return [*parts, *(keyword.value for keyword in keywords)]
    return None


def _short(text: str) -> str:
    line = " ".join(text.split())
    return f"`{line if len(line) <= 60 else line[:57] + '...'}`"
