"""Times the evaluation of every schedule: python benchmarks/bench_schedule.py.

Prints Markdown tables and writes all numbers to a JSON file. Fails if a floor is
missed.
"""

import argparse
import importlib.util
import sys
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.progress import Progress
from rich.progress import track

import kerasched

FOLDER = Path(__file__).resolve().parent
PATHS = [str(FOLDER), str(FOLDER.parent / "tests")]
sys.path[:0] = PATHS

from floors import MILLION  # noqa: E402
from floors import slow_schedules  # noqa: E402
from machine import described  # noqa: E402
from machine import write  # noqa: E402
from support import run_json  # noqa: E402
from timing import interleaved  # noqa: E402

LEFT_OUT = {"from_function": "a function of the user's, called in Python at every step"}
NOTES = [
    "Seconds on one thread: median, minimum and maximum of the rounds, in which our "
    "evaluation and numpy.cos of the same integer array take turns.",
    "torch's schedulers are stepped in Python for a part of the steps, and their "
    "seconds multiplied by torch_scaled_by.",
]
# What each backend measures, in its own process.
PROGRAMS = {
    "graph": ("tensorflow", "from ops import graph_table; rows = graph_table()"),
    "fusions": ("jax", "from ops import fusion_table; rows = fusion_table()"),
    "torch": (
        "torch",
        "from torch_loops import loops; "
        "rows = loops(int(sys.argv[1]), int(sys.argv[2]))",
    ),
}


def main() -> int:
    """Run the benchmark as the command line asks."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=MILLION)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument(
        "--output", type=Path, default=FOLDER / "results" / "schedule.json"
    )
    parser.add_argument(
        "--backend-less",
        action="store_true",
        help="leave out what is measured on TensorFlow, JAX and torch",
    )
    parser.add_argument("--note", action="append", default=[], help="kept in the file")
    options = parser.parse_args()
    result = described(
        threads=1,
        notes=[*NOTES, *options.note],
        steps=options.steps,
        rounds=options.rounds,
        left_out=LEFT_OUT,
        evaluate=evaluations(options.steps, options.rounds),
    )
    if not options.backend_less:
        result |= on_backends(options.steps, options.rounds)
    write(result, options.output)
    print(markdown(result))
    missed = slow_schedules(result)
    print(*missed, sep="\n", end="\n" * bool(missed), file=sys.stderr)
    return 1 if missed else 0


def evaluations(steps: int, rounds: int) -> list[dict[str, Any]]:
    """Return the seconds of `evaluate` and of numpy.cos, for every schedule."""
    entries = [e for e in kerasched.list_schedules() if e.name not in LEFT_OUT]
    places, rows = np.arange(steps), []
    for entry in track(entries, "evaluate", console=Console(stderr=True)):
        schedule = entry.example
        times = interleaved(
            {
                "cosine": lambda: np.cos(places),
                "ours": lambda schedule=schedule: schedule.evaluate(places),
            },
            rounds,
        )
        ratio = times["ours"]["median"] / times["cosine"]["median"]
        rows.append(
            {
                "schedule": entry.name,
                "seconds": times["ours"],
                "cosine_seconds": times["cosine"],
                "ratio_to_cosine": ratio,
            }
        )
    return rows


def on_backends(steps: int, rounds: int) -> dict[str, list[dict[str, Any]]]:
    """Return the rows of each installed backend's program."""
    tables = {}
    with Progress(console=Console(stderr=True)) as progress:
        task = progress.add_task("backends", total=len(PROGRAMS))
        for name, (backend, program) in PROGRAMS.items():
            if importlib.util.find_spec(backend):
                code = f"import json, sys; sys.path[:0] = {PATHS!r}; {program}; "
                code += "print(json.dumps(rows))"
                tables[name] = run_json(code, backend, (steps, min(rounds, 5)))
            progress.advance(task)
    return tables


def markdown(result: dict[str, Any]) -> str:
    """Return the tables of a result, each under its title."""
    titles = {
        "evaluate": f"evaluate, {result['steps']:,} steps, beside one numpy.cos",
        "torch": f"torch's schedulers, {result['steps']:,} steps (scaled), and ours",
        "graph": "nodes of a TensorFlow graph, beside Keras's own",
        "fusions": "instructions of XLA on JAX",
    }
    left = [f"Left out: `{name}`, {why}." for name, why in result["left_out"].items()]
    parts = [
        f"## {titles[key]}\n\n{table(result[key])}" for key in titles if key in result
    ]
    return "\n\n".join([*parts, *left])


def table(rows: list[dict[str, Any]]) -> str:
    """Return rows as a table in Markdown, times in milliseconds."""
    lines = ["| " + " | ".join(rows[0]) + " |", "| --- " * len(rows[0]) + "|"]
    lines += ["| " + " | ".join(map(cell, row.values())) + " |" for row in rows]
    return "\n".join(lines)


def cell(value: Any) -> str:
    """Return a value as text: seconds as median and range in milliseconds."""
    if isinstance(value, dict):
        times = [1e3 * value[key] for key in ("median", "min", "max")]
        median, low, high = (f"{ms:,.0f}" if ms >= 100 else f"{ms:.3g}" for ms in times)
        return f"{median} ms ({low} to {high})"
    return f"{value:.2f}" if isinstance(value, float) else str(value)


if __name__ == "__main__":
    sys.exit(main())
