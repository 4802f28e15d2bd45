"""The thorough tier of docs/testing.md: its parts, and the table of what they gave."""

import datetime
import os
import platform
import re
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "testing.md"
BEGIN, END = "<!-- thorough: written by tests/thorough.py -->", "<!-- thorough: end -->"
NAMES = ("passed", "failed", "skipped")
HEAD = (
    "| part | passed | failed | skipped | minutes |\n| --- | --- | --- | --- | --- |\n"
)
# The closing lines of the parts, and which of the counts each number is.
CLOSING = {
    r"^(\d+) mutants died, (\d+) survived$": ("passed", "failed"),
    r"^\w+: clean after": (),
}


@dataclass(frozen=True)
class Row:
    """What a part of the run gave."""

    part: str
    counts: Counter[str]
    seconds: float

    def cells(self) -> list[str]:
        numbers = [str(self.counts[name]) for name in NAMES]
        return [self.part, *numbers, f"{self.seconds / 60:.1f}"]


def run_all(
    backends: list[str], tests_on: Callable[[str], Counter[str]], write: bool
) -> int:
    """Run every part, print the table, and return the exit code."""
    rows = [timed(f"tests, {name}", lambda n=name: tests_on(n)) for name in backends]
    for backend in ("jax", "tensorflow"):
        if backend in backends:
            part = f"mutants, {backend}"
            rows.append(timed(part, lambda b=backend: command("tests.mutants", b)))
    for sanitizer in ("address", "thread"):
        part = f"sanitizer, {sanitizer}"
        rows.append(
            timed(part, lambda s=sanitizer: command("tests.sanitizers", "jax", s))
        )
    print(aligned(rows))
    if write:
        write_table(rows)
    return 0 if all(passed(row.counts) for row in rows) else 1


def timed(part: str, work: Callable[[], Counter[str]]) -> Row:
    print(f"=== thorough: {part}", flush=True)
    start = time.monotonic()
    counts = work()
    row = Row(part, counts, time.monotonic() - start)
    print(f"{part}: {line(counts)} in {row.seconds / 60:.1f} min", flush=True)
    return row


def command(module: str, backend: str, *words: str) -> Counter[str]:
    """Run a command of the tests, show what it prints, and return its counts."""
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
    """Add what a closing line says; a line without numbers is one that passed."""
    for pattern, names in CLOSING.items():
        if found := re.match(pattern, printed):
            counts.update(dict(zip(names, map(int, found.groups()), strict=True)))
            counts["passed"] += not names


def passed(counts: Counter[str]) -> bool:
    """Return whether something was run and nothing failed."""
    return counts["passed"] > 0 and counts["failed"] == 0


def line(counts: Counter[str]) -> str:
    return ", ".join(f"{counts[name]} {name}" for name in NAMES)


def total(rows: list[Row]) -> Row:
    counts: Counter[str] = Counter()
    for row in rows:
        counts.update(row.counts)
    return Row("all", counts, sum(row.seconds for row in rows))


def aligned(rows: list[Row]) -> str:
    """Return the table for a terminal, in columns of one width each."""
    cells = [["part", *NAMES, "minutes"], *(r.cells() for r in [*rows, total(rows)])]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = []
    for part, *numbers in cells:
        right = [n.rjust(w) for n, w in zip(numbers, widths[1:], strict=True)]
        lines.append("  ".join([part.ljust(widths[0]), *right]))
    return "\n".join(lines)


def markdown(rows: list[Row], date: str, commit: str, machine: str) -> str:
    """Return the table for the page, with where and when it was made."""
    lines = [f"| {' | '.join(row.cells())} |" for row in [*rows, total(rows)]]
    return f"{date}, commit {commit}, {machine}:\n\n{HEAD}" + "\n".join(lines)


def write_table(rows: list[Row]) -> None:
    """Put the table into the page, in the place of the one before."""
    text = PAGE.read_text(encoding="utf-8")
    before, _, rest = text.partition(BEGIN)
    after = rest.partition(END)[2]
    made = markdown(rows, datetime.date.today().isoformat(), commit(), machine())
    PAGE.write_text(f"{before}{BEGIN}\n\n{made}\n\n{END}{after}", encoding="utf-8")


def commit() -> str:
    """Return the commit of the tree, marked if files differ from it."""
    words = ["git", "describe", "--always", "--dirty", "--exclude=*"]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True)
    return done.stdout.strip() or "unknown"


def machine() -> str:
    """Return the processor and the number of its cores."""
    path = Path("/proc/cpuinfo")
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    found = re.search(r"^model name\s*:\s*(.+)$", text, re.MULTILINE)
    name = found[1] if found else platform.processor() or platform.machine()
    return f"{os.cpu_count()} cores of {name}"
