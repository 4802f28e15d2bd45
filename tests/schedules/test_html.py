"""A notebook shows a schedule as a small plot with its repr."""

import re
import sys
import xml.etree.ElementTree

import numpy as np
import pytest
from support import EXAMPLES

from kerasched import Chain
from kerasched import Constant
from kerasched import ExponentialDecay
from kerasched import LinearDecay
from kerasched import PiecewiseConstant
from kerasched import StepDecay
from kerasched.schedules.html import HEIGHT
from kerasched.schedules.html import WIDTH
from kerasched.schedules.html import path_of

pytestmark = pytest.mark.host

SVG = "{http://www.w3.org/2000/svg}"


def parsed(schedule):
    """Return the HTML as a tree, which requires that it is well-formed."""
    return xml.etree.ElementTree.fromstring(schedule._repr_html_())


def curve(schedule):
    """Return the path of the rates."""
    axes, path = parsed(schedule).iter(f"{SVG}path")
    return path.get("d")


def texts(schedule):
    return [element.text for element in parsed(schedule).iter(f"{SVG}text")]


# 360 by 96 pixels. Steps 0 to 6 are 60 pixels wide each, and 0.05 is halfway down.
def test_a_rate_holds_until_the_next_step():
    schedule = PiecewiseConstant((2, 5), (0.1, 0.05, 0.0))
    assert curve(schedule) == "M0 0H120V48H300V96H360"


# Steps 0 to 4 are 90 pixels wide each: 1, 2/3, 1/3 and 0 of the peak.
def test_each_step_of_a_slope_has_its_rate():
    assert curve(LinearDecay(0.1, 3)) == "M0 0H90V32H180V64H270V96H360"


def test_a_constant_is_a_line_at_the_top():
    assert curve(Constant(0.1)) == "M0 0H360"
    assert texts(Constant(0.1)) == ["0.1", "0", "step 0", "1,000"]


def test_a_rate_of_0_is_a_line_at_the_bottom():
    assert curve(Constant(0.0)) == "M0 96H360"


# There are two points per pixel, which is fewer than the 55,000 steps.
def test_a_jump_in_a_long_schedule_is_at_the_right_position():
    found = curve(PiecewiseConstant((20_000, 50_000), (0.1, 0.05, 0.0)))
    start, *jumps, end = map(float, re.findall(r"H([\d.]+)", f"H0{found}"))
    assert (start, end) == (0.0, 360.0)
    # A jump is drawn at the first point at or after it, rounded to a tenth of a pixel.
    places = [360 * step / 55_000 for step in (20_000, 50_000)]
    np.testing.assert_allclose(jumps, places, atol=0.5 + 0.05)
    assert re.sub(r"H[\d.]+", "H", found) == "M0 0HV48HV96H"


def test_a_value_that_is_not_finite_leaves_a_gap():
    values = np.array([1.0, 2.0, np.inf, np.nan, 5.0, 5.0])
    assert path_of(np.arange(6.0), values) == "M0 1H1V2H2M4 5H5"
    assert path_of(np.arange(2.0), np.array([np.nan, np.nan])) == ""


def test_rates_that_overflow_are_shown():
    # 10**step exceeds float64 after step 308. The limit is half of the largest number.
    rising = ExponentialDecay(1.0, 1, 10.0)
    assert texts(rising)[:2] == [f"{sys.float_info.max / 2:.4g}", "0"]


def test_text_is_escaped():
    schedule = Constant(0.1, name="<script>alert('&')</script>\"")
    html = schedule._repr_html_()
    assert "<script" not in html
    assert parsed(schedule).find(".//code").text == repr(schedule)


# The colour of the surrounding text suits both light and dark pages.
def test_the_picture_uses_the_colour_of_the_text():
    html = StepDecay(0.1, 100)._repr_html_()
    colours = re.findall(r'(?:stroke|fill|color)[=:]"?([^;"]+)', html)
    assert set(colours) == {"currentColor", "none"}


@pytest.mark.parametrize("name", EXAMPLES)
def test_each_schedule_has_a_small_picture_within_its_frame(name):
    schedule = EXAMPLES[name]
    assert len(schedule._repr_html_()) < 12_000
    numbers = re.findall(r"([MHV ])(-?[\d.e+-]+)", curve(schedule))
    across = [float(number) for place, number in numbers if place in "MH"]
    down = [float(number) for place, number in numbers if place in "V "]
    assert across == sorted(across)
    assert 0.0 <= across[0] <= across[-1] == WIDTH
    # There are at most 720 points, and the peak may lie between two of them.
    assert 0.0 <= min(down) < HEIGHT / 4
    assert max(down) <= HEIGHT


def test_outside_of_a_notebook_the_repr_is_shown():
    schedule = Chain((Constant(0.1), LinearDecay(0.1, 10)), (5,))
    assert str(schedule) == repr(schedule)
    assert repr(schedule).startswith("Chain(")
