"""docs/releasing.md: a table with a row for each tested wheel."""

import datetime
import re
from dataclasses import dataclass
from pathlib import Path

from tests.wheels.building import Wheel

PAGE = Path(__file__).parents[2] / "docs" / "releasing.md"
BEGIN, END = "<!-- wheels: written by tests/wheels -->", "<!-- wheels: end -->"
HEAD = """| Python | compiler | platform | outcome | date |
| --- | --- | --- | --- | --- |
"""


@dataclass(frozen=True)
class Row:
    """The test result of a wheel."""

    wheel: Wheel
    outcome: str

    def line(self) -> str:
        """Return the row of the table."""
        outcome = re.sub(r" in \d.*", "", self.outcome)
        today = datetime.date.today().isoformat()
        made = (self.wheel.python, self.wheel.compiler, self.wheel.platform)
        return f"| {' | '.join((*made, outcome, today))} |"


def write(rows: list[Row]) -> None:
    """Replace the rows of these wheels in the page."""
    text = PAGE.read_text(encoding="utf-8")
    before, _, rest = text.partition(BEGIN)
    table, _, after = rest.partition(END)
    lines = {key(line): line for line in table.splitlines() if line.startswith("| 3")}
    lines |= {key(row.line()): row.line() for row in rows}
    made = "\n".join(lines[name] for name in sorted(lines))
    text = f"{before}{BEGIN}\n\n{HEAD}{made}\n\n{END}{after}"
    PAGE.write_text(text, encoding="utf-8")


def key(line: str) -> tuple[str, ...]:
    """Return the version of Python and the compiler of a row."""
    return tuple(cell.strip() for cell in line.split("|")[1:3])
