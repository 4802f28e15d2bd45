"""Each test file runs in exactly one process, and the output of a process is parsed."""

from pathlib import Path

import pytest

from tests import processes

pytestmark = pytest.mark.host

FOLDER = Path(__file__).parent


@pytest.mark.parametrize("backend", ["tensorflow", "jax", "torch"])
def test_each_file_is_in_one_part(backend):
    files = [file for job in processes.jobs(backend, []) for file in job.files]
    assert len(files) == len(set(files))
    assert set(files) == set(FOLDER.rglob("test_*.py"))


def test_pytest_takes_no_other_file_for_tests():
    assert not list(FOLDER.rglob("*_test.py"))


@pytest.mark.parametrize(
    ("lengths", "expected"),
    [
        ((1, 1, 1, 1, 1), [[10, 1], [9, 2], [8, 3], [7, 4], [6, 5]]),
        ((2, 2, 1), [[10, 6, 5, 1], [9, 7, 4, 2], [8, 3]]),
    ],
)
def test_parts_take_times_of_the_given_proportions(lengths, expected):
    seconds = {Path(str(n)): float(n) for n in (1, 2, 3, 4, 5, 6, 7, 8, 9, 10)}
    dealt = processes.parts(seconds, lengths)
    assert [[int(str(file)) for file in part] for part in dealt] == expected


def counted(body, folder, xla_flags=""):
    """Return the counts of a test file that consists of `body`."""
    (folder / "test_it.py").write_text(body, "utf-8")
    (folder / "pytest.ini").write_text("[pytest]", "utf-8")
    options = ("--rootdir", str(folder), "-c", str(folder / "pytest.ini"))
    job = processes.Job("jax", 1, (folder / "test_it.py",), options, xla_flags)
    return processes.run_one(job, folder, False)


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
    assert counted(body, tmp_path) == counts


def test_a_process_gets_the_flags_of_xla(tmp_path, monkeypatch):
    monkeypatch.setenv("XLA_FLAGS", "--xla_of_the_user=1")
    expected = f"{processes.QUICK_XLA} --xla_of_the_user=1"
    body = f"import os\ndef test_a(): assert os.environ['XLA_FLAGS'] == {expected!r}"
    assert counted(body, tmp_path, processes.QUICK_XLA)["passed"] == 1
    assert counted(body, tmp_path)["failed"] == 1


def test_the_last_line_reports_the_peak_memory():
    output = ["...\n", "most memory held: 120 MB\n", "3 passed in 0.1s\n"]
    assert processes.ending(output) == "3 passed in 0.1s, most memory held: 120 MB"
