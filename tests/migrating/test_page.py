"""docs/migrating.md shows exactly the equivalents that the other tests check."""

import re
import runpy
from pathlib import Path

import pytest

import kerasched
from migrating.original import ORIGINALS

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "migrating.md").read_text(encoding="utf-8")
RUN = "run: python docs/migrating.py"


@pytest.fixture(scope="module")
def script():
    return runpy.run_path(str(DOCS / "migrating.py"))


def test_the_page_is_up_to_date_with_the_mappings(script):
    assert script["page"]() == PAGE, RUN


def test_a_row_shows_the_original_and_its_equivalent(script):
    (item,) = [item for item in ORIGINALS["fastai"] if item.name == "fit_flat_cos"]
    original = "`fit_flat_cos(lr, total_steps, div_final=1e5, pct_start=0.75)`"
    ours = "`FlatCosine(lr, total_steps, pct_start, lr / div_final)`"
    assert script["row"](item.function, [item]) == f"| {original} | {ours} |"


def test_a_row_shows_options_and_every_line(script):
    (item,) = [item for item in ORIGINALS["fairseq"] if item.name == "triangular"]
    arguments = "lr, max_lr, lr_period_updates, lr_shrink=0.1, shrink_min=False"
    top = "top = Repeat(Triangular(0.0, max_lr, half), 2 * half, decay_rate=lr_shrink)"
    lines = ("half = lr_period_updates // 2", top, "Triangular(lr, 0.0, half) + top")
    ours = "<br>".join(f"`{line}`" for line in lines)
    row = script["row"](item.function, [item])
    assert row == f"| `triangular({arguments})` | {ours} |"


def test_the_schedules_named_on_the_page_are_public():
    cells = re.findall(r"^\| .* \| (.*) \|$", PAGE, re.MULTILINE)
    named = {name for cell in cells for name in re.findall(r"\b([A-Z]\w+)\(", cell)}
    assert {"CosineDecay", "Warmup", "Chain"} <= named
    assert named <= set(vars(kerasched))
