"""The output of `kerasched list` and `kerasched show`, as text and as JSON."""

from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Column
from rich.table import Table

from kerasched.commands.building import find
from kerasched.plotting import MAX_POINTS
from kerasched.schedules import Schedule
from kerasched.schedules import list_schedules
from kerasched.schedules.description import arguments
from kerasched.schedules.description import formula
from kerasched.schedules.sampling import horizon
from kerasched.schedules.sampling import sample

CHART_HEIGHT = 6
CHART_WIDTH = 60
# Nine characters, from empty to full.
BLOCKS = " ▁▂▃▄▅▆▇█"
ASCII = " ...:::##"  # For an encoding without block characters.


def listed() -> list[dict[str, str]]:
    """Return all registered schedules as JSON-native values."""
    return [
        {
            "name": entry.name,
            "class": entry.cls.__name__,
            "summary": entry.summary,
            "reference": entry.reference,
        }
        for entry in list_schedules()
    ]


def described(schedule: Schedule, steps: int | None) -> dict[str, Any]:
    """Return what `print_schedule` prints as JSON-native values."""
    entry = find(type(schedule).__name__)
    config = schedule.get_config()
    at = sample(horizon(schedule, steps), MAX_POINTS)
    return {
        "name": entry.name,
        "class": entry.cls.__name__,
        "summary": entry.summary,
        "formula": formula(entry.cls),
        "arguments": [
            {
                "name": argument.name,
                "value": config[argument.name],
                "default": argument.default or None,
                "meaning": argument.meaning,
            }
            for argument in arguments(entry.cls)
        ],
        "reference": entry.reference,
        "repr": repr(schedule),
        "steps": at.tolist(),
        "learning_rates": schedule.evaluate(at).tolist(),
    }


def print_list(console: Console) -> None:
    """Print a table of all registered schedules."""
    table = Table(Column("name", style="cyan", no_wrap=True), "class", "summary")
    for entry in list_schedules():
        table.add_row(entry.name, entry.cls.__name__, entry.summary)
    console.print(table)


def print_schedule(console: Console, schedule: Schedule, steps: int | None) -> None:
    """Print a schedule's formula, arguments, source and curve."""
    entry = find(type(schedule).__name__)
    console.print(f"{entry.cls.__name__} ({entry.name})", style="bold")
    console.print(entry.summary)
    console.print()
    for line in formula(entry.cls).splitlines():
        console.print(f"    {line}", soft_wrap=True)
    console.print()
    console.print(_argument_table(schedule))
    console.print(f"source: {entry.reference}\n", soft_wrap=True)
    console.print(repr(schedule), soft_wrap=True)
    _print_curve(console, schedule, horizon(schedule, steps))


def _argument_table(schedule: Schedule) -> Table:
    names = ("argument", "value", "default", "meaning")
    table = Table(*(Column(name, overflow="fold") for name in names))
    for argument in arguments(type(schedule)):
        value = repr(getattr(schedule, argument.name))
        default = argument.default or "required"
        table.add_row(argument.name, value, default, argument.meaning)
    return table


def _print_curve(console: Console, schedule: Schedule, last_step: int) -> None:
    rates = schedule.evaluate(sample(last_step, MAX_POINTS))
    finite = rates[np.isfinite(rates)]
    low, high = min(finite, default=0.0), max(finite, default=0.0)
    labels = [f"{high:.6g}", *[""] * (CHART_HEIGHT - 2), f"{min(low, 0.0):.6g}"]
    side = max(map(len, labels))
    width = max(min(CHART_WIDTH, console.width - side - 3), 10)
    columns = rates[np.arange(width) * len(rates) // width]
    blocks = BLOCKS if console.encoding.startswith("utf") else ASCII
    bars = chart(columns, CHART_HEIGHT, blocks)
    for label, line in zip(labels, bars, strict=True):
        console.print(f"{label:>{side}} | ", end="", soft_wrap=True)
        console.print(line, style="cyan", soft_wrap=True)
    console.print(f"steps 0 to {last_step}, rates {low:.6g} to {high:.6g}")


def chart(values: np.ndarray, height: int, blocks: str = BLOCKS) -> list[str]:
    """Return a bar chart as lines of text, top line first.

    Bars start at 0, or at the lowest value if that is negative. The smallest bar is
    one block; a value that is not finite leaves a gap.

    Args:
        values: float array of one axis, one value for each bar.
        height: the number of lines.
        blocks: nine characters, from empty to full.
    """
    finite = np.isfinite(values)
    low = min(values[finite], default=0.0)
    low, high = min(low, 0.0), max(values[finite], default=0.0)
    part = (np.where(finite, values, low) - low) / ((high - low) or 1.0)
    eighths = np.where(finite, 1 + np.round(part * (8 * height - 1)), 0).astype(int)
    return [
        "".join(blocks[n] for n in np.clip(eighths - 8 * line, 0, 8))
        for line in reversed(range(height))
    ]
