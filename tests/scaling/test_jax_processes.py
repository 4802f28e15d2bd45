"""Several JAX processes train like one, and resume after some of them were killed."""

import pickle
import re
import shutil

import numpy as np
import pytest
from conftest import BACKEND

from kerasched.resuming.run_file import RunFiles
from scaling.launch import check
from scaling.launch import run
from scaling.training import EPOCHS
from scaling.training import PARTS
from scaling.training import ROUNDING as HALF
from scaling.training import train
from scaling.training import train_with_each_option

pytestmark = pytest.mark.skipif(BACKEND != "jax", reason="for JAX alone")

# Sums over processes are rounded in another order.
ROUNDING = 5e-7
CRASHED = 3  # The epoch in which processes crash.


class Run:
    """The results of several processes."""

    def __init__(self, folder, count):
        self.folder, self.count = folder, count

    def __call__(self, way):
        """Return the result of each process, by rank."""
        files = [self.folder / f"{way}-{rank}.pickle" for rank in range(self.count)]
        return [pickle.loads(file.read_bytes()) for file in files]

    def start(self, *ways):
        program = "jax_training.py"
        options = {"backend": "jax", "timeout": 120.0 * self.count}
        return run(program, self.count, self.folder, *ways, **options)


@pytest.fixture(scope="module")
def two(tmp_path_factory):
    """The results of two processes, before process 1 is killed and afterwards."""
    two = Run(tmp_path_factory.mktemp("jax"), 2)
    ways = ("whole", "apart", "different", "full", "parts", "rates", "not_a_number")
    two.ended = two.start(*ways, "killed")
    for way in ways:
        assert all((two.folder / f"{way}-{r}.pickle").exists() for r in (0, 1)), (
            two.ended[0].output + two.ended[1].output
        )
    shutil.copytree(two.folder / "shared", two.folder / "one")
    check(two.start("resumed"))
    return two


@pytest.fixture(scope="module")
def one(tmp_path_factory):
    """The result of one process with the same batches."""
    return train(range(PARTS), tmp_path_factory.mktemp("one"))


def assert_close(result, expected, names=("values", "losses", "rates")):
    for name in names:
        for ours, theirs in zip(result[name], expected[name], strict=True):
            np.testing.assert_allclose(ours, theirs, rtol=ROUNDING, atol=ROUNDING)


def assert_same(result, expected):
    for ours, theirs in zip(result["values"], expected["values"], strict=True):
        np.testing.assert_array_equal(ours, theirs)
    for name in ("losses", "rates", "plateau"):
        assert result[name] == expected[name]
    later = {e: d for e, d in expected["drawn"].items() if e in result["drawn"]}
    assert result["drawn"] == later


@pytest.mark.parametrize("way", ["whole", "parts"])
def test_two_processes_equal_one_with_the_same_batches(way, two, one):
    for result in two(way):
        assert_close(result, one)
        assert result["plateau"]["levels"] == one["plateau"]["levels"]


def test_all_processes_decide_alike(two):
    first, second = two("whole")
    assert_same({**second, "drawn": {}}, first)
    assert set(first["drawn"].values()).isdisjoint(second["drawn"].values())


@pytest.mark.parametrize("way", ["resumed", "apart"])
def test_a_crash_changes_nothing(way, two):
    for after, whole in zip(two(way), two("whole"), strict=True):
        assert_same(after, whole)
        assert list(after["drawn"]) == list(range(CRASHED, EPOCHS))


def test_the_others_name_the_process_that_died(two):
    survivor, dead = two.ended
    assert dead.code != 0
    assert survivor.code != 0
    # The message is JAX's and differs between versions.
    assert re.search(r"(?i)\btask:? ?1\b", survivor.output)
    assert "did not end" not in survivor.output


def test_another_number_of_processes_restores_the_model(two, one):
    folder = two.folder / "one"
    assert RunFiles(folder).epochs() == [CRASHED, CRASHED - 1]
    with pytest.warns(UserWarning, match="with 1 process from a backup of 2 processes"):
        result = train(range(PARTS), folder)
    assert result["losses"][:CRASHED] == two("whole")[0]["losses"][:CRASHED]
    assert_close(result, one, ["rates"])
    assert list(result["drawn"]) == list(range(CRASHED, EPOCHS))


def test_another_schedule_in_one_process_is_an_error_in_all(two):
    for text in two("different"):
        assert "process 1 differs from process 0 in `learning_rate` of opt" in text
        assert "0.1" in text.partition(" instead of ")[0]


def test_a_full_disk_of_one_process_ends_all(two):
    first, second = two("full")
    assert first.startswith("OtherProcessError: Process 1 of 2 has failed")
    assert second.startswith("OSError: BackupAndRestore cannot save epoch 1")
    assert "No space left on device" in first
    assert RunFiles(two.folder / "full").epochs(".process-1-of-2") == [1]


def test_nan_is_assigned_like_any_number(two):
    for array in two("not_a_number"):
        assert np.isnan(array).all()


def test_rates_are_found_and_set_as_in_one_process(two):
    first, second = two("rates")
    assert first["losses"] == second["losses"]
    for ours, theirs in zip(first["values"], second["values"], strict=True):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.slow
def test_each_option_equals_one_process(tmp_path):
    two = Run(tmp_path, 2)
    check(two.start("options"))
    one = train_with_each_option(range(PARTS))
    for result in two("options"):
        for name, values in one.items():
            within = HALF.get(name, ROUNDING)
            for ours, theirs in zip(result[name], values, strict=True):
                np.testing.assert_allclose(ours, theirs, rtol=within, atol=within)


@pytest.mark.slow
def test_the_others_end_if_the_coordinator_dies(tmp_path):
    dead, survivor = Run(tmp_path, 2).start("coordinator_killed")
    assert dead.code != 0
    assert survivor.code != 0
    assert "did not end" not in survivor.output


@pytest.mark.slow
def test_four_processes_resume_from_two(two, one, tmp_path):
    shutil.copytree(two.folder / "whole", tmp_path / "shared")
    for path in (tmp_path / "shared").glob(f"epoch-{EPOCHS:06d}*"):
        path.unlink()
    four = Run(tmp_path, 4)
    ended = four.start("whole", "parts", "apart", "resumed")
    check(ended)
    for way in ("whole", "parts", "apart"):
        for result in four(way):
            assert_close(result, one)
    for after, whole in zip(four("apart"), four("whole"), strict=True):
        assert_same(after, whole)
    assert "with 4 processes from a backup of 2 processes" in ended[0].output
    for result in four("resumed"):
        assert result["losses"][: EPOCHS - 1] == two("whole")[0]["losses"][:-1]
