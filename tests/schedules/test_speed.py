"""A million steps are evaluated in the time of a few cosines."""

import time

import numpy as np
import pytest

import kerasched

pytestmark = pytest.mark.host

STEPS = np.arange(1_000_000)
# One cosine is what a schedule needs at least; a tree of several needs it for each.
MOST_COSINES = 6
ROUNDS = 4


def seconds(function):
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


@pytest.mark.parametrize(
    "entry",
    # Another library's function is asked step by step, in Python.
    [entry for entry in kerasched.list_schedules() if entry.example.exact],
    ids=lambda entry: entry.name,
)
def test_a_million_steps_take_no_longer_than_a_few_cosines(entry):
    schedule, places = entry.example, STEPS * 1e-3
    # Turn and turn about, and the best of each: other work can only slow them down.
    rounds = [
        (seconds(lambda: np.cos(places)), seconds(lambda: schedule.evaluate(STEPS)))
        for _ in range(ROUNDS)
    ]
    cosine, ours = (min(column) for column in zip(*rounds, strict=True))
    assert ours <= MOST_COSINES * cosine, (ours, cosine)
