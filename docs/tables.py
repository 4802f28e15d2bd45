"""Writes the generated tables of the README: python docs/tables.py."""

import json
import re
from pathlib import Path
from typing import Any

from kerasched import list_schedules

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
BEGIN = "<!-- schedules: written by docs/tables.py -->\n"
END = "<!-- schedules: end -->\n"
# A comment that names the result files, the table, and a closing comment.
SPEEDS = (
    r"(<!-- speed of ([^:]+): written by docs/tables.py -->\n).*?(<!-- speed: end -->)"
)
SPEED_HEAD = (
    "| backend | model | options | Keras's SGD | kerasched.SGD | times as fast |"
)
NO_GAIN = 0.97  # The floor of a case for which no gain is claimed.


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
    lines = [SPEED_HEAD, "| --- " * (SPEED_HEAD.count("|") - 1) + "|"]
    for row in (row for result in results for row in result["rows"]):
        ratio = row["ratios"].get("keras")
        if ratio and (ratio["floor"] > NO_GAIN or ratio["high"] < 1):
            lines.append(_speed(row, ratio))
    dates: dict[str, set[str]] = {}
    for result in results:
        dates.setdefault(_environment(result), set()).add(result["date"])
    measured = [
        f"Measured on {environment}; {' and '.join(sorted(days))}."
        for environment, days in dates.items()
    ]
    return "\n".join([*lines, "", *measured]) + "\n"


def _environment(result: dict[str, Any]) -> str:
    machine, versions = result["machine"], result["versions"]
    names = ("keras", "tensorflow", "jax", "torch")
    made_with = ", ".join(f"{name} {versions[name]}" for name in names)
    return f"{machine['cpu']}, {machine['cores']} cores; {made_with}"


def _speed(row: dict[str, Any], ratio: dict[str, Any]) -> str:
    times = [1e3 * row["seconds"][side]["median"] for side in ("keras", "ours")]
    cells = [f"{row['backend']}, {row['way']}", row["model"], row["option"]]
    cells += [f"{t:,.0f} ms" if t >= 100 else f"{t:.3g} ms" for t in times]
    low, high = ratio["low"], ratio["high"]
    cells.append(f"{ratio['median']:.2f} ({low:.2f} to {high:.2f})")
    return f"| {' | '.join(cells)} |"


def with_table(text: str) -> str:
    """Return the README's text with new tables."""
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    whole = before + BEGIN + "\n" + schedule_table() + "\n" + END + after
    return re.sub(SPEEDS, _with_speeds, whole, flags=re.DOTALL)


def _with_speeds(found: re.Match[str]) -> str:
    paths = [ROOT / name for name in found[2].split(", ")]
    results = [json.loads(path.read_text(encoding="utf-8")) for path in paths]
    return f"{found[1]}\n{speed_table(*results)}\n{found[3]}"


if __name__ == "__main__":
    README.write_text(with_table(README.read_text(encoding="utf-8")), encoding="utf-8")
