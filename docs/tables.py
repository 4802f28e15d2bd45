"""Writes the generated parts of the README: python docs/tables.py."""

from pathlib import Path

from kerasched import list_schedules

README = Path(__file__).parents[1] / "README.md"
BEGIN = "<!-- schedules: written by docs/tables.py -->\n"
END = "<!-- schedules: end -->\n"


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


def with_table(text: str) -> str:
    """Return the README's text with its table written anew."""
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return before + BEGIN + "\n" + schedule_table() + "\n" + END + after


if __name__ == "__main__":
    README.write_text(with_table(README.read_text(encoding="utf-8")), encoding="utf-8")
