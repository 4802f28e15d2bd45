"""`kerasched info`: what runs the updates of kerasched.SGD here, and why."""

import argparse
import warnings
from typing import Any

from kerasched.commands.loading import load_keras
from kerasched.demo.settings import BACKENDS
from kerasched.demo.settings import choose_backend


def add_info(commands: Any) -> None:
    """Add the subcommand to a parser's subcommands."""
    info = commands.add_parser(
        "info",
        help="say what runs the updates of kerasched.SGD here, and why",
        description="Say which code runs the updates of kerasched.SGD on a backend, "
        "why, and with which instruction set and threads.",
    )
    info.add_argument("--backend", choices=BACKENDS, help="what Keras runs on")
    info.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    load_keras(choose_backend(options.backend))
    import kerasched
    from kerasched.kernels.report import report

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # The report says it.
        lines = {"kerasched": kerasched.__version__, **report()}
    width = max(map(len, lines))
    for name, text in lines.items():
        print(f"{name:{width}}  {text}")
    return 0
