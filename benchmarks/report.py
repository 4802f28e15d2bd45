"""What a benchmark of the optimizer prints, and the file that it keeps."""

import datetime
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from children import call
from floors import KEY
from floors import judged
from floors import lost
from floors import missed
from machine import machine
from machine import versions

HEAD = "| backend | way | model | option | peer | peer ms | our ms | ratio | floor |"


def kernel() -> dict[str, Any]:
    """Return what the compiled kernel says of itself."""
    from kerasched.kernels import native

    if native.missing:
        return {"missing": native.missing}
    return {"isa": native.instruction_set(), "threads": native.threads()}


def recorded(
    name: str,
    rows: Iterable[dict[str, Any]],
    rounds: int,
    notes: list[str],
    output: Path,
) -> dict[str, Any]:
    """Judge rows, print them, and return the whole of the result.

    Args:
        name: the benchmark.
        rows: what it measures, as it is measured. The file is written at each row, so
            that a failure costs that row alone.
        rounds: how often each was timed.
        notes: what a reader of the file should know.
        output: the file.
    """
    result = {
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "machine": machine(),
        "versions": versions(),
        "kernel": call("jax", "report", "kernel", {}),
        "notes": notes,
        "rounds": rounds,
        "rows": [],
        "missed": [],
        "lost": [],
    }
    for row in rows:
        result["rows"].append(judged({"benchmark": name, **row}))
        result["missed"] = missed(result["rows"])
        result["lost"] = lost(result["rows"])
        output.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(markdown(result))
    return result


def markdown(result: dict[str, Any]) -> str:
    """Return a result's rows as a table, and below it where we are slower."""
    lines = [HEAD, "| --- " * (HEAD.count("|") - 1) + "|"]
    for row in result["rows"]:
        lines += [line(row, peer) for peer in row["ratios"]]
    for title, key in (("Floors missed", "missed"), ("Where we lose", "lost")):
        lines += ["", f"{title}: {len(result[key])}", ""]
        lines += [f"- {text}" for text in result[key]]
    return "\n".join(lines)


def line(row: dict[str, Any], peer: str) -> str:
    """Return one line of the table: a case against one peer."""
    ratio = row["ratios"][peer]
    least = "" if ratio["floor"] is None else f"{ratio['floor']:.2f} {ratio['verdict']}"
    cells = [row[key] for key in KEY[1:]]
    cells += [peer, spread(row["seconds"][peer]), spread(row["seconds"]["ours"])]
    between = f"({ratio['low']:.2f} to {ratio['high']:.2f})"
    return f"| {' | '.join(cells)} | {ratio['median']:.2f} {between} | {least} |"


def spread(seconds: dict[str, float]) -> str:
    """Return a median and its range in milliseconds."""
    values = [1e3 * seconds[key] for key in ("median", "min", "max")]
    median, low, high = (f"{value:.3g}" for value in values)
    return f"{median} ({low} to {high})"
