"""The optimizers' benchmarks run, and their recorded results are complete."""

import importlib
import json
import sys
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


@pytest.fixture
def modules(monkeypatch):
    """Return a function that imports a module of the benchmarks."""
    monkeypatch.syspath_prepend(str(FOLDER))
    before = set(sys.modules)
    yield importlib.import_module
    for name in set(sys.modules) - before:
        if str(FOLDER) in (getattr(sys.modules[name], "__file__", None) or ""):
            del sys.modules[name]


def bench(name, output, *options, check=True):
    """Run a benchmark in three rounds, and return its output and its results."""
    path = str(FOLDER / f"bench_{name}.py")
    code = f"import runpy; runpy.run_path({path!r}, run_name='__main__')"
    given = ("--rounds", 3, "--output", output, *options)
    done = run_python(code, arguments=given, check=check)
    return done, json.loads(output.read_text(encoding="utf-8"))


@pytest.mark.slow
def test_an_update_is_timed(tmp_path):
    given = ("--backend", BACKEND, "--options", "momentum", "--tensors", "tiny")
    done, result = bench("update", tmp_path / "a.json", *given, "--note", "A note.")
    assert set(result) == KEYS
    assert result["notes"][-1] == "A note."
    assert [row["way"] for row in result["rows"]] == WAYS
    assert set(result["rows"][0]["ratios"]) == PEERS | {"limit"}
    assert f"| {BACKEND} | {WAYS[0]} | tiny | momentum | keras |" in done.stdout


@pytest.fixture
def update(modules, monkeypatch, tmp_path):
    """Return a function that runs the benchmark here with made-up measurements."""
    bench_update, report = modules("bench_update"), modules("report")
    numbers = iter(range(1, 1000))

    def call(backend, module, function, given):
        if function == "kernel":
            return {"isa": "x", "threads": 1}
        if given["tensors"] == "small":
            raise SystemExit("small failed")
        ratio = {"median": 9.0, "low": 9.0, "high": 9.0, "pairs": 3}
        times = dict.fromkeys(("median", "min", "max"), float(next(numbers)))
        seconds, ratios = dict.fromkeys(("keras", "ours"), times), {"keras": ratio}
        case = {"backend": backend, "model": given["tensors"]}
        case |= {"option": given["option"], "seconds": seconds}
        return [{**case, "way": way, "ratios": dict(ratios)} for way in WAYS]

    monkeypatch.setattr(bench_update, "call", call)
    monkeypatch.setattr(report, "call", call)
    output = tmp_path / "a.json"

    def run(*options):
        given = ("--backend", BACKEND, "--output", output, *options)
        monkeypatch.setattr(sys, "argv", ["bench_update", *map(str, given)])
        assert bench_update.main() == 0
        return json.loads(output.read_text(encoding="utf-8"))

    run.output = output
    return run


@pytest.mark.slow
@pytest.mark.host
def test_rows_are_added_to_the_rows_of_other_cases(update):
    given = ("--tensors", "tiny", "--options")
    first = update(*given, "momentum")
    second = update(*given, "momentum", "nesterov", "--add")
    cases = [(row["way"], row["option"]) for row in second["rows"]]
    assert cases == [(w, o) for o in ("momentum", "nesterov") for w in WAYS]
    assert second["rows"][0]["seconds"] != first["rows"][0]["seconds"]
    text = update.output.read_text(encoding="utf-8")
    update.output.write_text(text.replace('"cores": ', '"cores": 1'), encoding="utf-8")
    with pytest.raises(SystemExit, match="no row can be added to one of another mach"):
        update(*given, "momentum", "--add")


@pytest.mark.host
def test_an_optimizer_with_different_weights_is_not_timed(modules):
    tensors = modules("tensors")
    moved = [w + 1e-3 for w in tensors.arrays("tiny", 1)]
    tensors.agree("tiny", {"keras": moved, "ours": [w + 2e-6 for w in moved]})
    ours = [w + 2e-5 for w in moved]
    with pytest.raises(BaseException, match="ours gives other weights than Keras"):
        tensors.agree("tiny", {"keras": moved, "ours": ours})


@pytest.mark.host
def test_measurements_before_a_failure_are_kept(update):
    with pytest.raises(SystemExit, match="small failed"):
        update("--tensors", "tiny", "small", "--options", "momentum")
    result = json.loads(update.output.read_text(encoding="utf-8"))
    assert [row["way"] for row in result["rows"]] == WAYS


@pytest.mark.host
def test_a_part_that_fails_in_its_process_ends_the_benchmark(modules):
    with pytest.raises(SystemExit, match=f"tensors.absent failed on {BACKEND}"):
        modules("children").call(BACKEND, "tensors", "absent", {})


@pytest.mark.slow
def test_a_fit_is_timed(tmp_path):
    given = ("--backend", BACKEND, "--models", "tiny", "--steps", 3)
    _, result = bench("fit", tmp_path / "a.json", *given, check=False)
    assert set(result) == KEYS
    for row in result["rows"]:
        assert set(row["ratios"]) == {"keras"}
        assert min(row["peak_bytes"].values()) > 2**20


@pytest.mark.slow
@pytest.mark.skipif(BACKEND == "torch", reason="the kernel has no threshold on torch")
def test_the_kernel_is_timed_for_a_model_below_the_threshold(tmp_path):
    given = ("--backend", BACKEND, "--models", "tiny", "--options", "lion")
    _, result = bench("thresholds", tmp_path / "a.json", *given)
    assert [row["way"] for row in result["rows"]] == [w for w in WAYS if w != "eager"]
    assert {row["ratios"]["keras"]["verdict"] for row in result["rows"]} == {""}


@pytest.mark.slow
@pytest.mark.skipif(BACKEND != "jax", reason="runs once, as it uses no backend")
def test_the_kernel_is_timed_against_a_loop(tmp_path):
    _, result = bench("roofline", tmp_path / "a.json", "--tensors", "tiny")
    assert [row["option"] for row in result["rows"]] == ["momentum", "adam"]
    for row in result["rows"]:
        assert set(row["ratios"]) == {"loop"}
        assert set(row["gb_per_s"]) == {"ours", "loop", "add"}
