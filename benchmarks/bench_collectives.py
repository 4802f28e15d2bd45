"""Counts what devices exchange in a step: python benchmarks/bench_collectives.py.

It compiles train steps of a small model on virtual CPU devices of JAX, with our SGD and
with Keras's, and counts the collective operations in each program. It times nothing.
Writes a table in Markdown to the standard output, and all numbers to a JSON file that
grows with each layout.
"""

import argparse
import sys
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import track

FOLDER = Path(__file__).resolve().parent
PATHS = [str(FOLDER), str(FOLDER.parent / "tests")]
sys.path[:0] = PATHS

from machine import described  # noqa: E402
from machine import write  # noqa: E402
from support import run_json  # noqa: E402

LAYOUTS = (
    "data over 2",
    "data over 4",
    "data over 8",
    "rows over 4",
    "columns over 4",
    "rows and data over 4",
    "grid of 2 x 2",
    "data over 2, columns over 4",
    "data over 2, mixed over 2",
)
OPTIONS = (
    "plain",
    "momentum",
    "clipnorm",
    "global_clipnorm",
    "average",
    "accumulation",
    "dynamic loss scale",
    "everything",
    "bfloat16",
)
PROGRAM = f"""
import json, os, sys
os.environ["XLA_FLAGS"] = "--xla_force_host_platform_device_count=8"
sys.path[:0] = {PATHS!r}
from scaling.jax_reports import exchanged
print(json.dumps(exchanged(sys.argv[1], sys.argv[2:])))
"""
COLUMNS = {
    "all-gather": "all-gathers",
    "all-reduce": "all-reduces",
    "collective-permute": "permutes",
    "all-to-all": "all-to-alls",
    "reduce-scatter": "reduce-scatters",
    "bytes": "bytes",
}


def main() -> None:
    """Run the benchmark as the command line asks."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--layouts", nargs="+", choices=LAYOUTS, default=LAYOUTS)
    parser.add_argument("--options", nargs="+", choices=OPTIONS, default=OPTIONS)
    output = FOLDER / "results" / "collectives.json"
    parser.add_argument("--output", type=Path, default=output)
    options = parser.parse_args()
    result = described(
        notes=[
            "bytes: the results of all collectives of one device in a step",
            "the model has 16, 32, 16 and 8 units, and a batch of 8",
        ],
        rows=[],
    )
    for layout in track(options.layouts, "layouts", console=Console(stderr=True)):
        result["rows"] += run_json(PROGRAM, "jax", (layout, *options.options))
        write(result, options.output)
    print(markdown(result["rows"]))


def markdown(rows: list[dict[str, Any]]) -> str:
    """Return one table with a line for each layout and option: ours, then Keras's."""
    lines = [f"| layout | option | {' | '.join(COLUMNS.values())} |"]
    lines.append("| --- " * (len(COLUMNS) + 2) + "|")
    for row in rows:
        pairs = (f"{row['ours'][key]}, {row['keras'][key]}" for key in COLUMNS)
        lines.append(f"| {row['layout']} | {row['option']} | {' | '.join(pairs)} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
