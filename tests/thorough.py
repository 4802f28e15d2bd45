"""The thorough tier of docs/testing.md: its parts and the table of their results."""

import datetime
import os
import platform
import re
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "testing.md"
BEGIN, END = "<!-- thorough: written by tests/thorough.py -->", "<!-- thorough: end -->"
NAMES = ("passed", "failed", "skipped")
COLUMNS = ("part", *NAMES, "minutes", "date", "commit")
# Patterns of the parts' summary lines, and the count to which each number belongs.
CLOSING = {
    r"^(\d+) mutants died, (\d+) survived$": ("passed", "failed"),
    r"^\w+: clean after": (),
}


@dataclass(frozen=True)
class Row:
    """The result of a part, with its date and commit."""

    part: str
    counts: Counter[str]
    seconds: float
    date: str = ""
    commit: str = ""

    def cells(self) -> list[str]:
        numbers = [str(self.counts[name]) for name in NAMES]
        minutes = f"{self.seconds / 60:.1f}"
        return [self.part, *numbers, minutes, self.date, self.commit]

    @classmethod
    def of_cells(cls, cells: list[str]) -> "Row":
        part, *numbers, minutes, date, commit = cells
        counts = Counter(dict(zip(NAMES, map(int, numbers), strict=True)))
        return cls(part, counts, float(minutes) * 60, date, commit)


def parts(
    backends: list[str], tests_on: Callable[[str], Counter[str]]
) -> dict[str, Callable[[], Counter[str]]]:
    """Return a function that runs each part, by name, in the order of the table."""
    found: dict[str, Callable[[], Counter[str]]] = {}
    for name in backends:
        found[f"tests, {name}"] = partial(tests_on, name)
    for name in ("jax", "tensorflow"):
        if name in backends:
            found[f"mutants, {name}"] = partial(command, "tests.mutants", name)
    for name in ("address", "thread"):
        run = partial(command, "tests.sanitizers", "jax", name)
        found[f"sanitizer, {name}"] = run
    return found


def run_all(works: Mapping[str, Callable[[], Counter[str]]], write: bool) -> int:
    """Run parts, print the table and return the exit code.

    With `write`, each row is written to the page as soon as its part has finished.
    """
    rows = []
    for part, work in works.items():
        rows.append(timed(part, work))
        if write:
            write_table(rows[-1:])
    print(aligned(rows))
    return 0 if all(passed(row.counts) for row in rows) else 1


def timed(part: str, work: Callable[[], Counter[str]]) -> Row:
    print(f"=== thorough: {part}", flush=True)
    start = time.monotonic()
    counts = work()
    today = datetime.date.today().isoformat()
    row = Row(part, counts, time.monotonic() - start, today, commit())
    print(f"{part}: {line(counts)} in {row.seconds / 60:.1f} min", flush=True)
    return row


def command(module: str, backend: str, *words: str) -> Counter[str]:
    """Run a command of the tests, print its output and return its counts."""
    environment = {
        **os.environ,
        "KERAS_BACKEND": backend,
        "TF_CPP_MIN_LOG_LEVEL": "2",
        "PYTHONUNBUFFERED": "1",
    }
    counts: Counter[str] = Counter(dict.fromkeys(NAMES, 0))
    with subprocess.Popen(
        [sys.executable, "-m", module, *words],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        for printed in process.stdout or ():
            print(printed, end="", flush=True)
            count(printed, counts)
    counts["failed"] += int(process.returncode != 0 and not counts["failed"])
    return counts


def count(printed: str, counts: Counter[str]) -> None:
    """Add the numbers of a summary line. A line without numbers counts as one pass."""
    for pattern, names in CLOSING.items():
        if found := re.match(pattern, printed):
            counts.update(dict(zip(names, map(int, found.groups()), strict=True)))
            counts["passed"] += not names


def passed(counts: Counter[str]) -> bool:
    """Return whether at least one test passed and none failed."""
    return counts["passed"] > 0 and counts["failed"] == 0


def line(counts: Counter[str]) -> str:
    return ", ".join(f"{counts[name]} {name}" for name in NAMES)


def total(rows: list[Row]) -> Row:
    counts: Counter[str] = Counter()
    for row in rows:
        counts.update(row.counts)
    return Row("all", counts, sum(row.seconds for row in rows))


def aligned(rows: list[Row]) -> str:
    """Return the table for a terminal, with aligned columns."""
    cells = [list(COLUMNS), *(r.cells() for r in [*rows, total(rows)])]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = []
    for part, *numbers in cells:
        right = [n.rjust(w) for n, w in zip(numbers, widths[1:], strict=True)]
        lines.append("  ".join([part.ljust(widths[0]), *right]))
    return "\n".join(lines)


def markdown(rows: list[Row], machine: str) -> str:
    """Return the table for the page, with a description of the machine."""
    cells = [list(COLUMNS), ["---"] * len(COLUMNS)]
    cells += [row.cells() for row in [*rows, total(rows)]]
    return f"{machine}:\n\n" + "\n".join(
        f"| {' | '.join(c)} |".replace("  ", " ") for c in cells
    )


def read_table(text: str) -> list[Row]:
    """Return the rows of a table that `markdown` wrote, without the total."""
    lines = [line for line in text.splitlines() if line.startswith("|")]
    cells = [[cell.strip() for cell in line[1:-1].split("|")] for line in lines]
    return [Row.of_cells(each) for each in cells[2:-1]]


def write_table(rows: list[Row]) -> None:
    """Write rows to the page's table; each replaces the previous row of its part."""
    text = PAGE.read_text(encoding="utf-8")
    before, _, rest = text.partition(BEGIN)
    table, _, after = rest.partition(END)
    known = {row.part: row for row in [*read_table(table), *rows]}
    made = markdown([known[part] for part in known], machine())
    PAGE.write_text(f"{before}{BEGIN}\n\n{made}\n\n{END}{after}", encoding="utf-8")


def commit() -> str:
    """Return the commit of the tree, with a mark if files were changed since."""
    words = ["git", "describe", "--always", "--dirty", "--exclude=*"]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True)
    return done.stdout.strip() or "unknown"


def machine() -> str:
    """Return the number of cores and the name of the processor."""
    path = Path("/proc/cpuinfo")
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    found = re.search(r"^model name\s*:\s*(.+)$", text, re.MULTILINE)
    name = found[1] if found else platform.processor() or platform.machine()
    return f"{os.cpu_count()} cores of {name}"
