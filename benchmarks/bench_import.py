"""Times what importing the package adds to Keras: python benchmarks/bench_import.py.

Writes the processor time to a JSON file. Fails if the floor is missed.
"""

import argparse
import sys
from pathlib import Path

from rich.console import Console
from rich.progress import track

FOLDER = Path(__file__).resolve().parent
sys.path.insert(0, str(FOLDER))

from children import call  # noqa: E402
from children import installed  # noqa: E402
from floors import IMPORT_SECONDS  # noqa: E402
from machine import described  # noqa: E402
from machine import write  # noqa: E402
from timing import summary  # noqa: E402


def seconds() -> float:
    """Return the processor time of the import in a new process, in seconds."""
    import time

    import keras  # noqa: F401

    start = time.process_time()
    import kerasched  # noqa: F401

    return time.process_time() - start


def main() -> int:
    """Run the benchmark as the command line asks."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument(
        "--output", type=Path, default=FOLDER / "results" / "import.json"
    )
    options = parser.parse_args()
    backends = installed(None)
    times: dict[str, list[float]] = {backend: [] for backend in backends}
    for _ in track(range(options.rounds), "import", console=Console(stderr=True)):
        for backend in backends:
            times[backend].append(call(backend, "bench_import", "seconds", {}))
    result = described(
        rounds=options.rounds,
        processor_seconds={name: summary(found) for name, found in times.items()},
    )
    write(result, options.output)
    missed = False
    for name, found in result["processor_seconds"].items():
        print("{}: {median:.3f} s ({min:.3f} to {max:.3f})".format(name, **found))
        missed |= found["min"] > IMPORT_SECONDS
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
