"""The thorough tier counts what its parts print, and writes its table into the page."""

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


ROWS = [
    thorough.Row("tests, jax", Counter(passed=10, skipped=2), 90.0),
    thorough.Row("mutants, jax", Counter(passed=5, failed=1), 30.0),
]


def test_the_table_has_a_row_for_each_part_and_one_for_all():
    assert thorough.markdown(ROWS, "2026-01-02", "abc", "2 cores").splitlines() == [
        "2026-01-02, commit abc, 2 cores:",
        "",
        "| part | passed | failed | skipped | minutes |",
        "| --- | --- | --- | --- | --- |",
        "| tests, jax | 10 | 0 | 2 | 1.5 |",
        "| mutants, jax | 5 | 1 | 0 | 0.5 |",
        "| all | 15 | 1 | 2 | 2.0 |",
    ]


def test_the_table_takes_the_place_of_the_one_before(tmp_path, monkeypatch):
    page = tmp_path / "testing.md"
    page.write_text(f"before\n{thorough.BEGIN}\nold\n{thorough.END}\nafter\n", "utf-8")
    monkeypatch.setattr(thorough, "PAGE", page)
    for _ in range(2):
        thorough.write_table(ROWS)
    text = page.read_text("utf-8")
    assert text.startswith(f"before\n{thorough.BEGIN}\n\n")
    assert text.endswith(f"| all | 15 | 1 | 2 | 2.0 |\n\n{thorough.END}\nafter\n")
    assert "old" not in text
    assert text.count("| tests, jax |") == 1


def test_the_page_has_a_place_for_the_table():
    text = thorough.PAGE.read_text("utf-8")
    assert text.index(thorough.BEGIN) < text.index(thorough.END)


def test_a_command_that_fails_without_a_count_is_a_failure(monkeypatch):
    counts = thorough.command("tests.mutants", "jax", "--no-such-option")
    assert counts == Counter(passed=0, failed=1, skipped=0)
