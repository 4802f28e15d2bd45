"""`kerasched list`, `show` and `plot`: options, and the checks that need no Keras."""

import argparse
from pathlib import Path
from typing import Any

from kerasched.commands.backend import load_any_keras
from kerasched.commands.expression import Request
from kerasched.commands.expression import parse_request
from kerasched.commands.options import check_plot_output
from kerasched.commands.options import step
from kerasched.commands.output import open_console
from kerasched.commands.output import print_json
from kerasched.commands.parsers import add_command
from kerasched.commands.parsers import add_json
from kerasched.errors import UserError

LIST_EXAMPLES = """\
examples:
  kerasched list
  kerasched list --json"""
SHOW_EXAMPLES = """\
examples:
  kerasched show one_cycle
  kerasched show cosine decay_steps=500 end_learning_rate=0.01
  kerasched show 'Warmup(CosineDecay(0.1, 900), 100)' --steps 200
  kerasched show step --json"""
PLOT_EXAMPLES = """\
examples:
  kerasched plot one_cycle -o rate.png
  kerasched plot cosine decay_steps=500 -o rate.svg
  kerasched plot 'Warmup(CosineDecay(0.1, 900), 100)' -o rate.pdf --steps 2000"""
SCHEDULE_FORMS = """\
A schedule is given as one of:
  NAME               a name or class from `kerasched list`, as an example
  NAME key=value     the example with other arguments:
                       cosine decay_steps=500 end_learning_rate=0.01
                     Strings need no quotes (shape=linear). A value can be a
                     schedule: warmup schedule='CosineDecay(0.1, 900)'
  'EXPRESSION'       calls of classes or names, nested or combined with + - * /
                       'Warmup(CosineDecay(0.1, 900), 100)'
                       '0.5 * CosineDecay(0.1, 900) + 0.01'"""


def add_list(commands: Any) -> None:
    """Add the subcommand that lists the schedules."""
    parser = add_command(
        commands,
        "list",
        "list the schedules",
        "List every schedule with its name, its class and a summary.",
        LIST_EXAMPLES,
    )
    add_json(parser, "the list, with references,")
    parser.set_defaults(run=_list)


def add_show(commands: Any) -> None:
    """Add the subcommand that describes a schedule."""
    help = "describe a schedule and draw it in the terminal"
    parser = _add(commands, "show", help, SHOW_EXAMPLES)
    add_json(parser, "the description, with the rates of up to 4000 steps,")
    parser.set_defaults(run=_show)


def add_plot(commands: Any) -> None:
    """Add the subcommand that writes a picture."""
    parser = _add(commands, "plot", "write a picture of a schedule", PLOT_EXAMPLES)
    parser.add_argument(
        "-o",
        "--output",
        type=Path,
        required=True,
        metavar="FILE.png",
        help="the file to write; .svg and .pdf work too",
    )
    add_json(parser, "the file's name and the last step drawn")
    parser.set_defaults(run=_plot)


def _add(commands: Any, name: str, help: str, examples: str) -> Any:
    description = f"{help.capitalize()}."
    parser = add_command(commands, name, help, description, examples, SCHEDULE_FORMS)
    parser.add_argument("schedule", metavar="NAME", help="the schedule, see below")
    parser.add_argument(
        "values", nargs="*", default=[], metavar="key=value", help="arguments of NAME"
    )
    parser.add_argument(
        "--steps",
        type=step,
        metavar="N",
        help="the last step to draw (default: a little past the schedule's end)",
    )
    return parser


def _request(options: argparse.Namespace) -> Request:
    return parse_request([options.schedule, *options.values])


def _list(options: argparse.Namespace) -> int:
    load_any_keras()
    from kerasched.commands.printing import listed
    from kerasched.commands.printing import print_list

    if options.json:
        print_json(listed())
    else:
        print_list(open_console())
    return 0


def _show(options: argparse.Namespace) -> int:
    request = _request(options)
    load_any_keras()
    from kerasched.commands.building import build
    from kerasched.commands.printing import described
    from kerasched.commands.printing import print_schedule

    schedule = build(request)
    if options.json:
        print_json(described(schedule, options.steps))
    else:
        print_schedule(open_console(), schedule, options.steps)
    return 0


def _plot(options: argparse.Namespace) -> int:
    request = _request(options)
    check_plot_output("--output", options.output)
    load_any_keras()
    from kerasched.commands.building import build
    from kerasched.plotting import save_plot
    from kerasched.schedules.sampling import horizon

    schedule = build(request)
    try:
        save_plot(schedule, options.output, options.steps)
    except OSError as error:
        reason = error.strerror or error
        raise UserError(f"{options.output}: cannot be written: {reason}") from error
    last, name = horizon(schedule, options.steps), type(schedule).__name__
    if options.json:
        print_json({"picture": str(options.output), "class": name, "last_step": last})
    else:
        print(f"picture  {options.output}  ({name}, steps 0 to {last})")
    return 0
