"""The README is true: its code runs, its table is generated, its commands are there."""

import re
import runpy
from pathlib import Path

import pytest
from support import run_python

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
PYTHON = re.findall(r"^```python\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
SHELL = re.findall(r"^```sh\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


def test_the_code_runs_from_top_to_bottom(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert len(PYTHON) == 8
    done = run_python("\n".join(PYTHON))
    assert "Scale(schedule=Warmup(" in done.stdout


def test_the_first_example_is_the_file_among_the_examples():
    text = (ROOT / "examples" / "train_save_load.py").read_text(encoding="utf-8")
    assert PYTHON[0] == text


def test_the_rates_that_the_example_speaks_of_are_right():
    from kerasched import StepDecay

    rates = StepDecay(0.1, decay_steps=16).evaluate([0, 15, 16, 31, 32])
    assert rates.tolist() == [0.1, 0.1, 0.05, 0.05, 0.025]


def test_the_table_is_that_of_the_registry():
    tables = runpy.run_path(str(ROOT / "docs" / "tables.py"))
    assert tables["with_table"](README) == README, "run: python docs/tables.py"


def test_the_two_commands_are_these():
    assert SHELL == [
        'pip install ".[demo]" && kerasched demo\n',
        'pip install ".[test]" && python -m tests\n',
    ]


@pytest.mark.parametrize("name", re.findall(r"\b([A-Z]+\.md)\b", README))
def test_files_that_are_named_exist(name):
    assert (ROOT / name).is_file()
