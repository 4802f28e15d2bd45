"""The bar chart that shows a curve in the terminal."""

import math

import numpy as np
import pytest

from kerasched.commands.printing import ASCII
from kerasched.commands.printing import chart

pytestmark = pytest.mark.host


def drawn(values, height=1):
    return chart(np.array(values, "float64"), height)


def test_eight_levels_have_eight_blocks():
    assert drawn([0, 1, 2, 3, 4, 5, 6, 7]) == ["▁▂▃▄▅▆▇█"]


def test_bars_start_at_0():
    assert drawn([7, 6, 7]) == ["█▇█"]


def test_bars_start_at_the_lowest_value_if_it_is_negative():
    assert drawn([-7, 0]) == ["▁█"]


# Two lines have 16 eighths. A value of 0 has one of them, and 15 has all.
def test_the_top_line_comes_first():
    assert drawn([0, 7, 8, 15], 2) == ["  ▁█", "▁███"]


def test_a_constant_0_is_visible():
    assert drawn([0, 0]) == ["▁▁"]


def test_values_that_are_not_finite_leave_a_gap():
    assert drawn([7, math.nan, math.inf, -math.inf, 0]) == ["█   ▁"]


def test_a_line_without_finite_values_is_empty():
    assert drawn([math.nan, math.inf]) == ["  "]


def test_the_blocks_can_be_other_characters():
    assert chart(np.array([7.0, 0.0]), 1, ASCII) == ["#."]
