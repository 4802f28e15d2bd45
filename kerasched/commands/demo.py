"""`kerasched demo`: its options, and the checks that need no Keras."""

import argparse
import json
import math
from pathlib import Path
from typing import Any

from kerasched.commands.loading import load_keras
from kerasched.commands.numbers import positive_integer
from kerasched.demo.settings import BACKENDS
from kerasched.demo.settings import Settings
from kerasched.demo.settings import check_files
from kerasched.demo.settings import choose_backend
from kerasched.demo.table import built_in_table
from kerasched.demo.table import check_size
from kerasched.demo.table import read_table
from kerasched.errors import UserError


def add_demo(commands: Any) -> None:
    """Add the subcommand to a parser's subcommands."""
    demo = commands.add_parser(
        "demo",
        help="train, save, load and predict on real data under a schedule",
        description="Run the learning-rate pipeline from data to prediction: a table "
        "is normalised, a small network is trained under a schedule that halves the "
        "rate every second epoch, saved, and loaded again in a fresh process.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    demo.set_defaults(run=_run)
    add = demo.add_argument
    add("--data", type=Path, metavar="FILE.csv", help="a table of yours with a header")
    add("--target", metavar="COLUMN", help="the column of FILE.csv with two classes")
    add("--backend", choices=BACKENDS, help="what Keras runs on")
    add("--epochs", type=positive_integer, default=6, metavar="N", help="epochs")
    add(
        "--batch-size",
        type=positive_integer,
        default=32,
        metavar="N",
        help="rows in a batch",
    )
    add(
        "--learning-rate",
        type=_positive_number,
        default=0.1,
        metavar="RATE",
        help="the rate of the first two epochs",
    )
    add("--momentum", type=_momentum, default=0.9, metavar="M", help="0 to 1")
    add("--seed", type=_seed, default=0, metavar="N", help="of split, weights, order")
    add(
        "--save",
        type=Path,
        default=Path("kerasched-demo.keras"),
        metavar="FILE.keras",
        help="where the trained model is saved",
    )
    add("--plot", type=Path, metavar="FILE.png", help="draw rate and loss over steps")
    add("--json", action="store_true", help="print the trace as JSON and nothing else")


def _run(options: argparse.Namespace) -> int:
    if (options.data is None) != (options.target is None):
        raise UserError("--data and --target go together: name the file and its column")
    settings = Settings(
        backend=choose_backend(options.backend),
        epochs=options.epochs,
        batch_size=options.batch_size,
        learning_rate=options.learning_rate,
        momentum=options.momentum,
        seed=options.seed,
        save=options.save,
        plot=options.plot,
    )
    check_files(settings)
    if options.data is None:
        table = built_in_table()
    else:
        table = read_table(options.data, options.target)
    check_size(table, settings.batch_size)
    load_keras(settings.backend)

    from rich.console import Console

    from kerasched.demo.run import run

    log = Console(stderr=True) if options.json else Console()
    console = Console(quiet=True) if options.json else log
    trace = run(settings, table, console, log)
    if options.json:
        print(json.dumps(trace.to_json(), allow_nan=False), flush=True)
    return 0 if trace.reloaded.faithful else 1


def _seed(text: str) -> int:
    number = int(text)
    if not 0 <= number < 2**32:
        raise ValueError
    return number


def _positive_number(text: str) -> float:
    number = float(text)
    if not (math.isfinite(number) and number > 0.0):
        raise ValueError
    return number


def _momentum(text: str) -> float:
    number = float(text)
    if not 0.0 <= number <= 1.0:
        raise ValueError
    return number


_seed.__name__ = "seed (an integer from 0 to 4294967295)"
_positive_number.__name__ = "positive number"
_momentum.__name__ = "momentum (a number from 0 to 1)"
