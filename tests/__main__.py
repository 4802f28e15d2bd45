"""Runs the tests once per installed backend: python -m tests [options of pytest].

Each backend has a process of its own. `--slow` adds the long sweeps, `--backend NAME`
(repeatable) names the backends to run. The run fails if any test fails, if a backend
collects no test, or if fewer than two backends were there. What is computed on the
host alone is tested once, with the first backend.
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

BACKENDS = ("tensorflow", "jax", "torch")
ROOT = Path(__file__).parents[1]


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests", description=__doc__)
    parser.add_argument("--backend", action="append", choices=BACKENDS)
    parser.add_argument("--slow", action="store_true")
    options, pytest_options = parser.parse_known_args()
    installed = [name for name in BACKENDS if importlib.util.find_spec(name)]
    wanted = options.backend or installed
    missing = [name for name in wanted if name not in installed]
    if missing:
        sys.exit(f"Not installed: {', '.join(missing)}")
    if not options.backend and len(wanted) < 2:
        sys.exit(f"Two backends at least are needed. Installed: {', '.join(wanted)}")
    results = {
        name: run(name, [*marks(options.slow, name == wanted[0]), *pytest_options])
        for name in wanted
    }
    total: Counter[str] = Counter()
    for name, counts in results.items():
        print(f"{name}: {line(counts)}")
        total.update(counts)
    print(line(total))
    return 0 if all(passed(counts) for counts in results.values()) else 1


def marks(slow: bool, first: bool) -> list[str]:
    """Return the marks to run; what no backend computes runs with the first."""
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


def passed(counts: Counter[str]) -> bool:
    """Return whether tests were run and none failed."""
    return counts["passed"] > 0 and counts["failed"] == 0


def line(counts: Counter[str]) -> str:
    names = ("passed", "failed", "skipped")
    return ", ".join(f"{counts[name]} {name}" for name in names)


if __name__ == "__main__":
    sys.exit(main())
