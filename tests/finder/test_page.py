"""The code of docs/finder.md runs, and its comment is true."""

import re
from pathlib import Path

import keras
import matplotlib
import pytest

from kerasched.finder.suggestions import NAMES

matplotlib.use("Agg")
PAGE = (Path(__file__).parents[2] / "docs" / "finder.md").read_text("utf-8")


@pytest.mark.slow
@pytest.mark.host
def test_the_code_of_the_page_suggests_what_its_comment_says():
    (block,) = re.findall(r"^```python\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
    (said,) = re.findall(r"# about ([\d.]+)$", block, re.MULTILINE)
    keras.utils.set_random_seed(0)
    names = {}
    exec(block, names)
    # The steps of the sweep are 20 % apart. One step on either side is allowed.
    assert names["rate"] == pytest.approx(float(said), rel=0.2)


@pytest.mark.host
def test_the_page_explains_every_rule():
    table = re.findall(r"^\| `(\w+)`", PAGE, re.MULTILINE)
    assert sorted(table) == sorted(NAMES)
