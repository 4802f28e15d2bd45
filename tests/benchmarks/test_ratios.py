"""The arithmetic of the benchmarks: shapes, intervals, floors, tables."""

import importlib
import json
import math
import re
import runpy
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.host

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "benchmarks"


@pytest.fixture
def modules(monkeypatch):
    """Return a function that imports a module of the benchmarks."""
    monkeypatch.syspath_prepend(str(FOLDER))
    yield importlib.import_module
    for name in {path.stem for path in FOLDER.glob("*.py")}:
        sys.modules.pop(name, None)


# torchvision's ResNet-50 has 25,557,032 parameters in 161 tensors, as published.
def test_the_shapes_are_those_of_resnet_50(modules):
    shapes = modules("resnet").shapes()
    assert len(shapes) == 161
    assert sum(map(math.prod, shapes)) == 25_557_032


# At most 3 of 15 coin tosses are heads with probability 576 / 32768 = 1.8 %, and at
# most 4 with 5.9 %. So the interval is from the 4th lowest to the 4th highest.
def test_the_interval_of_15_pairs_is_from_the_4th_to_the_12th(modules):
    numbers = [float(n) for n in range(15, 0, -1)]
    found = modules("ratios").interval(numbers)
    assert found == {"median": 8.0, "low": 4.0, "high": 12.0, "pairs": 15}


@pytest.mark.parametrize("count", [1, 2, 5])
def test_the_interval_of_few_pairs_is_all_of_them(modules, count):
    found = modules("ratios").interval([float(n) for n in range(count)])
    assert (found["low"], found["high"]) == (0.0, count - 1.0)


def test_functions_take_turns(modules):
    calls = []
    functions = {name: lambda name=name: calls.append(name) for name in "ab"}
    seconds = modules("ratios").taking_turns(functions, 3)
    assert "".join(calls) == "baabbaabba"
    assert {name: len(times) for name, times in seconds.items()} == {"a": 3, "b": 3}


def test_a_row_divides_by_our_time_of_the_same_round(modules):
    row = modules("ratios").row({"x": 1}, {"keras": [2.0, 9.0], "ours": [1.0, 3.0]})
    assert row["ratios"]["keras"]["median"] == 2.5
    assert (row["x"], row["seconds"]["ours"]["max"]) == (1, 3.0)


CASE = ("update", "jax", "jit", "resnet", "accumulation")


def example(low, high, pairs=15, peer="keras"):
    keys = ("benchmark", "backend", "way", "model", "option")
    ratio = {"median": (low + high) / 2, "low": low, "high": high, "pairs": pairs}
    seconds = dict.fromkeys((peer, "ours"), {"median": 1.0, "min": 0.5, "max": 2.0})
    row = dict(zip(keys, CASE, strict=True))
    return {**row, "ratios": {peer: ratio}, "seconds": seconds}


# The floor of this case is 8.
@pytest.mark.parametrize(
    ("low", "high", "pairs", "verdict"),
    [
        (8.0, 9.0, 15, "met"),
        (7.9, 8.0, 15, "met, within the noise"),
        (7.0, 7.9, 15, "MISSED"),
        (7.0, 7.9, 14, "too few pairs"),
    ],
)
def test_a_floor_is_missed_by_a_whole_interval_of_15_pairs(
    modules, low, high, pairs, verdict
):
    floors = modules("floors")
    rows = [floors.judged(example(low, high, pairs))]
    assert rows[0]["ratios"]["keras"]["verdict"] == verdict
    missed = floors.missed(rows)
    assert len(missed) == (verdict == "MISSED")
    assert all("7.45 (7.00 to 7.90), floor 8.00" in line for line in missed)


@pytest.mark.parametrize(("ours", "lines"), [(111, 1), (110, 0), (90, 0)])
def test_a_peak_memory_more_than_a_tenth_higher_misses_its_limit(modules, ours, lines):
    floors = modules("floors")
    row = floors.judged(example(8.0, 9.0))
    missed = floors.missed([{**row, "peak_bytes": {"ours": ours, "keras": 100}}])
    assert len(missed) == lines
    assert all("peak memory 1.11 of Keras's, at most 1.10" in m for m in missed)


def test_there_are_no_floors_against_other_libraries(modules):
    rows = [modules("floors").judged(example(0.1, 0.2, peer="optax"))]
    assert rows[0]["ratios"]["optax"]["floor"] is None
    assert len(modules("floors").lost(rows)) == 1


def test_the_limit_is_no_peer_that_is_faster(modules):
    rows = [modules("floors").judged(example(0.8, 0.9, peer="limit"))]
    assert (rows[0]["ratios"]["limit"]["floor"], len(rows)) == (None, 1)
    assert modules("floors").lost(rows) == []


def test_a_model_below_a_threshold_is_no_loss(modules):
    row = {**example(0.8, 0.9), "benchmark": "thresholds"}
    rows = [modules("floors").judged(row)]
    assert modules("floors").missed(rows) == modules("floors").lost(rows) == []


def test_every_floor_belongs_to_a_case_that_runs(modules):
    floors, cases = modules("floors"), modules("cases")
    every = {*cases.CASES, *cases.SCALED, "first call"}
    options = {"roofline": {*modules("bench_roofline").RULES}}
    for benchmark, _, _, model, option, _ in floors.FLOORS:
        assert option in options.get(benchmark, every)
        source = (FOLDER / f"bench_{benchmark}.py").read_text(encoding="utf-8")
        assert f'"{model}"' in source


def schedules(steps, **seconds):
    rows = [
        {"schedule": k, "seconds": {"min": v}, "cosine_seconds": {"min": 0.5}}
        for k, v in seconds.items()
    ]
    return {"steps": steps, "evaluate": rows}


def test_a_million_steps_take_no_longer_than_six_cosines(modules):
    missed = modules("floors").slow_schedules
    found = missed(schedules(1_000_000, step=3.0, cosine=3.01))
    assert found == ["cosine: 6.02 times numpy.cos, at most 6.00"]


def test_few_steps_are_not_judged(modules):
    assert modules("floors").slow_schedules(schedules(999_999, step=9.0)) == []


def test_the_recorded_schedules_meet_their_floors(modules):
    text = (FOLDER / "results" / "schedule.json").read_text("utf-8")
    result = json.loads(text)
    assert len(result["evaluate"]) > 30
    assert modules("floors").slow_schedules(result) == []


def speeds(low, high, floor):
    row = example(low, high)
    row["ratios"]["keras"]["floor"] = floor
    versions = dict.fromkeys(("keras", "tensorflow", "jax", "torch"), "1.0")
    machine = {"cpu": "A processor", "cores": 2}
    return {"rows": [row], "machine": machine, "versions": versions, "date": "2026"}


@pytest.mark.parametrize(
    ("low", "high", "floor", "shown"),
    [(2, 3, 1.5, True), (2, 3, 0.97, False), (0.8, 0.9, 0.97, True)],
)
def test_the_table_of_speeds_shows_floors_and_losses(low, high, floor, shown):
    table = runpy.run_path(str(ROOT / "docs" / "tables.py"))["speed_table"]
    text = table(speeds(low, high, floor))
    middle = f"{(low + high) / 2:.2f} ({low:.2f} to {high:.2f})"
    row = f"| jax, jit | resnet | accumulation | 1,000 ms | 1,000 ms | {middle} |"
    assert (row in text) == shown
    assert "A processor, 2 cores" in text


def test_a_table_of_speeds_is_written_after_the_line_that_names_its_file():
    tables = runpy.run_path(str(ROOT / "docs" / "tables.py"))
    begin = "<!-- speed of a/b.json: written by docs/tables.py -->\n"
    text = f"before\n{begin}old\n<!-- speed: end -->\nafter"
    found = re.search(tables["SPEEDS"], text, re.DOTALL)
    assert (found[2], found[0][-18:]) == ("a/b.json", "<!-- speed: end -->"[-18:])


@pytest.mark.parametrize(
    ("after", "fell"),
    [
        ([2.1, 2.2, 2.0, 2.3, 2.1, 2.2], False),
        ([1.9, 2.2, 1.8, 2.1, 1.9, 2.0], False),
        ([1.5, 1.6, 1.4, 1.7, 1.5, 1.6], True),
    ],
)
def test_a_commit_is_a_regression_if_it_is_slower_in_all_turns(modules, after, fell):
    before = [2.1, 2.2, 2.0, 2.3, 2.1, 2.2]
    found = modules("bench_commits").compared({"before": before, "after": after})
    assert found["fell"] is fell


def test_the_page_has_the_measured_costs_of_an_update(modules):
    text = (FOLDER / "results" / "scaling.json").read_text(encoding="utf-8")
    page = (ROOT / "docs" / "scaling.md").read_text(encoding="utf-8")
    assert modules("bench_scaling").markdown(json.loads(text)["rows"]) in page
