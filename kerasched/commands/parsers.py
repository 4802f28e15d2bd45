"""The parsers of the subcommands, whose help has examples and exit codes."""

import argparse
import textwrap
from typing import Any

FAILURE = "an internal error, or the output was closed early"
WIDTH = 80


def exit_codes(failure: str = FAILURE) -> str:
    """Return the part of a help text that explains the exit codes.

    Args:
        failure: what exit code 1 means.
    """
    return (
        "exit codes:\n"
        "  0    success\n"
        f"  1    {failure}\n"
        "  2    a user error, which one line on standard error explains\n"
        "  130  interrupted by Ctrl-C"
    )


def add_command(
    commands: Any,
    name: str,
    help: str,
    description: str,
    *parts: str,
    failure: str = FAILURE,
) -> argparse.ArgumentParser:
    """Add a subcommand and return its parser.

    Args:
        commands: the subcommands of the main parser.
        name: the name of the subcommand.
        help: the line in the list of commands.
        description: the text above the options.
        parts: the texts below the options, whose lines are kept.
        failure: what exit code 1 means.
    """
    return commands.add_parser(
        name,
        help=help,
        description=textwrap.fill(description, WIDTH),
        epilog="\n\n".join([*parts, exit_codes(failure)]),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )


def add_json(parser: argparse.ArgumentParser, what: str) -> None:
    """Add the option for output that a program reads."""
    parser.add_argument(
        "--json", action="store_true", help=f"print {what} as JSON, nothing else"
    )
