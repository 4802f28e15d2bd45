"""The finder's benchmark runs, and its recorded results justify the default rule."""

import json
import math
import runpy
import statistics
import sys
from pathlib import Path

import pytest
from support import BACKEND

from kerasched.finder.suggestions import DEFAULT
from kerasched.finder.suggestions import NAMES

FOLDER = Path(__file__).parents[2] / "benchmarks"
RESULT = json.loads((FOLDER / "results" / "finder.json").read_text("utf-8"))
CASES = [
    {"problem": problem, "optimizer": optimizer, "regrets": {"a": a, "b": b}}
    for problem, optimizer, a, b in [
        ("one", "SGD", 0.5, 0.0),
        ("one", "Adam", 0.5, 0.25),
        ("two", "SGD", 0.0, 0.5),
        ("two", "SGD", 0.25, 0.75),
    ]
]


@pytest.fixture
def script(monkeypatch):
    monkeypatch.setattr(sys, "path", [str(FOLDER), *sys.path])
    return lambda name: runpy.run_path(str(FOLDER / name))


@pytest.mark.host
@pytest.mark.parametrize(
    ("loss", "expected"),
    [
        (1.0, 0.0),
        (2.0, 0.25),  # With the best rate of the grid the loss decreases from 5 to 1.
        (5.0, 1.0),
        (9.0, 1.0),
        (0.5, -0.125),
        (math.nan, 1.0),
        (math.inf, 1.0),
    ],
)
def test_a_regret_is_the_missed_part_of_the_decrease(loss, expected, script):
    regret = script("finder_regret.py")["regret"]
    assert regret(loss, 5.0, [4.0, 1.0, math.nan, math.inf]) == expected


@pytest.mark.host
def test_regrets_are_means_over_the_seeds(script):
    assert script("bench_finder.py")["regrets"](CASES) == {
        ("one", "SGD"): {"a": 0.5, "b": 0.0},
        ("one", "Adam"): {"a": 0.5, "b": 0.25},
        ("two", "SGD"): {"a": 0.125, "b": 0.625},
    }


# Without "one", rule "a" is better. Its regret on "one" is 0.5.
@pytest.mark.host
def test_a_rule_is_judged_on_the_problem_left_out_of_its_selection(script):
    found = script("bench_finder.py")["left_out"](CASES)
    assert found == {"one": ("a", 0.5), "two": ("b", 0.625)}


@pytest.mark.slow
@pytest.mark.skipif(BACKEND == "tensorflow", reason="one of two backends is enough")
def test_a_small_run_has_the_structure_of_the_recorded_file(script):
    run = script("finder_regret.py")["run"]
    found = run("five problems", "wine", "Adam", 1, rates=[1e-3, 1e-2], steps=4)
    assert {"group": "five problems", **found}.keys() == RESULT["runs"][0].keys()
    assert tuple(found["regrets"]) == NAMES
    assert all(loss < found["first_loss"] for loss in found["grid"])


@pytest.mark.slow
@pytest.mark.skipif(BACKEND == "tensorflow", reason="one of two backends is enough")
def test_each_training_starts_from_the_same_state(script):
    training = script("finder_regret.py")["Training"]
    x, y, model, loss = script("finder_problems.py")["dropout"]()
    model.compile("adam", loss)
    model.optimizer.build(model.trainable_variables)
    start = model.evaluate(x[:64], y[:64], batch_size=64, verbose=0)
    one = training(model, x[:64], y[:64], 0, steps=4)
    assert one.loss() == start
    assert one.loss_after(0.01) == one.loss_after(0.01) != one.loss_after(0.02)


@pytest.mark.host
def test_the_default_is_the_rule_with_the_least_regret(script):
    bench = script("bench_finder.py")
    runs = [run for run in RESULT["runs"] if run["group"] == bench["FIVE"]]
    cases = bench["regrets"](runs)
    assert len(cases) == 10
    for mean in (statistics.mean, statistics.median, max):
        totals = {rule: mean(c[rule] for c in cases.values()) for rule in NAMES}
        assert min(totals, key=totals.get) == DEFAULT
    assert {rule for rule, _ in bench["left_out"](runs).values()} == {DEFAULT}


@pytest.mark.host
def test_the_page_has_the_recorded_numbers(script):
    page = (FOLDER.parent / "docs" / "finder.md").read_text("utf-8")
    for table in script("bench_finder.py")["markdown"](RESULT).split("\n\n"):
        assert table in page
