"""`kerasched info`: which code runs the updates of our optimizers here, and why."""

import argparse
import warnings
from typing import Any

from kerasched.commands.backend import add_backend
from kerasched.commands.backend import choose_backend
from kerasched.commands.backend import load_keras
from kerasched.commands.output import open_console
from kerasched.commands.output import print_json
from kerasched.commands.parsers import add_command
from kerasched.commands.parsers import add_json

EXAMPLES = """\
examples:
  kerasched info                 on the backend that Keras is configured to use
  kerasched info --backend jax   on another one
  kerasched info --json          for a program, or a bug report"""


def add_info(commands: Any) -> None:
    """Add the subcommand to a parser's subcommands."""
    info = add_command(
        commands,
        "info",
        "show versions and which code runs the updates of our optimizers",
        "Show versions, the processor, which code runs the updates of our "
        "optimizers on a backend, and why.",
        EXAMPLES,
    )
    add_backend(info)
    add_json(info, "the lines by their names")
    info.set_defaults(run=_run)


def add_version(parser: argparse.ArgumentParser) -> None:
    """Add the option that prints the version of this package."""
    import kerasched

    version = f"kerasched {kerasched.__version__}"
    help = "show the version and exit"
    parser.add_argument("--version", action="version", version=version, help=help)


def _run(options: argparse.Namespace) -> int:
    load_keras(choose_backend(options.backend))
    import kerasched
    from kerasched.kernels.report import report

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # The report has the same text.
        lines = {"kerasched": kerasched.__version__, **report()}
    if options.json:
        print_json(lines)
        return 0
    console, width = open_console(), max(map(len, lines))
    for name, text in lines.items():
        console.print(f"{name:{width}}  ", style="bold", end="")
        console.print(text, soft_wrap=True)
    return 0
