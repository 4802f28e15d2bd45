"""Hypothesis strategies for schedules, from the registry and the annotations alone.

A schedule starts as its registered example. Some of its arguments are then replaced by
values that their checks accept. A new schedule therefore needs no code here.
"""

import itertools
import math

from hypothesis import reject
from hypothesis import strategies as st

import kerasched
from kerasched.errors import MAX_STEP
from kerasched.errors import Choice
from kerasched.errors import Flag
from kerasched.errors import Integer
from kerasched.errors import Items
from kerasched.errors import Number
from kerasched.errors import Optional
from kerasched.errors import Text
from kerasched.schedules.arguments import Counted
from kerasched.schedules.arguments import ScheduleArgument
from kerasched.schedules.arguments import checks_of
from kerasched.schedules.from_function import RegisteredFunction
from kerasched.schedules.from_function import one_over_step

LARGEST = 8.0  # The largest number drawn: no larger rate, factor or power is useful.
MOST_ITEMS = 4


@st.composite
def schedules(draw, entry, depth=1):
    """Draw a schedule of a registry entry, with children nested up to `depth`."""
    count = draw(st.integers(1, MOST_ITEMS))
    arguments, checks = dict(entry.example_arguments), checks_of(entry.cls)
    a_name = st.sampled_from(sorted(checks))
    for name in sorted(draw(st.sets(a_name, min_size=1, max_size=1) | st.sets(a_name))):
        example = entry.example_arguments.get(name)
        length = count + longer(name, entry.example_arguments)
        arguments[name] = draw(values(checks[name], depth, example, length))
    try:
        return entry.cls(**arguments)
    except ValueError:
        reject()  # Each argument is valid alone, but their combination is not.


def any_schedule(depth=1):
    """Draw a schedule of any entry. At depth 0 it has no schedule as an argument."""
    entries = [e for e in kerasched.list_schedules() if depth or not e.example.children]
    return st.sampled_from(entries).flatmap(lambda entry: schedules(entry, depth))


def values(check, depth, example=None, length=0):
    """Return a strategy for values that a check accepts, similar to an example."""
    if isinstance(check, Optional):
        return st.none() | values(check.check, depth, example, length)
    if isinstance(check, Number):
        return numbers(check)
    if isinstance(check, Integer):
        return integers(check)
    if isinstance(check, Items):
        return items(check, depth, example, length)
    if isinstance(check, Choice):
        return st.sampled_from(check.options)
    if isinstance(check, ScheduleArgument):
        return any_schedule(depth - 1)
    known = {Flag: st.booleans(), Text: st.sampled_from(["", "mine"])}
    return {**known, RegisteredFunction: st.just(one_over_step)}[type(check)]


def numbers(check):
    """Draw floats of few digits, the accepted bounds and numbers close to them."""
    low = max(check.minimum, -LARGEST)
    high = min(check.below, LARGEST)
    least = 1 / 64 if check.exclusive else 0.0
    drawn = st.integers(0, 64).map(lambda part: low + (high - low) * part / 64)
    drawn |= st.sampled_from([low + least, min(1.0, high / 2.0), low + 1e-6])
    return drawn.filter(lambda number: low + least / 64 <= number < check.below)


def integers(check):
    """Draw integers of every magnitude, the bounds included."""
    low = max(check.minimum, -300)
    # A count, such as a number of cycles, need not be as large as a step.
    high = 1000 if isinstance(check, Counted) else MAX_STEP
    return st.integers(low, 300) | st.sampled_from([low, high, high // 2])


def items(check, depth, example, length):
    """Draw `length` items, in increasing order if the example's items increase."""
    if not rises(example):
        return st.tuples(*[values(check.check, depth)] * length)
    steps = st.integers(0, 2000) | st.integers(0, MAX_STEP)
    if isinstance(check.check, Number):
        steps = steps.map(float) | st.integers(0, 4000).map(lambda half: half / 2)
    unique = st.lists(steps, min_size=length, max_size=length, unique=True)
    return unique.map(lambda drawn: tuple(sorted(drawn)))


def longer(name, arguments):
    """Return how many more items an argument has than the shortest argument."""
    lengths = {n: len(v) for n, v in arguments.items() if isinstance(v, tuple)}
    return lengths.get(name, 0) - min(lengths.values(), default=0)


def rises(example):
    pairs = itertools.pairwise(example or ())
    return all(isinstance(a, (int, float)) and a < b for a, b in pairs)


def turns(schedule):
    """Yield the numbers among a schedule's and its children's arguments, rounded up."""
    for name in checks_of(type(schedule)):
        value = getattr(schedule, name)
        for item in value if isinstance(value, tuple) else (value,):
            if isinstance(item, (int, float)):
                yield abs(math.ceil(item))
    for child in schedule.children:
        yield from turns(child)
