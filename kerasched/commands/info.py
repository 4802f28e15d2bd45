"""`kerasched info`: which code runs the updates of our optimizers here, and why."""

import argparse
import warnings
from typing import Any

from kerasched.commands.backend import BACKENDS
from kerasched.commands.backend import choose_backend
from kerasched.commands.backend import load_keras


def add_info(commands: Any) -> None:
    """Add the subcommand to a parser's subcommands."""
    info = commands.add_parser(
        "info",
        help="show which code runs the updates of our optimizers here, and why",
        description="Show versions, the processor, which code runs the updates of our "
        "optimizers on a backend, and why.",
    )
    info.add_argument("--backend", choices=BACKENDS, help="the backend of Keras")
    info.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    load_keras(choose_backend(options.backend))
    import kerasched
    from kerasched.kernels.report import report

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # The report has the same text.
        lines = {"kerasched": kerasched.__version__, **report()}
    width = max(map(len, lines))
    for name, text in lines.items():
        print(f"{name:{width}}  {text}")
    return 0
