"""Compares the speed of two commits: python benchmarks/bench_commits.py BEFORE [AFTER].

Installs each commit into its own folder. Their processes take turns, and each turn
times keras.optimizers.SGD and kerasched.SGD. Writes a JSON file after every row, and a
Markdown table at the end. Fails if the speedup over Keras fell in any row.
"""

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from rich.progress import track

FOLDER = Path(__file__).resolve().parent
sys.path.insert(0, str(FOLDER))

import ratios  # noqa: E402
from bench_fit import STEPS  # noqa: E402
from bench_fit import WAYS  # noqa: E402
from children import BACKENDS  # noqa: E402
from children import call  # noqa: E402
from children import installed  # noqa: E402
from machine import described  # noqa: E402
from machine import write  # noqa: E402

NOTE = (
    "before and after: Keras's seconds over the package's at each commit. change: "
    "after over before in the same turn. Each is a median of the turns, with its 95 % "
    "interval by order statistics. A row fell if the whole interval of its change lies "
    "below 1, and the median after lies below every turn before."
)
HEAD = "| benchmark | backend | way | before | after | change | verdict |"


def main() -> int:
    """Run the benchmark as the command line asks."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("before")
    parser.add_argument("after", nargs="?", default="HEAD")
    parser.add_argument("--backend", action="append", choices=BACKENDS)
    parser.add_argument("--option", default="momentum", help="see cases.py")
    parser.add_argument("--turns", type=int, default=6)
    parser.add_argument("--rounds", type=int, default=5, help="of each turn")
    parser.add_argument(
        "--output", type=Path, default=FOLDER / "results" / "commits.json"
    )
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        commits = {"before": full(asked.before), "after": full(asked.after)}
        places = {n: install(c, Path(folder, n)) for n, c in commits.items()}
        rows: list[dict[str, Any]] = []
        result = described(
            commits=commits,
            turns=asked.turns,
            rounds=asked.rounds,
            notes=[NOTE],
            rows=rows,
        )
        for case in cases(installed(asked.backend), asked.option):
            rows += timed(case, places, asked.turns, asked.rounds)
            write(result, asked.output)
    print(markdown(rows))
    return 1 if any(row["fell"] for row in rows) else 0


def full(commit: str) -> str:
    """Return the hash of a commit."""
    command = ["git", "rev-parse", "--verify", f"{commit}^{{commit}}"]
    return subprocess.check_output(command, cwd=FOLDER, text=True).strip()


def install(commit: str, place: Path) -> Path:
    """Install a commit of the package alone, and return the folder to import."""
    sources = place.with_name(f"{place.name}-sources")
    sources.mkdir()
    archive = subprocess.check_output(["git", "archive", commit], cwd=FOLDER.parent)
    subprocess.run(["tar", "-x", "-C", str(sources)], input=archive, check=True)
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps"]
    subprocess.run([*command, "--target", str(place), str(sources)], check=True)
    return place


def cases(backends: list[str], option: str) -> list[dict[str, Any]]:
    """Return the calls to time on each backend: one update, and `fit`."""
    update = {"option": option, "tensors": "resnet"}
    found = []
    for backend in backends:
        found.append({"backend": backend, "module": f"update_{backend}", **update})
        for way, (jit, environment) in WAYS[backend].items():
            if not environment:
                fit = {"model": "mlp", "option": option, "jit": jit, "way": way}
                fit["steps"] = STEPS["mlp"]
                found.append({"backend": backend, "module": "fitting", **fit})
    return found


def timed(
    case: dict[str, Any], places: dict[str, Path], turns: int, rounds: int
) -> list[dict[str, Any]]:
    """Return the rows of a case, one for each way to compile."""
    backend, module = case["backend"], case["module"]
    given = {k: v for k, v in case.items() if k not in ("backend", "module")}
    given["rounds"] = rounds
    gains: dict[str, dict[str, list[float]]] = {}
    for turn in track(range(turns), description=f"{module} on {backend}"):
        for name in sorted(places, reverse=bool(turn % 2)):
            environment = {"PYTHONPATH": str(places[name])}
            for row in call(backend, module, "rows", given, environment):
                of_way = gains.setdefault(row["way"], {n: [] for n in places})
                of_way[name].append(row["ratios"]["keras"]["median"])
    benchmark = "fit" if module == "fitting" else "update"
    return [
        {"benchmark": benchmark, "backend": backend, "way": way, **compared(of_way)}
        for way, of_way in gains.items()
    ]


def compared(gains: dict[str, list[float]]) -> dict[str, Any]:
    """Return the speedups of two commits in the same turns, and whether they fell."""
    before, after = ratios.interval(gains["before"]), ratios.interval(gains["after"])
    pairs = zip(gains["before"], gains["after"], strict=True)
    change = ratios.interval([b / a for a, b in pairs])
    fell = change["high"] < 1 and after["median"] < min(gains["before"])
    return {"before": before, "after": after, "change": change, "fell": fell}


def markdown(rows: list[dict[str, Any]]) -> str:
    """Return the rows as a table."""
    lines = [HEAD, "| --- " * (HEAD.count("|") - 1) + "|"]
    for row in rows:
        found = (row[key] for key in ("before", "after", "change"))
        numbers = ["{median:.2f} ({low:.2f} to {high:.2f})".format(**f) for f in found]
        verdict = "FELL" if row["fell"] else "held"
        words = [row[key] for key in ("benchmark", "backend", "way")]
        lines.append(f"| {' | '.join([*words, *numbers, verdict])} |")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
