"""The `kerasched` command. It loads Keras only when a subcommand needs it."""

import argparse
import os
import sys
from collections.abc import Sequence
from typing import NoReturn

from kerasched.commands.demo import add_demo
from kerasched.commands.info import add_info
from kerasched.commands.info import add_version
from kerasched.commands.output import print_error
from kerasched.commands.parsers import exit_codes
from kerasched.commands.schedules import add_list
from kerasched.commands.schedules import add_plot
from kerasched.commands.schedules import add_show
from kerasched.errors import UserError

EXAMPLES = """\
examples:
  kerasched demo                       train, save and load a model on real data
  kerasched list                       the names of all schedules
  kerasched show cosine                what a schedule does, and its curve
  kerasched plot cosine -o cosine.png  a picture of it
  kerasched info                       versions, and which code updates weights
  kerasched show --help                options and examples of a command"""


class _Parser(argparse.ArgumentParser):
    """A parser whose errors are one line, like all errors of the command."""

    def error(self, message: str) -> NoReturn:
        raise UserError(f"{message} (see {self.prog} --help)")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code, which is 2 for a user error."""
    try:
        try:
            options = _parser().parse_args(arguments)
            return options.run(options)
        finally:
            sys.stdout.flush()  # At exit a closed pipe would be a traceback.
    except UserError as error:
        print_error(str(error))
        return 2
    except BrokenPipeError:
        # The reader of the output is gone. Python must not flush into it at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except KeyboardInterrupt:
        print("kerasched: interrupted", file=sys.stderr)
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="kerasched",
        description="Learning-rate schedules for Keras 3.",
        epilog=f"{EXAMPLES}\n\n{exit_codes()}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_version(parser)
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    for add in (add_demo, add_list, add_show, add_plot, add_info):
        add(commands)
    return parser
