"""`kerasched list`, `show` and `plot`: options, and the checks that need no Keras."""

import argparse
from pathlib import Path
from typing import Any

from kerasched.commands.expression import read
from kerasched.commands.loading import load_any_keras
from kerasched.commands.numbers import step
from kerasched.demo.settings import check_picture
from kerasched.errors import UserError

WHAT = """\
what to draw:
  NAME               a name or class that `kerasched list` shows: its example
  NAME key=value     the same with other arguments, as in
                       cosine decay_steps=500 end_learning_rate=0.01
                     a word needs no quotes (shape=linear), and a value may be a
                     schedule: warmup schedule='CosineDecay(0.1, 900)'
  'EXPRESSION'       calls of classes or names, nested or combined by + - * /
                       'Warmup(CosineDecay(0.1, 900), 100)'
                       '0.5 * CosineDecay(0.1, 900) + 0.01'
"""


def add_list(commands: Any) -> None:
    """Add the subcommand that lists the schedules."""
    parser = commands.add_parser(
        "list",
        help="list the schedules",
        description="List every schedule: its name, its class and what it does.",
    )
    parser.set_defaults(run=_list)


def add_show(commands: Any) -> None:
    """Add the subcommand that describes a schedule."""
    parser = _add(commands, "show", "describe a schedule and draw it in the terminal")
    parser.set_defaults(run=_show)


def add_plot(commands: Any) -> None:
    """Add the subcommand that writes a picture."""
    parser = _add(commands, "plot", "write a picture of a schedule")
    parser.add_argument(
        "-o",
        "--output",
        type=Path,
        required=True,
        metavar="FILE.png",
        help="the file to write; .svg and .pdf do too",
    )
    parser.set_defaults(run=_plot)


def _add(commands: Any, name: str, help: str) -> Any:
    parser = commands.add_parser(
        name,
        help=help,
        description=f"{help.capitalize()}.",
        epilog=WHAT,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("schedule", metavar="NAME", help="see below")
    parser.add_argument(
        "values", nargs="*", metavar="key=value", help="arguments of NAME"
    )
    parser.add_argument("--steps", type=step, metavar="N", help="the last step drawn")
    return parser


def _list(options: argparse.Namespace) -> int:
    load_any_keras()
    from kerasched.commands.showing import open_console
    from kerasched.commands.showing import show_list

    show_list(open_console())
    return 0


def _show(options: argparse.Namespace) -> int:
    request = read([options.schedule, *options.values])
    load_any_keras()
    from kerasched.commands.building import build
    from kerasched.commands.showing import open_console
    from kerasched.commands.showing import show_schedule

    show_schedule(open_console(), build(request), options.steps)
    return 0


def _plot(options: argparse.Namespace) -> int:
    request = read([options.schedule, *options.values])
    check_picture("--output", options.output)
    load_any_keras()
    from kerasched.commands.building import build
    from kerasched.plotting import horizon
    from kerasched.plotting import save_plot

    schedule = build(request)
    try:
        save_plot(schedule, options.output, options.steps)
    except OSError as error:
        reason = error.strerror or error
        raise UserError(f"{options.output}: cannot be written: {reason}") from error
    last = horizon(schedule, options.steps)
    print(f"picture  {options.output}  ({type(schedule).__name__}, steps 0 to {last})")
    return 0
