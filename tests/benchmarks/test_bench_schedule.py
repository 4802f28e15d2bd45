"""The schedules' benchmark runs, and its recorded results are complete."""

import json
from pathlib import Path

import pytest
from support import BACKEND
from support import EXAMPLES
from support import INSTALLED
from support import run_python

ROOT = Path(__file__).parents[2]
RESULT = ROOT / "benchmarks" / "results" / "schedule.json"
RUN = """
import runpy
runpy.run_path({!r}, run_name="__main__")
""".format(str(ROOT / "benchmarks" / "bench_schedule.py"))
KEYS = {"date", "machine", "versions", "threads", "notes", "steps", "rounds"}
KEYS |= {"left_out", "evaluate"}
TABLES = {"tensorflow": "graph", "jax": "fusions", "torch": "torch"}
SPREAD = {"median", "min", "max"}


def bench(output, *options):
    small = ("--steps", 1000, "--rounds", 1, "--output", output)
    done = run_python(RUN, arguments=(*small, *options))
    return done.stdout, json.loads(output.read_text(encoding="utf-8"))


def check(result):
    assert set(result["machine"]) == {"cpu", "cores", "isa", "system"}
    names = {"python", "kerasched", "keras", "numpy", "tensorflow", "jax", "torch"}
    assert set(result["versions"]) == names
    rows = {row["schedule"]: row for row in result["evaluate"]}
    assert set(rows) | set(result["left_out"]) == set(EXAMPLES)
    for row in rows.values():
        assert set(row["seconds"]) == set(row["cosine_seconds"]) == SPREAD
        ratio = row["seconds"]["median"] / row["cosine_seconds"]["median"]
        assert row["ratio_to_cosine"] == ratio


@pytest.mark.slow
@pytest.mark.host
def test_a_run_without_backends(tmp_path):
    output, result = bench(tmp_path / "a.json", "--backend-less", "--note", "A note.")
    assert set(result) == KEYS
    check(result)
    assert result["notes"][-1] == "A note."
    assert (result["steps"], result["rounds"]) == (1000, 1)
    assert "| warmup | " in output
    assert "Left out: `from_function`" in output


@pytest.mark.slow
@pytest.mark.skipif(
    BACKEND != "jax", reason="runs once, as it starts every backend itself"
)
def test_a_run_on_every_backend(tmp_path):
    _, result = bench(tmp_path / "a.json")
    tables = {TABLES[name] for name in INSTALLED}
    assert set(result) == KEYS | tables
    check(result)
    assert len(result.get("graph", range(15))) == 15
    assert len(result.get("fusions", result["evaluate"])) == len(result["evaluate"])
    for row in result.get("torch", []):
        assert row["torch_steps_timed"] * row["torch_scaled_by"] == 1000


@pytest.mark.host
def test_the_recorded_file_is_from_this_benchmark():
    result = json.loads(RESULT.read_text(encoding="utf-8"))
    assert set(result) == KEYS | set(TABLES.values())
    assert (result["steps"], len(result["torch"])) == (1_000_000, 3)
    check(result)


@pytest.mark.host
def test_the_page_gives_the_measured_range():
    rows = json.loads(RESULT.read_text(encoding="utf-8"))["evaluate"]
    ratios = [row["ratio_to_cosine"] for row in rows]
    text = (ROOT / "docs" / "speed.md").read_text(encoding="utf-8")
    assert f"take {min(ratios):.1f} to {max(ratios):.1f} times as long" in text
