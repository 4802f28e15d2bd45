"""Parser of the schedules that a user writes in a shell. It never executes them.

The language is a subset of Python: calls of schedules by name, numbers, strings, None,
True, False, tuples, lists, signs, `+`, `-`, `*` and `/`. Length and depth are limited,
so that no input can exhaust the machine. Nothing here needs Keras: a syntax error is
reported before Keras is loaded.
"""

import ast
import operator
import re
import warnings
from collections.abc import Sequence
from dataclasses import dataclass

from kerasched.errors import UserError

MAX_LENGTH = 2000
MAX_DEPTH = 40
# The operators, each with its symbol and its function.
OPERATORS = {
    ast.Add: ("+", operator.add),
    ast.Sub: ("-", operator.sub),
    ast.Mult: ("*", operator.mul),
    ast.Div: ("/", operator.truediv),
}


@dataclass(frozen=True)
class Request:
    """A parsed command line: a name with argument values, or an expression.

    `head` is the name or the expression. An expression has no `values`.
    """

    head: str | ast.expr
    values: dict[str, ast.expr]


def parse_request(words: Sequence[str]) -> Request:
    """Parse the words NAME [key=value ...] or 'EXPRESSION'.

    Raises:
        UserError: the words do not have this form.
    """
    head, pairs = words[0].strip(), words[1:]
    if not head.isidentifier():
        if pairs:
            raise UserError(
                f"{_short(pairs[0])}: key=value needs a name before it; in an "
                "expression, write arguments inside the call"
            )
        return Request(parse(head), {})
    values: dict[str, ast.expr] = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not (equals and key.isidentifier()):
            raise UserError(f"{_short(pair)}: write an argument as key=value")
        if key in values:
            raise UserError(f"argument {key} is given twice")
        values[key] = _value(value)
    return Request(head, values)


def parse(text: str) -> ast.expr:
    """Return the syntax tree of an expression, checked node by node.

    Raises:
        UserError: the text is too long, too deep, or not of the language.
    """
    if len(text) > MAX_LENGTH:
        raise UserError(
            f"an expression can have at most {MAX_LENGTH} characters. "
            f"Received: {len(text)}"
        )
    try:
        with warnings.catch_warnings(action="ignore"):
            root = ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, MemoryError, RecursionError) as error:
        reason = getattr(error, "msg", None) or "it cannot be parsed"
        raise UserError(f"{_short(text)} is not an expression: {reason}") from error
    _check(root, text.strip())
    return root


def _value(text: str) -> ast.expr:
    """Return the syntax tree of a value. A string such as 1-sqrt needs no quotes."""
    try:
        return parse(text)
    except UserError:
        if re.fullmatch(r"[\w-]+", text):
            return ast.Constant(text)
        raise


def _check(root: ast.expr, text: str) -> None:
    pending = [(root, 1)]
    while pending:
        node, depth = pending.pop()
        parts = _operands(node)
        if parts is None:
            shown = _short(ast.get_source_segment(text, node) or text)
            raise UserError(
                f"{shown} is not allowed: an expression consists of calls such as "
                "CosineDecay(0.1, 900), numbers, strings, tuples, +, -, * and /"
            )
        if depth > MAX_DEPTH:
            raise UserError(f"an expression can be at most {MAX_DEPTH} levels deep")
        pending += [(part, depth + 1) for part in parts]


def _operands(node: ast.expr) -> list[ast.expr] | None:
    """Return the child nodes, or None if the node is not of the language."""
    match node:
        case ast.Constant(value=int() | float() | str() | None):
            return []
        case ast.Tuple(elts=parts) | ast.List(elts=parts):
            return parts
        case ast.UnaryOp(op=ast.UAdd() | ast.USub(), operand=part):
            return [part]
        case ast.BinOp(left=left, op=sign, right=right) if type(sign) in OPERATORS:
            return [left, right]
        case ast.Call(func=ast.Name(), args=parts, keywords=keywords):
            names = [keyword.arg for keyword in keywords]
            if None not in names and len(set(names)) == len(names):
                return [*parts, *(keyword.value for keyword in keywords)]
    return None


def _short(text: str) -> str:
    """Return a text in backticks, on one line of at most 60 characters."""
    line = " ".join(text.split())
    return f"`{line if len(line) <= 60 else line[:57] + '...'}`"
