"""The code blocks of each page in docs/ run from top to bottom."""

import re
import textwrap
from pathlib import Path

import pytest
from support import BACKEND

from kerasched import StepDecay

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
BLOCK = re.compile(r"^( *)```python\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
# The blocks of these pages are parts of files. Other tests assemble them.
WITH_OWN_TESTS = re.compile("gallery|scaling|adding_")
ON_ONE_BACKEND = {"kernel": "jax"}


def blocks_of(path):
    found = BLOCK.findall(path.read_text(encoding="utf-8"))
    return [textwrap.dedent(code) for _, code in found]


BLOCKS = {
    path.stem: blocks_of(path)
    for path in sorted(DOCS.glob("*.md"))
    if not WITH_OWN_TESTS.match(path.stem) and blocks_of(path)
}


@pytest.mark.host
def test_the_guide_has_code():
    guide = {"first_schedule", "composing", "epochs", "optimizers", "callbacks"}
    assert guide | {"saving", "migrating", "kernel"} <= set(BLOCKS)


@pytest.mark.parametrize("page", BLOCKS)
def test_the_code_of_a_page_runs(page, tmp_path, monkeypatch):
    if ON_ONE_BACKEND.get(page, BACKEND) != BACKEND:
        pytest.skip(f"needs {ON_ONE_BACKEND[page]}")
    monkeypatch.chdir(tmp_path)
    names = {"__name__": "page"}
    for number, code in enumerate(BLOCKS[page], 1):
        exec(compile(code, f"docs/{page}.md, block {number}", "exec"), names)


@pytest.mark.host
def test_the_first_schedule_is_the_file_in_examples():
    text = (ROOT / "examples" / "train_save_load.py").read_text(encoding="utf-8")
    assert BLOCKS["first_schedule"][0] == text


@pytest.mark.host
def test_an_error_that_a_page_shows_is_raised():
    page = (DOCS / "first_schedule.md").read_text(encoding="utf-8")
    (shown,) = re.findall(r"^ValueError: (.*)$", page, re.MULTILINE)
    with pytest.raises(ValueError, match="decay_steps") as caught:
        StepDecay(0.1, decay_steps=0)
    assert str(caught.value) == shown
