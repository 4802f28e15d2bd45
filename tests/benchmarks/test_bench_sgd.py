"""The benchmarks of the optimizer run, and their files say what they must."""

import json
from pathlib import Path

import pytest
from support import BACKEND
from support import run_python

FOLDER = Path(__file__).parents[2] / "benchmarks"
KEYS = {"date", "machine", "versions", "kernel", "notes", "rounds", "rows"}
KEYS |= {"missed", "lost"}
WAYS = {
    "tensorflow": ["graph", "xla", "eager"],
    "jax": ["jit"],
    "torch": ["eager"],
}[BACKEND]
PEERS = {
    "tensorflow": {"keras", "ResourceApplyKerasMomentum"},
    "jax": {"keras", "optax"},
    "torch": {"keras", "torch foreach", "torch fused"},
}[BACKEND]


def bench(name, output, *options, check=True):
    """Run a benchmark in three rounds, and return what it printed and kept."""
    path = str(FOLDER / f"bench_{name}.py")
    code = f"import runpy; runpy.run_path({path!r}, run_name='__main__')"
    given = ("--rounds", 3, "--output", output, *options)
    done = run_python(code, arguments=given, check=check)
    return done, json.loads(output.read_text(encoding="utf-8"))


def test_an_update_is_timed(tmp_path):
    given = ("--backend", BACKEND, "--options", "momentum", "--tensors", "tiny")
    done, result = bench("update", tmp_path / "a.json", *given, "--note", "A note.")
    assert set(result) == KEYS
    assert result["notes"][-1] == "A note."
    assert [row["way"] for row in result["rows"]] == WAYS
    assert set(result["rows"][0]["ratios"]) == PEERS
    assert f"| {BACKEND} | {WAYS[0]} | tiny | momentum | keras |" in done.stdout


def test_rows_are_added_to_those_of_other_cases(tmp_path):
    output = tmp_path / "a.json"
    given = ("--backend", BACKEND, "--tensors", "tiny", "--options")
    _, first = bench("update", output, *given, "momentum")
    _, second = bench("update", output, *given, "momentum", "nesterov", "--add")
    cases = [(row["way"], row["option"]) for row in second["rows"]]
    assert cases == [(w, o) for o in ("momentum", "nesterov") for w in WAYS]
    assert second["rows"][0]["seconds"] != first["rows"][0]["seconds"]
    text = output.read_text(encoding="utf-8")
    output.write_text(text.replace('"cores": ', '"cores": 1'), encoding="utf-8")
    done, _ = bench("update", output, *given, "momentum", "--add", check=False)
    assert "no row can be added to one of another machine" in done.stderr


def test_one_that_gives_other_weights_is_not_timed():
    code = f"""
import sys; sys.path.insert(0, {str(FOLDER)!r})
from tensors import agree, arrays
start = arrays("tiny", 1)
moved = [w + 1e-3 for w in start]
agree("tiny", {{"keras": moved, "ours": [w + 2e-6 for w in moved]}})
print("agreed")
agree("tiny", {{"keras": moved, "ours": [w + 2e-5 for w in moved]}})
"""
    done = run_python(code, check=False)
    assert done.stdout == "agreed\n"
    assert "ours gives other weights than Keras" in done.stderr


def test_what_was_measured_before_a_failure_is_kept(tmp_path):
    given = ("--backend", BACKEND, "--options", "momentum", "--tensors", "tiny", "none")
    code = f"""
import sys; sys.path.insert(0, {str(FOLDER)!r})
import tensors; tensors.TENSORS["none"] = None
import runpy; runpy.run_path({str(FOLDER / "bench_update.py")!r}, run_name="__main__")
"""
    output = tmp_path / "a.json"
    given = ("--rounds", 3, "--output", output, *given)
    done = run_python(code, arguments=given, check=False)
    assert f"update_{BACKEND}.rows failed on {BACKEND}" in done.stderr
    result = json.loads(output.read_text(encoding="utf-8"))
    assert [row["way"] for row in result["rows"]] == WAYS


@pytest.mark.slow
def test_a_fit_is_timed(tmp_path):
    given = ("--backend", BACKEND, "--models", "tiny", "--steps", 3)
    _, result = bench("fit", tmp_path / "a.json", *given, check=False)
    assert set(result) == KEYS
    for row in result["rows"]:
        assert set(row["ratios"]) == {"keras"}
        assert min(row["peak_bytes"].values()) > 2**20


@pytest.mark.skipif(BACKEND != "jax", reason="it uses no backend")
def test_the_kernel_is_timed_beside_a_loop(tmp_path):
    _, result = bench("roofline", tmp_path / "a.json", "--tensors", "tiny")
    (row,) = result["rows"]
    assert set(row["ratios"]) == {"loop"}
    assert set(row["gb_per_s"]) == {"ours", "loop", "add"}
