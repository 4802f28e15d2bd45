"""Times one update on 1, 2, 4 and 8 devices of JAX: python benchmarks/bench_scaling.py.

Virtual CPU devices share the memory bandwidth of the machine. The cost model of
docs/scaling.md therefore predicts that the time of replicated weights grows with the
number of devices, and that of sharded weights does not. Prints a Markdown table and
writes a JSON file.
"""

import argparse
import sys
from pathlib import Path
from typing import Any

from rich.progress import track

FOLDER = Path(__file__).resolve().parent
sys.path.insert(0, str(FOLDER))

from children import call  # noqa: E402
from machine import described  # noqa: E402
from machine import write  # noqa: E402

DEVICES = (1, 2, 4, 8)
CASES = [
    (layout, option)
    for layout in ("replicated", "rows")
    for option in ("momentum", "global_clipnorm")
]
HEAD = "| layout | option | devices | Keras ms | our ms | ratio | growth | predicted |"


def main() -> int:
    """Run the benchmark as the command line asks."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=21)
    parser.add_argument(
        "--output", type=Path, default=FOLDER / "results" / "scaling.json"
    )
    asked = parser.parse_args()
    rows = []
    for layout, option in track(CASES, description="cases"):
        for devices in DEVICES:
            flags = f"--xla_force_host_platform_device_count={devices}"
            given = {"layout": layout, "option": option, "rounds": asked.rounds}
            row = call("jax", "scaling", "row", given, {"XLA_FLAGS": flags})
            rows.append(with_prediction(row, rows))
    result = described(
        rounds=asked.rounds,
        rows=rows,
    )
    write(result, asked.output)
    print(markdown(rows))
    return 0


def with_prediction(
    row: dict[str, Any], before: list[dict[str, Any]]
) -> dict[str, Any]:
    """Add our time over that of one device, and what the cost model predicts."""
    same = [
        r
        for r in before
        if (r["layout"], r["option"]) == (row["layout"], row["option"])
    ]
    first = (same or [row])[0]
    growth = row["seconds"]["ours"]["median"] / first["seconds"]["ours"]["median"]
    predicted = row["devices"] if row["layout"] == "replicated" else 1
    return {**row, "growth": growth, "predicted": predicted}


def markdown(rows: list[dict[str, Any]]) -> str:
    """Return the rows as a table."""
    lines = [HEAD, "| --- " * (HEAD.count("|") - 1) + "|"]
    for row in rows:
        ratio = row["ratios"]["keras"]
        cells = [row["layout"], row["option"], str(row["devices"])]
        cells += [f"{row['seconds'][n]['median'] * 1e3:.1f}" for n in ("keras", "ours")]
        cells.append(
            f"{ratio['median']:.2f} ({ratio['low']:.2f} to {ratio['high']:.2f})"
        )
        cells += [f"{row['growth']:.2f}", str(row["predicted"])]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
