"""`kerasched demo`: its options, and the checks that need no Keras."""

import argparse
from dataclasses import fields
from pathlib import Path
from typing import Any

from kerasched.commands.backend import add_backend
from kerasched.commands.backend import choose_backend
from kerasched.commands.backend import filtered_stderr
from kerasched.commands.backend import load_keras
from kerasched.commands.options import check_installed
from kerasched.commands.options import check_output
from kerasched.commands.options import check_plot_output
from kerasched.commands.options import momentum
from kerasched.commands.options import positive_integer
from kerasched.commands.options import positive_number
from kerasched.commands.options import seed
from kerasched.commands.output import print_json
from kerasched.commands.parsers import add_command
from kerasched.commands.parsers import add_json
from kerasched.demo.table import Table
from kerasched.demo.table import built_in_table
from kerasched.demo.table import check_size
from kerasched.demo.table import read_table
from kerasched.demo.trace import Settings
from kerasched.errors import UserError

EXAMPLES = """\
examples:
  kerasched demo
  kerasched demo --plot rate.png --save model.keras
  kerasched demo --data patients.csv --target ill --epochs 10 --seed 1
  kerasched demo --json > results.json"""
FAILURE = "the loaded model differs from the saved one, or an internal error"


def add_demo(commands: Any) -> None:
    """Add the subcommand to a parser's subcommands."""
    demo = add_command(
        commands,
        "demo",
        "train, save, load and predict on real data under a schedule",
        "Run a training pipeline from data to prediction: normalise a table, train a "
        "small network under a schedule that halves the learning rate every second "
        "epoch, save the model, and load it again in a fresh process.",
        EXAMPLES,
        failure=FAILURE,
    )
    demo.set_defaults(run=_run)
    demo.add_argument(
        "--data",
        type=Path,
        metavar="FILE.csv",
        help="your own table, with a header (default: scikit-learn's breast cancer)",
    )
    demo.add_argument(
        "--target", metavar="COLUMN", help="the column of FILE.csv with two classes"
    )
    add_backend(demo)

    def add(name: str, of_type: Any, metavar: str, help: str) -> None:
        default = getattr(Settings, name.removeprefix("--").replace("-", "_"))
        help = f"{help} (default: {default})"
        demo.add_argument(
            name, type=of_type, metavar=metavar, default=default, help=help
        )

    add("--epochs", positive_integer, "N", "number of epochs")
    add("--batch-size", positive_integer, "N", "rows in a batch")
    add("--learning-rate", positive_number, "RATE", "rate of the first two epochs")
    add("--momentum", momentum, "M", "momentum of SGD, from 0 to 1")
    add("--seed", seed, "N", "seed of the split, the weights and the shuffling")
    add("--save", Path, "FILE.keras", "file for the trained model")
    demo.add_argument(
        "--plot",
        type=Path,
        metavar="FILE.png",
        help="plot learning rate and loss over the steps",
    )
    add_json(demo, "the results")


def check_files(save: Path, plot: Path | None) -> None:
    """Raise UserError unless the output files can be written. Nothing is written."""
    check_output("--save", save, ".keras")
    if plot is not None:
        check_plot_output("--plot", plot)


def _run(options: argparse.Namespace) -> int:
    if (options.data is None) != (options.target is None):
        raise UserError("--data and --target go together: give both or neither")
    options.backend = choose_backend(options.backend)
    check_files(options.save, options.plot)
    table = _table(options)
    load_keras(options.backend)
    import keras

    with filtered_stderr():  # If TensorFlow is installed, Keras imports it here.
        keras.utils.set_random_seed(options.seed)

    from rich.console import Console

    from kerasched.demo.run import run

    settings = {field.name: getattr(options, field.name) for field in fields(Settings)}
    log = Console(stderr=True) if options.json else Console()
    console = Console(quiet=True) if options.json else log
    trace = run(Settings(**settings), table, console, log)
    if options.json:
        print_json(trace.to_json())
    return 0 if trace.reloaded and trace.reloaded.faithful else 1


def _table(options: argparse.Namespace) -> Table:
    if options.data is None:
        check_installed("sklearn", '"kerasched[demo]"', "the built-in table")
        table = built_in_table()
    else:
        table = read_table(options.data, options.target)
    check_size(table, options.batch_size)
    return table
