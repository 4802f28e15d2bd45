"""Following docs/adding_a_schedule.md literally adds a schedule that passes."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "adding_a_schedule.md").read_text(encoding="utf-8")
# The text before a code block ends with its destination: a file, or a table in a file.
BLOCK = re.compile(r"^(.+?)^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
COMMANDS = re.search(r"^```sh\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)[1]
PARTS = ("kerasched", "tests", "benchmarks", "docs", "README.md", "pyproject.toml")

# A registered schedule must pass many tests: this selects one of each kind.
TESTS = [
    f"tests/test_{name}.py"
    for name in ("layers", "readme", "gallery", "package", "public_api")
]
TESTS += [
    f"tests/schedules/test_{name}.py"
    for name in (
        *("values", "arguments", "accuracy", "exactness", "properties", "registry"),
        *("lengths", "config", "description", "saving"),
    )
]
ABOUT_IT = "circular or registered or registry or has_its_row"
ABOUT_IT += " or golden or layers or section or CircularDecay or as_listed"
ABOUT_IT += " or up_to_date"


def follow(tree):
    """Apply each code block of the page to a copy of the tree."""
    file = None
    for before, code in BLOCK.findall(PAGE):
        names = re.findall(r"`([\w/]+\.py)`", before)
        file = tree / names[-1] if names else file
        table = re.search(r"row of `([A-Z_]+)`", before)
        if table:
            add_row(file, table[1], code)
        else:
            file.write_text(code, encoding="utf-8")


def add_row(file, table, code):
    text = file.read_text(encoding="utf-8")
    head = re.search(rf"^{table} = [\[{{]\n", text, re.MULTILINE)[0]
    assert text.count(head) == 1
    file.write_text(text.replace(head, head + code), encoding="utf-8")


def run(tree, *command):
    environment = {**os.environ, "PYTHONPATH": str(tree), "KERAS_BACKEND": "jax"}
    done = subprocess.run(
        [sys.executable, *command],
        cwd=tree,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.slow
def test_the_page_followed_to_the_letter_gives_a_schedule_that_passes(tmp_path):
    ignored = shutil.ignore_patterns("__pycache__", "*.so", "*.pyd")
    for name in PARTS:
        source = ROOT / name
        copy = shutil.copytree if source.is_dir() else shutil.copy
        options = {"ignore": ignored} if source.is_dir() else {}
        copy(source, tmp_path / name, **options)
    follow(tmp_path)
    for command in COMMANDS.splitlines():
        run(tmp_path, *command.split()[1:])
    options = ["-q", "-m", "not slow", "-k", ABOUT_IT]
    report = run(tmp_path, "-m", "pytest", *options, *TESTS)
    assert int(re.search(r"(\d+) passed", report)[1]) > 30


def test_the_page_has_its_blocks():
    assert len(BLOCK.findall(PAGE)) == 2
    assert len(COMMANDS.splitlines()) == 1
