"""Runs the tests: python -m tests [--backend NAME] [--thorough] [options of pytest].

Without `--thorough` this is the first tier of docs/testing.md: each behaviour once, on
every backend only where the backend matters. Each backend has processes of its own;
`--backend NAME` (repeatable) names the backends to run, all that are installed if none
is named. Tests marked `host` are run with the first backend alone. The run fails if any
test fails, if a backend collects no test, or if fewer than two backends were there.

`--thorough` adds the tests marked `slow` on each backend, every mutant and both
sanitizers, and ends with a table; `--write` puts that table into docs/testing.md.
"""

import argparse
import importlib.util
import os
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ElementTree
from collections import Counter
from pathlib import Path

from tests import thorough

# JAX first: tests marked `host` run there, as its models are the fastest to compile.
BACKENDS = ("jax", "tensorflow", "torch")
ROOT = Path(__file__).parents[1]


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests", description=__doc__)
    parser.add_argument("--backend", action="append", choices=BACKENDS)
    parser.add_argument("--thorough", action="store_true")
    parser.add_argument("--write", action="store_true")
    options, pytest_options = parser.parse_known_args()
    if options.write and (options.backend or pytest_options or not options.thorough):
        parser.error("--write needs --thorough and a whole run, without other options")
    installed = [name for name in BACKENDS if importlib.util.find_spec(name)]
    wanted = options.backend or installed
    missing = [name for name in wanted if name not in installed]
    if missing:
        sys.exit(f"Not installed: {', '.join(missing)}")
    if not options.backend and len(wanted) < 2:
        sys.exit(f"Two backends at least are needed. Installed: {', '.join(wanted)}")

    def tests_on(name: str) -> Counter[str]:
        marked = marks(options.thorough, name == wanted[0])
        return run(name, [*marked, *pytest_options])

    if options.thorough:
        return thorough.run_all(wanted, tests_on, options.write)
    results = {name: tests_on(name) for name in wanted}
    total: Counter[str] = Counter()
    for name, counts in results.items():
        print(f"{name}: {thorough.line(counts)}")
        total.update(counts)
    print(thorough.line(total))
    return 0 if all(map(thorough.passed, results.values())) else 1


def marks(slow: bool, first: bool) -> list[str]:
    """Return the marks to run; tests marked `host` run with the first backend."""
    left_out = ["slow"] * (not slow) + ["host"] * (not first)
    return ["-m", " and ".join(f"not {mark}" for mark in left_out)] if left_out else []


def run(backend: str, options: list[str]) -> Counter[str]:
    """Run pytest on one backend and return the counts of its report."""
    print(f"=== {backend}", flush=True)
    environment = {
        **os.environ,
        "KERAS_BACKEND": backend,
        "TF_CPP_MIN_LOG_LEVEL": "2",
        # The folder of the sources must not stand in for the installed package.
        "PYTHONSAFEPATH": "1",
    }
    workers = min(os.cpu_count() or 1, 4)
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder, "report.xml")
        command = [sys.executable, "-m", "pytest", str(ROOT / "tests")]
        command += [
            "-q",
            "-n",
            str(workers),
            "--dist=loadfile",
            # conftest.py starts the longest files first.
            "--no-loadscope-reorder",
            f"--junitxml={report}",
            *options,
        ]
        code = subprocess.run(command, cwd=ROOT, env=environment).returncode
        counts = read(report)
    counts["failed"] += int(code != 0 and not counts["failed"])
    return counts


def read(report: Path) -> Counter[str]:
    """Return how many tests passed, failed and were skipped."""
    counts: Counter[str] = Counter(passed=0, failed=0, skipped=0)
    if not report.exists():
        return counts
    for suite in ElementTree.parse(report).getroot().iter("testsuite"):
        failed = int(suite.get("failures", 0)) + int(suite.get("errors", 0))
        skipped = int(suite.get("skipped", 0))
        counts["failed"] += failed
        counts["skipped"] += skipped
        counts["passed"] += int(suite.get("tests", 0)) - failed - skipped
    return counts


if __name__ == "__main__":
    sys.exit(main())
