"""A model in DistributedDataParallel trains as in one process with the whole batch."""

import pickle
import re

import keras
import numpy as np
import pytest
from conftest import BACKEND

from scaling.launch import check
from scaling.launch import run
from scaling.own_loop import EPOCHS
from scaling.own_loop import alone
from scaling.own_loop import train
from scaling.training import OPTIONS
from scaling.training import PARTS
from scaling.training import ROUNDING as HALF
from scaling.training import Parts
from scaling.training import make_model

pytestmark = pytest.mark.skipif(BACKEND != "torch", reason="needs torch")

# The mean of a batch is rounded differently than the mean of its parts' means.
ROUNDING = 2e-7
ENDS = ("process-0-of-2.run", "process-1-of-2.run", "run")


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """The results of two processes, by function and rank."""
    folder = tmp_path_factory.mktemp("torch")
    ways = ("plain", "options", "whole", "resumed", "plateau", "fit")
    check(run("torch_training.py", 2, folder, *ways, backend="torch"))
    files = {path.stem: path for path in folder.glob("*.pickle")}
    found = {name: pickle.loads(path.read_bytes()) for name, path in files.items()}
    written = {name: (folder / name).iterdir() for name in ("shared", "fit")}
    found |= {
        f"written by {name}": sorted(path.name for path in paths)
        for name, paths in written.items()
    }
    return found


@pytest.mark.parametrize("name", OPTIONS)
def test_two_processes_equal_one_with_the_whole_batch(name, results):
    one = train(range(PARTS), alone, epochs=1, **OPTIONS[name])["values"]
    for two in (results["options-0"][name], results["options-1"][name]):
        for ours, theirs in zip(one, two, strict=True):
            within = HALF.get(name, ROUNDING)
            np.testing.assert_allclose(ours, theirs, rtol=within, atol=within)


@pytest.mark.parametrize("rank", [0, 1])
def test_a_crashed_loop_resumes_exactly(rank, results):
    whole, resumed = results[f"whole-{rank}"], results[f"resumed-{rank}"]
    for before, after in zip(whole["values"], resumed["values"], strict=True):
        np.testing.assert_array_equal(before, after)
    # The logs before the crash are those of process 0, the later ones each process's.
    expected = results["whole-0"]["record"][: EPOCHS - 1] + whole["record"][-1:]
    assert resumed["record"] == expected
    assert resumed["drawn"] == {EPOCHS - 1: whole["drawn"][EPOCHS - 1]}


def test_process_0_writes_the_model_and_each_process_its_own_part(results):
    names = [f"epoch-00000{n}.{end}" for n in (EPOCHS - 1, EPOCHS) for end in ENDS]
    assert results["written by shared"] == names


@pytest.mark.parametrize("rank", [0, 1])
def test_fit_without_ddp_warns_once(rank, results):
    (text,) = results[f"plain-{rank}"]
    assert re.match("fit trains a replica of its own in each process of torch", text)


def test_the_plateau_uses_the_mean_over_processes(results):
    first, second = results["plateau-0"], results["plateau-1"]
    assert first == second
    assert first["levels"] == [1.0]


def test_fit_with_a_train_step_that_calls_ddp_equals_one_process(results):
    one = make_model(dropout=0.0)
    one.fit(Parts(range(PARTS)), shuffle=False, verbose=0)
    for weights in (results["fit-0"], results["fit-1"]):
        for ours, theirs in zip(weights, one.get_weights(), strict=True):
            np.testing.assert_allclose(ours, theirs, rtol=ROUNDING, atol=ROUNDING)
    assert results["written by fit"] == [f"epoch-000001.{end}" for end in ENDS]


def test_no_warning_in_one_process(recwarn):
    model = keras.Sequential([keras.layers.Input((2,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    model.fit(np.ones((4, 2)), np.ones((4, 1)), verbose=0)
    assert not [one for one in recwarn if "replica" in str(one.message)]
