"""docs/compatibility.md: a table with a row for the results of each lane."""

import re
from dataclasses import dataclass
from dataclasses import field
from pathlib import Path

from tests.versions.lanes import LANES

PAGE = Path(__file__).parents[2] / "docs" / "compatibility.md"
HEAD = (
    "| lane | Python | Keras | NumPy | framework | features | tests | date |\n"
    "| --- | --- | --- | --- | --- | --- | --- | --- |\n"
)
BEGIN, END = "<!-- lanes: written by tests/versions -->", "<!-- lanes: end -->"


@dataclass
class Row:
    """The results of one lane."""

    lane: str
    date: str
    versions: dict[str, str] = field(default_factory=dict)
    features: dict[str, str] = field(default_factory=dict)
    tests: str = ""
    problem: str = ""

    @property
    def failures(self) -> dict[str, str]:
        """The failed features with their errors."""
        return {n: o for n, o in self.features.items() if o.startswith("FAILED")}

    @property
    def is_green(self) -> bool:
        """Whether the lane ran to its end without a failure."""
        return not self.problem and not self.failures and bool(self.features)

    def text(self) -> str:
        """Return the results as text for the terminal."""
        lines = [f"{name}: {outcome}" for name, outcome in self.features.items()]
        return "\n".join([*lines, f"tests: {self.tests}", self.problem]).strip()

    def line(self) -> str:
        """Return the row of the table."""
        passed = sum(outcome == "passed" for outcome in self.features.values())
        missing = [n for n, o in self.features.items() if o.startswith("refused")]
        features = f"{passed} of {len(self.features)}"
        if missing:
            features += f", without {', '.join(missing)}"
        cells = [
            self.lane,
            self.versions.get("python", ""),
            self.versions.get("keras", ""),
            self.versions.get("numpy", ""),
            self.versions.get("framework", ""),
            features,
            re.sub(r"(, \d+ warnings?)? in .*", "", self.tests),
            self.date if self.is_green else f"{self.date}: failed",
        ]
        return f"| {' | '.join(cells)} |"


def write(rows: list[Row]) -> None:
    """Replace the rows of the given lanes in the page, in the order of LANES."""
    text = PAGE.read_text(encoding="utf-8")
    before, _, rest = text.partition(BEGIN)
    table, _, after = rest.partition(END)
    lines = lines_of(table)
    lines.update({row.lane: row.line() for row in rows})
    ordered = [lines[lane.name] for lane in LANES if lane.name in lines]
    made = f"{BEGIN}\n\n{HEAD}" + "\n".join(ordered) + f"\n\n{END}"
    PAGE.write_text(f"{before}{made}{after}", encoding="utf-8")


def lines_of(table: str) -> dict[str, str]:
    """Return the rows of a table by lane."""
    rows = [line for line in table.splitlines() if line.startswith("| ")]
    named = {row.split("|")[1].strip(): row for row in rows}
    return {lane.name: named[lane.name] for lane in LANES if lane.name in named}


def passed_versions() -> dict[str, set[str]]:
    """Return the versions of each framework in the page's green rows."""
    from kerasched.kernels.tested import LABELS

    names = {text: backend for backend, text in LABELS.items()}
    found: dict[str, set[str]] = {backend: set() for backend in LABELS}
    for row in lines_of(PAGE.read_text(encoding="utf-8")).values():
        cells = [cell.strip() for cell in row.strip("|").split("|")]
        if not cells[-1].endswith("failed"):
            name, _, version = cells[4].partition(" ")
            found[names[name]].add(version)
    return found
