"""The benchmark that counts collective operations, and its recorded results."""

import json
import runpy
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.host

FOLDER = Path(__file__).parents[2] / "benchmarks"
RESULT = FOLDER / "results" / "collectives.json"
ROW = {
    "layout": "rows over 4",
    "option": "plain",
    "ours": {"all-gather": 1, "all-reduce": 2, "collective-permute": 3},
    "keras": {"all-gather": 4, "all-reduce": 5, "collective-permute": 6},
}
for _found in (ROW["ours"], ROW["keras"]):
    _found.update({"all-to-all": 0, "reduce-scatter": 0, "bytes": 7})


@pytest.fixture(name="bench")
def _bench(monkeypatch):
    monkeypatch.setattr(sys, "path", list(sys.path))
    return runpy.run_path(str(FOLDER / "bench_collectives.py"))


def test_a_line_has_our_counts_before_those_of_keras(bench):
    *_, line = bench["markdown"]([ROW]).splitlines()
    assert line == "| rows over 4 | plain | 1, 4 | 2, 5 | 3, 6 | 0, 0 | 0, 0 | 7, 7 |"


def test_the_recorded_steps_have_no_more_collectives_than_those_of_keras(bench):
    rows = json.loads(RESULT.read_text(encoding="utf-8"))["rows"]
    assert {row["layout"] for row in rows} == set(bench["LAYOUTS"])
    assert {row["option"] for row in rows} == set(bench["OPTIONS"])
    more = [
        (row["layout"], row["option"], name)
        for row in rows
        for name, count in row["ours"].items()
        if name != "bytes" and count > row["keras"][name]
    ]
    assert more == []
