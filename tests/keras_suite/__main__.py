"""Runs Keras's tests on our optimizers: python -m tests.keras_suite [file ...].

Options of pytest go after `--`; `--fused` makes `fused=True` the default, and `--keras`
runs Keras's own classes. KERAS_BACKEND names the backend.
"""

import argparse
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from keras_suite.run import FILES  # noqa: E402
from keras_suite.run import command  # noqa: E402
from keras_suite.run import environment  # noqa: E402


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.keras_suite")
    parser.add_argument("--fused", action="store_true")
    parser.add_argument("--keras", action="store_true")
    parser.add_argument("--ours", default="kerasched", help="a module of classes")
    parser.add_argument("names", nargs="*")
    options = parser.parse_args()
    files = [name for name in options.names if name in FILES]
    rest = [name for name in options.names if name not in FILES]
    given = [] if options.keras else ["--ours", options.ours]
    given += ["--ours-fused"] * options.fused
    run = command(files or FILES, [*given, *rest])
    return subprocess.run(run, env=environment()).returncode


if __name__ == "__main__":
    sys.exit(main())
