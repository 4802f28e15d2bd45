"""Each file of tests is in one process, and what a process says is read."""

from pathlib import Path

import pytest

from tests import processes

pytestmark = pytest.mark.host

FOLDER = Path(__file__).parent


def test_each_file_is_in_one_part():
    files = [file for part in processes.parts(processes.test_files()) for file in part]
    assert len(files) == len(set(files))
    assert set(files) == set(FOLDER.rglob("test_*.py"))


def test_pytest_takes_no_other_file_for_tests():
    assert not list(FOLDER.rglob("*_test.py"))


def test_the_first_files_are_in_different_parts():
    numbered = [Path(str(number)) for number in range(12)]
    dealt = [[int(str(file)) for file in part] for part in processes.parts(numbered)]
    assert dealt == [[0, 9, 10], [1, 8, 11], [2, 7], [3, 6], [4, 5]]


def job(file, *options):
    return processes.Job("jax", 1, (file,), options)


@pytest.mark.parametrize(
    ("body", "counts"),
    [
        ("def test_a(): pass", {"passed": 1, "failed": 0, "skipped": 0}),
        ("def test_a(): assert 0", {"passed": 0, "failed": 1, "skipped": 0}),
        ("", {"passed": 0, "failed": 0, "skipped": 0}),
        ("import nothing_of_this_name", {"passed": 0, "failed": 1, "skipped": 0}),
        ("import os; os._exit(3)", {"passed": 0, "failed": 1, "skipped": 0}),
        (
            "import pytest; pytestmark = pytest.mark.skip\ndef test_a(): pass",
            {"passed": 0, "failed": 0, "skipped": 1},
        ),
    ],
)
def test_a_process_is_counted(body, counts, tmp_path):
    file = tmp_path / "test_it.py"
    file.write_text(body, "utf-8")
    options = ("--rootdir", str(tmp_path), "-c", str(tmp_path / "pytest.ini"))
    (tmp_path / "pytest.ini").write_text("[pytest]", "utf-8")
    assert processes.run_one(job(file, *options), tmp_path, False) == counts


def test_the_ending_tells_the_most_memory():
    output = ["...\n", "most memory held: 120 MB\n", "3 passed in 0.1s\n"]
    assert processes.ending(output) == "3 passed in 0.1s, most memory held: 120 MB"
