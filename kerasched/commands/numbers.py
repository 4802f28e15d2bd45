"""Kinds of numbers that options take."""

from kerasched.errors import MAX_STEP


def positive_integer(text: str) -> int:
    """Return a text as an integer of 1 or more, or raise ValueError."""
    number = int(text)
    if number < 1:
        raise ValueError
    return number


def step(text: str) -> int:
    """Return a text as a step from 1 to 2**31 - 1, or raise ValueError."""
    number = positive_integer(text)
    if number > MAX_STEP:
        raise ValueError
    return number


positive_integer.__name__ = "positive integer"
step.__name__ = "step (an integer from 1 to 2147483647)"
