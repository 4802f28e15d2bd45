"""The displayed description of a schedule comes from its docstring."""

import pytest

from kerasched import Schedule
from kerasched import list_schedules
from kerasched.schedules.description import Argument
from kerasched.schedules.description import arguments
from kerasched.schedules.description import formula


class Two(Schedule):
    """Do something.

    first * step,
    where step is counted from 0

    More words.

    Args:
        first: the rate at step 0, which is
            0 or more: "a" or "b".
        second: a number.

    Note: this is no argument.
    """

    first: float
    second: int | None = None


class Bare(Schedule):
    first: float = 1.5


def test_the_formula_is_the_second_paragraph_with_its_lines():
    assert formula(Two) == "first * step,\nwhere step is counted from 0"


def test_arguments_have_their_meaning_in_one_line_and_their_default():
    assert arguments(Two) == (
        Argument("first", "", 'the rate at step 0, which is 0 or more: "a" or "b".'),
        Argument("second", "None", "a number."),
    )


def test_a_class_without_a_docstring_is_described_by_its_arguments():
    Bare.__doc__ = None
    assert arguments(Bare) == (Argument("first", "1.5", ""),)


@pytest.mark.parametrize("entry", list_schedules(), ids=lambda entry: entry.name)
def test_every_schedule_has_a_formula_and_a_meaning_of_each_argument(entry):
    assert formula(entry.cls)
    assert not formula(entry.cls).startswith("Args:")
    assert all(argument.meaning for argument in arguments(entry.cls))
