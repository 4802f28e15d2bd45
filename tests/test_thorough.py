"""The thorough tier parses the results of its parts and writes a table to the page."""

import dataclasses
from collections import Counter

import pytest

from tests import thorough

pytestmark = pytest.mark.host


@pytest.mark.parametrize(
    ("printed", "expected"),
    [
        ("178 mutants died, 2 survived\n", {"passed": 178, "failed": 2}),
        ("address: clean after 61 s\n", {"passed": 1}),
        ("address: FAILED after 61 s\n", {}),
        ("address: write-past-the-end was caught\n", {}),
        ("survived: a-name\n", {}),
    ],
)
def test_a_closing_line_is_counted(printed, expected):
    counts = Counter()
    thorough.count(printed, counts)
    assert +counts == Counter(expected)


@pytest.mark.parametrize(
    ("counts", "verdict"),
    [
        ({"passed": 3, "skipped": 1}, True),
        ({"passed": 3, "failed": 1}, False),
        ({"skipped": 4}, False),
        ({}, False),
    ],
)
def test_a_part_passes_if_something_passed_and_nothing_failed(counts, verdict):
    assert thorough.passed(Counter(counts)) is verdict


WHEN = ("2026-01-02", "abc")
ROWS = [
    thorough.Row("tests, jax", Counter(passed=10, skipped=2), 90.0, *WHEN),
    thorough.Row("mutants, jax", Counter(passed=5, failed=1), 30.0, *WHEN),
]
TABLE = """2 cores:

| part | passed | failed | skipped | minutes | date | commit |
| --- | --- | --- | --- | --- | --- | --- |
| tests, jax | 10 | 0 | 2 | 1.5 | 2026-01-02 | abc |
| mutants, jax | 5 | 1 | 0 | 0.5 | 2026-01-02 | abc |
| all | 15 | 1 | 2 | 2.0 | | |"""


def test_the_table_has_a_row_for_each_part_and_one_for_all():
    assert thorough.markdown(ROWS, "2 cores") == TABLE


def test_a_table_is_read_as_it_was_written():
    found = thorough.read_table(TABLE)
    assert thorough.markdown(found, "2 cores") == TABLE
    assert thorough.read_table("") == []


def test_a_row_replaces_the_previous_row_of_its_part(tmp_path, monkeypatch):
    page = tmp_path / "testing.md"
    page.write_text(f"before\n{thorough.BEGIN}\n\n{thorough.END}\nafter\n", "utf-8")
    monkeypatch.setattr(thorough, "PAGE", page)
    for row in ROWS:
        thorough.write_table([row])
    thorough.write_table([dataclasses.replace(ROWS[0], commit="def")])
    text = page.read_text("utf-8")
    assert text.startswith(f"before\n{thorough.BEGIN}\n\n")
    assert text.endswith(f"| all | 15 | 1 | 2 | 2.0 | | |\n\n{thorough.END}\nafter\n")
    assert text.count("| tests, jax |") == 1
    assert "| tests, jax | 10 | 0 | 2 | 1.5 | 2026-01-02 | def |\n" in text
    assert "| mutants, jax | 5 | 1 | 0 | 0.5 | 2026-01-02 | abc |\n" in text


def test_each_backend_and_tool_is_a_part():
    found = thorough.parts(["jax", "torch"], lambda name: Counter(passed=len(name)))
    assert list(found) == [
        "tests, jax",
        "tests, torch",
        "mutants, jax",
        "sanitizer, address",
        "sanitizer, thread",
    ]
    assert found["tests, torch"]() == Counter(passed=5)


def test_the_page_has_a_place_for_the_table():
    text = thorough.PAGE.read_text("utf-8")
    assert text.index(thorough.BEGIN) < text.index(thorough.END)


def test_a_command_that_fails_without_a_count_is_a_failure(monkeypatch):
    counts = thorough.command("tests.mutants", "jax", "--no-such-option")
    assert counts == Counter(passed=0, failed=1, skipped=0)
