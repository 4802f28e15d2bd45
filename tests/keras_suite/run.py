"""Runs Keras's test files in a child process and reads the report."""

import importlib.util
import os
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass
from pathlib import Path

TESTS = Path(__file__).parents[1]
FILES = (
    "sgd_test",
    "adam_test",
    "adamw_test",
    "lion_test",
    "optimizer_test",
    "optimizer_sparse_test",
    "loss_scale_optimizer_test",
    "multi_optimizer_test",
)


@dataclass(frozen=True)
class Case:
    """The result of a case, and the number of optimizers that it created, by class."""

    outcome: str
    text: str
    substitute: int
    keras: int


def folder():
    """Return the folder of Keras's tests in the installed package."""
    return Path(importlib.util.find_spec("keras").origin).parent / "src" / "optimizers"


def command(files, options):
    """Return the command that runs test files.

    The import mode is `append`, which imports Keras's package under its own name. With
    `importlib`, pytest would load its parent package a second time.
    """
    paths = [str(folder() / f"{name}.py") for name in files]
    start = [sys.executable, "-m", "pytest", "-q", "-p", "keras_suite.plugin"]
    start += ["-p", "no:cacheprovider", "--import-mode=append", "-W", "ignore"]
    return [*start, "--rootdir", str(folder()), *options, *paths]


def environment():
    """Return the environment with the plugin on the path, without pytest options."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith("PYTEST_")}
    paths = [str(TESTS), *filter(None, [os.environ.get("PYTHONPATH")])]
    path = os.pathsep.join(paths)
    return {**kept, "PYTHONPATH": path, "PYTHONSAFEPATH": "1"}


def collected(files=FILES):
    """Return the names of the cases in Keras's test files."""
    done = run(files, ["--collect-only"])
    return {line for line in done.stdout.splitlines() if "::" in line}


def results(report, files=FILES, *, ours="kerasched", options=()):
    """Run test files with other classes instead of Keras's, and return the cases."""
    run(files, ["--ours", ours, f"--junitxml={report}", *options])
    root = ElementTree.parse(report).getroot()
    return dict(map(case, root.iter("testcase")))


def run(files, options):
    """Run pytest in a child process."""
    return subprocess.run(
        command(files, options), env=environment(), capture_output=True, text=True
    )


def case(element):
    """Return the name of a case and its result in the report."""
    file, _, group = element.get("classname").rpartition(".")
    found = {child.tag: child for child in element}
    outcome = next((k for k in ("failure", "error", "skipped") if k in found), "passed")
    text = found[outcome].get("message") or "" if outcome in found else ""
    made = {p.get("name"): int(p.get("value")) for p in element.iter("property")}
    counts = [made.get(name, 0) for name in ("substitute", "keras")]
    return f"{file}.py::{group}::{element.get('name')}", Case(outcome, text, *counts)
