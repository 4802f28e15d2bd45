"""Run the tests: python -m tests [--backend NAME] [--thorough] [pytest options].

Without `--thorough` this runs the first tier of docs/testing.md: each behaviour once,
and on every backend only where the backend matters. `--backend NAME` (repeatable)
selects backends; the default is all installed ones. The test files of each backend are
split over several processes. One process per core runs at a time, four at most. Tests
marked `host` run on the first backend only. The run fails if any test fails, if a
backend collects no test, or if fewer than two backends are installed.

`--thorough` adds the tests marked `slow` on each backend, every mutant and both
sanitizers, and prints a table at the end. `--part NAME` (repeatable) selects parts by
their names in that table, such as "tests, jax". `--write` writes the rows to
docs/testing.md.
"""

import argparse
import importlib.util
import sys
from collections import Counter

from tests import processes
from tests import thorough

# JAX comes first and so runs the tests marked `host`: it compiles models the fastest.
BACKENDS = ("jax", "tensorflow", "torch")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests", description=__doc__)
    parser.add_argument("--backend", action="append", choices=BACKENDS)
    parser.add_argument("--thorough", action="store_true")
    parser.add_argument("--part", action="append", metavar="NAME")
    parser.add_argument("--write", action="store_true")
    options, pytest_options = parser.parse_known_args()
    if (options.write or options.part) and not options.thorough:
        parser.error("--part and --write need --thorough")
    if options.write and pytest_options:
        parser.error("--write records whole parts: give no option of pytest")
    installed = [name for name in BACKENDS if importlib.util.find_spec(name)]
    wanted = options.backend or installed
    missing = [name for name in wanted if name not in installed]
    if missing:
        sys.exit(f"Not installed: {', '.join(missing)}")
    if not options.backend and len(wanted) < 2:
        sys.exit(f"Two backends at least are needed. Installed: {', '.join(wanted)}")

    def jobs(name: str) -> list[processes.Job]:
        marked = marks(options.thorough, name == wanted[0])
        flags = "" if options.thorough else processes.QUICK_XLA
        return processes.jobs(name, [*marked, *pytest_options], flags)

    if options.thorough:

        def tests_on(name: str) -> Counter[str]:
            return processes.run(jobs(name), bool(pytest_options))[name]

        works = thorough.parts(wanted, tests_on)
        if unknown := set(options.part or ()) - set(works):
            parser.error(f"no such part: {sorted(unknown)}. Choose from {list(works)}")
        chosen = {name: works[name] for name in options.part or works}
        return thorough.run_all(chosen, options.write)
    # TensorFlow's jobs take longest and start first. The short jobs fill the end.
    every = [job for name in reversed(wanted) for job in jobs(name)]
    results = processes.run(every, bool(pytest_options))
    total: Counter[str] = Counter()
    for name in wanted:
        print(f"{name}: {thorough.line(results[name])}")
        total.update(results[name])
    print(thorough.line(total))
    return 0 if all(map(thorough.passed, results.values())) else 1


def marks(slow: bool, first: bool) -> list[str]:
    """Return pytest's options that select tests; `host` runs on the first backend."""
    left_out = ["slow"] * (not slow) + ["host"] * (not first)
    return ["-m", " and ".join(f"not {mark}" for mark in left_out)] if left_out else []


if __name__ == "__main__":
    sys.exit(main())
