"""A run that is killed repeatedly ends with the same bits as an uninterrupted run."""

import json
import multiprocessing
import os
import random
import time
from pathlib import Path

import pytest
from support import BACKEND

from resuming.training import EPOCHS
from resuming.training import KINDS
from resuming.training import main

TESTS = str(Path(__file__).parents[1])
PATIENCE = 120.0


@pytest.fixture(scope="module")
def processes():
    """A context for processes that are forked from one that has only imported Keras."""
    context = multiprocessing.get_context("forkserver")
    before = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [TESTS, before]))
    context.set_forkserver_preload(["conftest", "resuming.training", "tensorflow"])
    yield context
    if before is None:
        del os.environ["PYTHONPATH"]
    else:
        os.environ["PYTHONPATH"] = before


class Training:
    """A training run in a child process, always started by the same call."""

    def __init__(self, context, kind, folder, epochs):
        self.files, self.result = folder / "backup", folder / "result.json"
        self.begun = folder / "begun"
        self.begun.unlink(missing_ok=True)
        arguments = (kind, str(self.files), str(self.result), epochs, str(self.begun))
        self.process = context.Process(target=main, args=arguments)
        self.process.start()

    def wait_until(self, what):
        """Wait for a condition, and return whether it was met before the run ended."""
        until = time.monotonic() + PATIENCE
        while not what():
            assert time.monotonic() < until
            if not self.process.is_alive():
                return what()
            time.sleep(0.001)
        return True

    def saves(self):
        return any(self.files.glob("*.part"))

    def kill(self):
        """Kill the process with SIGKILL, and return whether this interrupted a save."""
        self.process.kill()
        self.process.join()
        return self.saves()

    def ended(self):
        self.process.join(PATIENCE)
        assert self.process.exitcode == 0
        return json.loads(self.result.read_text(encoding="utf-8"))


def killed(context, kind, folder, epochs, kills, moments):
    """Return the final result, and the number of kills that interrupted a save."""
    inside = 0
    for number in range(kills):
        training = Training(context, kind, folder, epochs)
        if number % 5 == 0:  # During a save.
            assert training.wait_until(training.saves)
        elif number % 5 != 1:  # During training; the rest are killed at startup.
            assert training.wait_until(training.begun.exists)
        time.sleep(moments.uniform(0.0, 0.02 if number % 5 == 0 else 0.3))
        assert not training.result.exists(), "it ended before it was killed"
        inside += training.kill()
    return Training(context, kind, folder, epochs).ended(), inside


def check(processes, folder, kind, kills, epochs):
    for name in ("whole", "killed"):
        (folder / name).mkdir()
    whole = Training(processes, kind, folder / "whole", epochs).ended()
    moments = random.Random(kind)
    after, inside = killed(processes, kind, folder / "killed", epochs, kills, moments)
    assert after == whole
    assert inside > 0
    assert len(whole["record"]) == epochs


# One kill during a save, one while the process starts, and one in between. TensorFlow
# takes long to start, and saving is the same on each backend.
@pytest.mark.parametrize(
    "number", [pytest.param(3, marks=[pytest.mark.slow] * (BACKEND == "tensorflow"))]
)
def test_three_kills_change_nothing(number, processes, tmp_path):
    check(processes, tmp_path, "dataset", number, 2 * EPOCHS)


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_twenty_kills_change_nothing(kind, processes, tmp_path):
    check(processes, tmp_path, kind, 20, 8 * EPOCHS)
