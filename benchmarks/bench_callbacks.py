"""Measures the overhead of callbacks: python benchmarks/bench_callbacks.py.

Prints a Markdown table and writes all numbers to a JSON file.
"""

import argparse
import importlib.util
import sys
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).resolve().parent
PATHS = [str(FOLDER), str(FOLDER.parent / "tests")]
sys.path[:0] = PATHS

from machine import described  # noqa: E402
from machine import write  # noqa: E402
from support import run_json  # noqa: E402

BACKENDS = ("tensorflow", "jax", "torch")
PROGRAM = f"""
import json, sys
sys.path[:0] = {PATHS!r}
from callback_costs import hooks, in_fit, recompile
rounds, calls = int(sys.argv[1]), int(sys.argv[2])
print(json.dumps({{
    "recompile": recompile(min(rounds, 3)),
    "fit": in_fit(rounds),
    "hooks": hooks(calls),
}}))
"""


def main() -> None:
    """Run the benchmark as the command line asks."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--calls", type=int, default=100_000)
    output = FOLDER / "results" / "callbacks.json"
    parser.add_argument("--output", type=Path, default=output)
    options = parser.parse_args()
    installed = [name for name in BACKENDS if importlib.util.find_spec(name)]
    size = (options.rounds, options.calls)
    result = described(
        rounds=options.rounds,
        calls=options.calls,
        backends={name: run_json(PROGRAM, name, size) for name in installed},
    )
    write(result, options.output)
    print(markdown(result["backends"]))


def markdown(backends: dict[str, Any]) -> str:
    """Return one table, with a row for each number and a column for each backend."""
    rows = {"": list(backends), "---": ["---"] * len(backends)}
    for values in backends.values():
        change, fit = values["recompile"], values["fit"]
        step = change["step"]["median"] * 1e3
        after = change["step_after_a_change"]["median"] * 1e3
        ratio = f"{fit['ratio']:.3f} ({fit['low']:.3f} to {fit['high']:.3f})"
        name = f"step of {change['variables']} variables, ms"
        rows.setdefault(name, []).append(f"{step:.1f}")
        rows.setdefault("the same after a change, ms", []).append(f"{after:.0f}")
        rows.setdefault("fit with to without, 95%", []).append(ratio)
        for row in values["hooks"]:
            name = f"a batch of `{row['callback']}`, µs"
            rows.setdefault(name, []).append(f"{row['microseconds']:.2f}")
    return "\n".join(f"| {' | '.join([key, *row])} |" for key, row in rows.items())


if __name__ == "__main__":
    main()
