"""What `kerasched list` and `kerasched show` print."""

import os
import sys

import numpy as np
from rich.console import Console
from rich.table import Table

from kerasched.commands.building import find
from kerasched.commands.chart import ASCII
from kerasched.commands.chart import BLOCKS
from kerasched.commands.chart import chart
from kerasched.commands.chart import columns
from kerasched.plotting import MAX_POINTS
from kerasched.plotting import horizon
from kerasched.plotting import sample
from kerasched.schedules import Schedule
from kerasched.schedules import list_schedules
from kerasched.schedules.description import arguments
from kerasched.schedules.description import formula

HEIGHT = 6
WIDTH = 60
FILE_WIDTH = 160


def open_console() -> Console:
    """Return where to print: texts as they are, wide lines if no terminal reads them.

    A character that the output's encoding lacks is replaced.
    """
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(errors="replace")
    known = sys.stdout.isatty() or "COLUMNS" in os.environ
    width = None if known else FILE_WIDTH
    return Console(width=width, markup=False, highlight=False, emoji=False)


def show_list(console: Console) -> None:
    """Print a table of all registered schedules."""
    table = Table("name", "class", "summary")
    for entry in list_schedules():
        table.add_row(entry.name, entry.cls.__name__, entry.summary)
    console.print(table)


def show_schedule(console: Console, schedule: Schedule, steps: int | None) -> None:
    """Print a schedule's formula, arguments, source and curve."""
    entry = find(type(schedule).__name__)
    console.print(f"{entry.cls.__name__} ({entry.name})", style="bold")
    console.print(entry.summary)
    console.print()
    for line in formula(entry.cls).splitlines():
        console.print(f"    {line}", soft_wrap=True)
    console.print()
    console.print(_table(schedule))
    console.print(f"source: {entry.reference}\n", soft_wrap=True)
    console.print(repr(schedule), soft_wrap=True)
    _show_curve(console, schedule, horizon(schedule, steps))


def _table(schedule: Schedule) -> Table:
    table = Table("argument", "value", "default", "meaning")
    for argument in arguments(type(schedule)):
        value = repr(getattr(schedule, argument.name))
        default = argument.default or "required"
        table.add_row(argument.name, value, default, argument.meaning)
    return table


def _show_curve(console: Console, schedule: Schedule, last_step: int) -> None:
    rates = schedule.evaluate(sample(last_step, MAX_POINTS))
    finite = rates[np.isfinite(rates)]
    low, high = min(finite, default=0.0), max(finite, default=0.0)
    blocks = BLOCKS if console.encoding.startswith("utf") else ASCII
    labels = [f"{high:.6g}", *[""] * (HEIGHT - 2), f"{min(low, 0.0):.6g}"]
    side = max(map(len, labels))
    width = min(WIDTH, console.width - side - 3)
    for label, line in zip(
        labels, chart(columns(rates, max(width, 10)), HEIGHT, blocks), strict=True
    ):
        console.print(f"{label:>{side}} | {line}", soft_wrap=True)
    console.print(f"steps 0 to {last_step}, rates {low:.6g} to {high:.6g}")
