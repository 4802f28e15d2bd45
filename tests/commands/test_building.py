"""A command line builds the schedule that the same Python code would."""

import re

import pytest

from kerasched import Chain
from kerasched import Constant
from kerasched import CosineDecay
from kerasched import Difference
from kerasched import LinearDecay
from kerasched import Minimum
from kerasched import MultiStepDecay
from kerasched import Scale
from kerasched import Shift
from kerasched import Sum
from kerasched import Warmup
from kerasched import list_schedules
from kerasched.commands.building import build
from kerasched.commands.expression import parse_request
from kerasched.errors import UserError

pytestmark = pytest.mark.host

GOOD = {
    "CosineDecay(0.1, 900)": CosineDecay(0.1, 900),
    " cosine(0.1, decay_steps=900) ": CosineDecay(0.1, 900),
    "Warmup(CosineDecay(0.1, 900), 100)": Warmup(CosineDecay(0.1, 900), 100),
    "MultiStepDecay(0.1, [3, 5])": MultiStepDecay(0.1, (3, 5)),
    "Chain((Constant(1), Constant(2)), (3,))": Chain((Constant(1), Constant(2)), (3,)),
    "0.5 * Constant(1)": Scale(Constant(1), 0.5),
    "Constant(1) * 2": Scale(Constant(1), 2),
    "Shift(Constant(1), -2)": Shift(Constant(1), -2),
    "Constant(1) + linear(1, 5)": Sum((Constant(1), LinearDecay(1, 5))),
    "linear(1, 5) + 1e-5": Sum((LinearDecay(1, 5), Constant(1e-5))),
    "1e-5 + linear(1, 5)": Sum((Constant(1e-5), LinearDecay(1, 5))),
    "Constant(1) - linear(1, 5)": Difference(Constant(1), LinearDecay(1, 5)),
    "1 - linear(1, 5)": Difference(Constant(1), LinearDecay(1, 5)),
    "linear(1, 5, 0.5) - 0.5": Difference(LinearDecay(1, 5, 0.5), Constant(0.5)),
    "Constant(1) / 4": Scale(Constant(1), 0.25),
    "Constant(1 / 4 - 0.125)": Constant(0.125),
    "Minimum((Constant(1) + 1, linear(1, 5)))": Minimum(
        (Sum((Constant(1), Constant(1))), LinearDecay(1, 5))
    ),
    "LinearDecay(0.1, 391 * (90 + 1))": LinearDecay(0.1, 391 * 91),
    "Constant(+0.1, name='mine')": Constant(0.1, name="mine"),
}


@pytest.mark.parametrize(("text", "schedule"), GOOD.items(), ids=GOOD)
def test_an_expression_is_built(text, schedule):
    assert build(parse_request([text])) == schedule


@pytest.mark.parametrize("entry", list_schedules(), ids=lambda entry: entry.name)
def test_a_name_stands_for_the_example(entry):
    assert build(parse_request([entry.name])) == entry.example
    assert build(parse_request([entry.cls.__name__])) == entry.example


def test_the_repr_of_a_schedule_is_an_expression():
    schedule = Warmup(0.5 * CosineDecay(0.1, 900, 0.01), 100, shape="cosine")
    assert build(parse_request([repr(schedule)])) == schedule


# The registry's example is CosineDecay(0.1, 1000).
def test_a_value_replaces_that_of_the_example():
    assert build(parse_request(["cosine", "decay_steps=5"])) == CosineDecay(0.1, 5)


def test_a_value_can_be_a_schedule():
    words = ["Warmup", "schedule=LinearDecay(0.5, 9)", "warmup_steps=3", "shape=cosine"]
    assert build(parse_request(words)) == Warmup(LinearDecay(0.5, 9), 3, shape="cosine")


SHOWN = " (`kerasched list` shows all)"
BAD = {
    "CosinDecay(0.1, 9)": "unknown schedule `CosinDecay`: did you mean CosineDecay*",
    "NOAM": f"unknown schedule `NOAM`: did you mean Noam?{SHOWN}",
    "zzz": f"unknown schedule `zzz`{SHOWN}",
    "__import__('os')": f"unknown schedule `__import__`{SHOWN}",
    "eval('1')": f"unknown schedule `eval`{SHOWN}",
    "Schedule()": "unknown schedule `Schedule`*",
    "cosine decay_step=5": "CosineDecay has no argument `decay_step`: did you mean "
    "decay_steps?",
    "Constant(rate=1)": "Constant has no argument `rate`*",
    "Constant()": "Constant: missing a required argument: 'learning_rate'",
    "Constant(1, 2)": "Constant: too many positional arguments",
    "StepDecay(0.1, 0)": "Argument `decay_steps` of StepDecay must be a positive "
    "integer. Received: decay_steps=0",
    "StepDecay(0.1, '9')": "Argument `decay_steps` of StepDecay must be a positive*",
    "step decay_steps=1e999": "Argument `decay_steps` of StepDecay must be a*",
    "cosine decay_steps=nan": "Argument `decay_steps` of CosineDecay must be a*",
    "warmup schedule=cosine": "Argument `schedule` of Warmup must be a learning-rate*",
    "1": "`1` is not a schedule",
    "'x'": "`'x'` is not a schedule",
    "(Constant(1),)": "`(Constant(learning_rate=1.0),)` is not a schedule",
    "-Constant(1)": "Argument `schedule` of -schedule must be on the right of a*",
    "-'x'": "a sign needs a schedule or a number, not `'x'`",
    "1/Constant(1)": "A schedule cannot be a divisor: only a number can. *",
    "Constant(1)/Constant(2)": "A schedule cannot be a divisor: only a number can. *",
    "Constant(1)/0": "Argument `divisor` of schedule / divisor must be a number above*",
    "Constant(1/0)": "division by zero",
    "Constant(1)-2": "Argument `subtracted` of Difference must be a schedule that is*",
    "Constant(1)-'x'": "`-` needs schedules or numbers on both sides",
    "'x'/2": "`/` needs schedules or numbers on both sides",
    "Constant(-True)": "a sign needs a schedule or a number, not `True`",
    "'x'*3": "`*` needs schedules or numbers on both sides",
    "(1,)*3": "`*` needs schedules or numbers on both sides",
    "Constant(1)*True": "`*` needs schedules or numbers on both sides",
    "Constant(1)*'x'": "`*` needs schedules or numbers on both sides",
    f"Constant({'9' * 400}*0.5)": "int too large to convert to float",
}


@pytest.mark.parametrize(("words", "text"), BAD.items(), ids=[w[:30] for w in BAD])
def test_a_user_error_is_reported(words, text):
    head, *values = re.split(r" (?=\w+=)", words)
    pattern = re.escape(text.rstrip("*")) + ("" if text.endswith("*") else "$")
    with pytest.raises(UserError, match="^" + pattern):
        build(parse_request([head, *values]))
