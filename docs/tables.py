"""Writes the generated tables of the README and the pages: python docs/tables.py."""

import json
import re
from pathlib import Path
from typing import Any

from kerasched import list_schedules

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "results"
PAGES = tuple(
    ROOT / name for name in ("README.md", "docs/schedules.md", "docs/speed.md")
)
# Comments around a table that one of TABLES writes.
BLOCK = r"(<!-- (\w+): written by docs/tables.py -->\n).*?(<!-- \2: end -->)"
# A comment that names the result files, the table, and a closing comment.
SPEEDS = (
    r"(<!-- speed of ([^:]+): written by docs/tables.py -->\n).*?(<!-- speed: end -->)"
)
SPEED_HEAD = "| backend | model | options | Keras | kerasched | times as fast |"
NO_GAIN = 0.97  # The floor of a case for which no gain is claimed.
# The README's rows: a result file, and the way, model and options of one of its rows.
IN_README = (
    ("update_tensorflow", "graph", "resnet", "momentum"),
    ("update_jax", "jit", "resnet", "momentum"),
    ("update_torch", "eager", "resnet", "momentum"),
    ("update_tensorflow_adamw", "graph", "resnet", "adamw"),
    ("update_jax_adamw", "jit", "resnet", "adamw"),
    ("update_torch_adamw", "eager", "resnet", "adamw"),
    ("update_tensorflow_adamw", "xla", "resnet", "adamw, global_clipnorm"),
    ("fit_tensorflow", "xla", "mlp", "momentum"),
    ("fit_jax_mlp", "jit", "mlp", "momentum"),
    ("fit_jax_mlp", "jit, tuned", "mlp", "momentum"),
    ("fit_torch", "eager", "mlp", "momentum"),
    ("fit_tensorflow_adamw", "xla", "mlp", "adamw"),
    ("fit_jax_adamw", "jit", "mlp", "adamw"),
    ("fit_torch_adamw", "eager", "mlp", "adamw"),
    ("update_jax", "jit", "small", "all"),
)


def schedule_table() -> str:
    """Return the table of all registered schedules in Markdown."""
    rows = ["| schedule | what it does | source |", "| --- | --- | --- |"]
    for entry in sorted(list_schedules(), key=lambda entry: entry.cls.__name__):
        arguments = ", ".join(
            name for name in entry.cls.__dataclass_fields__ if name != "name"
        )
        call = f"`{entry.cls.__name__}({arguments})`"
        rows.append(f"| {call} | {entry.summary} | {entry.reference} |")
    return "\n".join(rows) + "\n"


def speed_table(*results: dict[str, Any]) -> str:
    """Return the speeds of benchmark results in Markdown, with machine and versions.

    The table has the cases for which a gain is claimed, and all cases in which Keras
    was significantly faster.
    """
    lines = [SPEED_HEAD, _rule(SPEED_HEAD)]
    for row in (row for result in results for row in result["rows"]):
        ratio = row["ratios"].get("keras")
        if ratio and (ratio["floor"] > NO_GAIN or ratio["high"] < 1):
            lines.append(_speed(row, row["model"]))
    return "\n".join([*lines, "", *_measured(results)]) + "\n"


def summary() -> str:
    """Return the README's table of speeds in Markdown, with machine and versions."""
    head = SPEED_HEAD.replace("model", "timed")
    lines, results = [head, _rule(head)], []
    for name, *case in IN_README:
        results.append(_result(RESULTS / f"{name}.json"))
        (row,) = [
            row
            for row in results[-1]["rows"]
            if [row["way"], row["model"], row["option"]] == case
        ]
        lines.append(_speed(row, f"{row['benchmark']}, {row['model']}"))
    return "\n".join([*lines, "", *_measured(results)]) + "\n"


def losses() -> str:
    """Return all measured cases in which another optimizer was faster, as a list."""
    files = sorted(RESULTS.glob("*.json"))
    lost = [line for path in files for line in _result(path).get("lost", [])]
    return "\n".join(f"- {line}" for line in lost) + "\n"


TABLES = {"schedules": schedule_table, "summary": summary, "losses": losses}


def with_tables(text: str) -> str:
    """Return the text of a page with new tables."""
    text = re.sub(SPEEDS, _with_speeds, text, flags=re.DOTALL)
    return re.sub(BLOCK, _with_block, text, flags=re.DOTALL)


def _with_speeds(found: re.Match[str]) -> str:
    results = [_result(ROOT / name) for name in found[2].split(", ")]
    return f"{found[1]}\n{speed_table(*results)}\n{found[3]}"


def _with_block(found: re.Match[str]) -> str:
    return f"{found[1]}\n{TABLES[found[2]]()}\n{found[3]}"


def _result(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text(encoding="utf-8"))


def _rule(head: str) -> str:
    return "| --- " * (head.count("|") - 1) + "|"


def _measured(results: Any) -> list[str]:
    """Return a line for each environment, with the dates of its results."""
    dates: dict[str, set[str]] = {}
    for result in results:
        dates.setdefault(_environment(result), set()).add(result["date"])
    return [
        f"Measured on {environment}; {' and '.join(sorted(days))}."
        for environment, days in dates.items()
    ]


def _environment(result: dict[str, Any]) -> str:
    machine, versions = result["machine"], result["versions"]
    names = ("keras", "tensorflow", "jax", "torch")
    made_with = ", ".join(f"{name} {versions[name]}" for name in names)
    return f"{machine['cpu']}, {machine['cores']} cores; {made_with}"


def _speed(row: dict[str, Any], timed: str) -> str:
    times = [1e3 * row["seconds"][side]["median"] for side in ("keras", "ours")]
    cells = [f"{row['backend']}, {row['way']}", timed, row["option"]]
    cells += [f"{t:,.0f} ms" if t >= 100 else f"{t:.3g} ms" for t in times]
    ratio = row["ratios"]["keras"]
    low, high = ratio["low"], ratio["high"]
    cells.append(f"{ratio['median']:.2f} ({low:.2f} to {high:.2f})")
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    for page in PAGES:
        page.write_text(with_tables(page.read_text(encoding="utf-8")), encoding="utf-8")
