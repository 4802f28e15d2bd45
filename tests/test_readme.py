"""The README's code runs, and its tables and its two commands are up to date."""

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


def test_the_first_example_is_the_file_in_examples():
    text = (ROOT / "examples" / "train_save_load.py").read_text(encoding="utf-8")
    assert PYTHON[0] == text


def test_the_rates_in_the_comments_of_the_example_are_right():
    from kerasched import StepDecay

    rates = StepDecay(0.1, decay_steps=16).evaluate([0, 15, 16, 31, 32])
    assert rates.tolist() == [0.1, 0.1, 0.05, 0.05, 0.025]


def test_the_tables_are_up_to_date():
    tables = runpy.run_path(str(ROOT / "docs" / "tables.py"))
    assert tables["with_table"](README) == README, "run: python docs/tables.py"


def test_the_two_commands_are_as_documented():
    assert SHELL == [
        'pip install ".[demo]" && kerasched demo\n',
        'pip install ".[test]" && python -m tests\n',
    ]


@pytest.mark.parametrize("name", re.findall(r"\b([A-Z]+\.md)\b", README))
def test_named_files_exist(name):
    assert (ROOT / name).is_file()
