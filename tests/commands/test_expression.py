"""The parser of command-line expressions, and the errors it raises."""

import ast
import re

import pytest

from kerasched.commands.expression import MAX_DEPTH
from kerasched.commands.expression import MAX_LENGTH
from kerasched.commands.expression import parse
from kerasched.commands.expression import parse_request
from kerasched.errors import UserError

pytestmark = pytest.mark.host

NOT_ALLOWED = "is not allowed: an expression consists of calls such as"

REFUSED = {
    "attribute": "Constant(0.1).__class__",
    "method": "Constant(0.1).clip(0.0)",
    "module": "os.system('true')",
    "call of a call": "Constant(0.1)()",
    "lambda": "Constant((lambda: 0.1)())",
    "comprehension": "Chain([Constant(x) for x in (1, 2)], (3,))",
    "generator": "Sum(Constant(x) for x in (1, 2))",
    "f-string": "Constant(f'{1}')",
    "power": "9**9**9",
    "whole division": "Constant(1 // 3)",
    "remainder": "Constant(1 % 3)",
    "matrix product": "Constant(1) @ Constant(1)",
    "shift": "Constant(1 << 99999999)",
    "comparison": "Constant(1 < 2)",
    "choice": "Constant(1 if True else 2)",
    "index": "Constant((1, 2)[0])",
    "assignment": "Constant(x := 1)",
    "bare name": "Warmup(cosine, 100)",
    "star": "Constant(*(0.1,))",
    "two stars": "Constant(**{'learning_rate': 0.1})",
    "argument twice": "Constant(learning_rate=1, learning_rate=2)",
    "dictionary": "Constant({})",
    "set": "Constant({1})",
    "bytes": "Constant(b'1')",
    "imaginary": "Constant(1j)",
    "ellipsis": "Constant(...)",
    "not": "Constant(not 1)",
    "invert": "Constant(~1)",
    "await": "Constant(await x)",
}


@pytest.mark.parametrize("text", REFUSED.values(), ids=REFUSED)
def test_other_syntax_of_python_is_an_error(text):
    with pytest.raises(UserError, match=NOT_ALLOWED):
        parse(text)


@pytest.mark.parametrize(
    "text",
    ["", "Constant(", "Constant(0.1))", "import os", "x = 1", "1 2", "a\0b", "\ud800"],
    ids=ascii,
)
def test_text_that_is_not_an_expression_is_an_error(text):
    with pytest.raises(UserError, match="is not an expression: "):
        parse(text)


def test_the_error_shows_the_invalid_part():
    with pytest.raises(UserError, match=re.escape("`9**9` " + NOT_ALLOWED)):
        parse("Constant(9**9)")


def nested(levels):
    """Return nested calls with a number inside, with this many levels."""
    return "Scale(" * (levels - 1) + "1" + ")" * (levels - 1)


def test_the_greatest_depth_is_parsed():
    assert isinstance(parse(nested(MAX_DEPTH)), ast.Call)


@pytest.mark.parametrize(
    "text",
    [
        nested(MAX_DEPTH + 1),
        "-" * MAX_DEPTH + "1",
        "+".join(["1"] * (MAX_DEPTH + 1)),
        "(" * MAX_DEPTH + "1" + ",)" * MAX_DEPTH,
        "-" * (MAX_LENGTH - 1) + "1",
        "+".join(["1"] * (MAX_LENGTH // 2)),
    ],
    ids=["calls", "signs", "sums", "tuples", "many signs", "many sums"],
)
def test_a_greater_depth_is_an_error(text):
    with pytest.raises(UserError, match="levels deep|is not an expression"):
        parse(text)


@pytest.mark.parametrize("mark", ["(", "[", "a(", "{", "-("])
def test_unclosed_brackets_are_an_error(mark):
    with pytest.raises(UserError, match="is not an expression: "):
        parse(mark * (MAX_LENGTH // len(mark)))


def test_the_greatest_length_is_parsed():
    text = f"'{'x' * (MAX_LENGTH - 2)}'"
    assert parse(text).value == "x" * (MAX_LENGTH - 2)


def test_a_greater_length_is_an_error():
    with pytest.raises(UserError, match=f"{MAX_LENGTH} characters. Received: 2001"):
        parse(f"'{'x' * (MAX_LENGTH - 1)}'")


@pytest.mark.filterwarnings("error")
def test_syntax_warnings_of_python_are_not_shown():
    assert parse(r"'\d'").value == r"\d"


def test_a_name_is_parsed_with_its_values():
    request = parse_request(["cosine", "decay_steps=-5", "shape='a=b'"])
    assert request.head == "cosine"
    assert ast.unparse(request.values["decay_steps"]) == "-5"
    assert request.values["shape"].value == "a=b"


@pytest.mark.parametrize("word", ["linear", "1-sqrt", "exp_range", "-x", "nan"])
def test_a_string_needs_no_quotes(word):
    assert parse_request(["step", f"shape={word}"]).values["shape"].value == word


@pytest.mark.parametrize(
    ("text", "value"), [("None", None), ("True", True), ("1e-3", 0.001), ("'5'", "5")]
)
def test_a_number_or_constant_is_not_a_string(text, value):
    assert parse_request(["step", f"x={text}"]).values["x"].value == value


ERRORS = [
    (["step", "x"], "`x`: write an argument as key=value"),
    (["step", "x y=1"], "`x y=1`: write an argument as key=value"),
    (["step", "=1"], "`=1`: write an argument as key=value"),
    (["step", "x=1", "x=2"], "argument x is given twice"),
    (["step", "x="], "`` is not an expression: invalid syntax"),
    (
        ["Constant(1)", "x=1"],
        "`x=1`: key=value needs a name before it; in an expression, write arguments "
        "inside the call",
    ),
]


@pytest.mark.parametrize(("words", "text"), ERRORS, ids=lambda case: str(case)[:20])
def test_a_user_error_is_reported(words, text):
    with pytest.raises(UserError, match="^" + re.escape(text) + "$"):
        parse_request(words)
