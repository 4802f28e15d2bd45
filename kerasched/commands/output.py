"""The output of all commands: a console, one line for an error, JSON for programs.

Colours appear only in a terminal, and not if the environment has NO_COLOR.
"""

import json
import os
import sys
from typing import Any

PIPE_WIDTH = 160


def open_console() -> Any:
    """Return a console on standard output that prints text without markup.

    Lines are wide if the output is not a terminal. Characters that the output's
    encoding lacks are replaced.
    """
    from rich.console import Console

    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(errors="replace")
    has_width = sys.stdout.isatty() or "COLUMNS" in os.environ
    width = None if has_width else PIPE_WIDTH
    return Console(width=width, markup=False, highlight=False, emoji=False)


def print_error(text: str) -> None:
    """Print an error as one line on standard error, after the name of the command."""
    from rich.console import Console

    console = Console(stderr=True, markup=False, highlight=False, emoji=False)
    console.print("kerasched: error:", style="bold red", end=" ", soft_wrap=True)
    console.print(" ".join(text.split()), soft_wrap=True)


def print_json(value: Any) -> None:
    """Print JSON-native values on one line."""
    print(json.dumps(value, allow_nan=False), flush=True)
