"""The callbacks' benchmark runs, and its recorded results are within the limits."""

import json
import runpy
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[2] / "benchmarks"
RESULT = json.loads((FOLDER / "results" / "callbacks.json").read_text("utf-8"))
SETTERS = "EpochSchedule(schedule, steps)"  # It assigns a variable for each batch.


@pytest.mark.slow
def test_a_small_run_has_the_structure_of_the_recorded_file(monkeypatch):
    monkeypatch.setattr(sys, "path", [str(FOLDER), *sys.path])
    costs = runpy.run_path(str(FOLDER / "callback_costs.py"))
    result = {
        "recompile": costs["recompile"](1),
        "fit": costs["in_fit"](2, batches=2),
        "hooks": costs["hooks"](100),
    }
    for kept in RESULT["backends"].values():
        assert set(kept) == set(result)
        assert set(kept["fit"]) == set(result["fit"])
        assert [row["callback"] for row in kept["hooks"]] == [
            row["callback"] for row in result["hooks"]
        ]
    changed = result["recompile"]["step_after_a_change"]
    assert 0.0 < changed["min"] <= changed["median"]


@pytest.mark.host
def test_the_recorded_numbers_are_within_the_limits():
    assert set(RESULT["backends"]) == {"tensorflow", "jax", "torch"}
    for kept in RESULT["backends"].values():
        assert kept["fit"]["low"] <= 1.02
        for row in kept["hooks"]:
            assert row["callback"] == SETTERS or row["microseconds"] <= 5.0


@pytest.mark.host
def test_the_page_has_the_recorded_numbers():
    bench = runpy.run_path(str(FOLDER / "bench_callbacks.py"))
    page = (FOLDER.parent / "docs" / "callbacks.md").read_text("utf-8")
    assert bench["markdown"](RESULT["backends"]) in page
