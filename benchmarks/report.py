"""Prints the results of the optimizer's benchmarks and writes them to files."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from children import call
from floors import KEY
from floors import case
from floors import judged
from floors import lost
from floors import missed
from machine import described
from machine import write

HEAD = "| backend | way | model | option | peer | peer ms | our ms | ratio | floor |"


def kernel() -> dict[str, Any]:
    """Return the instruction set and the number of threads of the kernel."""
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
    add: bool = False,
) -> dict[str, Any]:
    """Judge rows against their floors, print them, and return the result.

    Args:
        name: the benchmark.
        rows: an iterator that measures one row at a time. The file is written after
            each, so that a failure loses that row alone.
        rounds: the number of measurements of each optimizer.
        notes: remarks for readers of the file.
        output: the path of the file.
        add: whether to keep the file's rows of other cases.

    Raises:
        SystemExit: the kept rows come from another machine or other versions.
    """
    kernel = call("jax", "report", "kernel", {})
    where = described(kernel=kernel, rounds=rounds)
    today = where.pop("date")
    kept = json.loads(output.read_text(encoding="utf-8")) if add else {"rows": []}
    other = [key for key in where if add and kept[key] != where[key]]
    if other:
        raise SystemExit(f"{output}: no row can be added to one of another {other[0]}")
    result = {"date": today, **where, "notes": notes, "rows": kept["rows"]}
    result.update(missed=missed(result["rows"]), lost=lost(result["rows"]))
    for row in rows:
        new = judged({"benchmark": name, "date": today, **row})
        others = [old for old in result["rows"] if case(old) != case(new)]
        result["rows"] = [*others, new]
        result.update(missed=missed(result["rows"]), lost=lost(result["rows"]))
        write(result, output)
    print(markdown(result))
    return result


def markdown(result: dict[str, Any]) -> str:
    """Return the rows as a Markdown table, followed by missed floors and losses."""
    lines = [HEAD, "| --- " * (HEAD.count("|") - 1) + "|"]
    for row in result["rows"]:
        lines += [line(row, peer) for peer in row["ratios"]]
    for title, key in (("Floors missed", "missed"), ("Where we lose", "lost")):
        lines += ["", f"{title}: {len(result[key])}", ""]
        lines += [f"- {text}" for text in result[key]]
    return "\n".join(lines)


def line(row: dict[str, Any], peer: str) -> str:
    """Return one line of the table: one case against one peer."""
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
