"""Test the supported versions: python -m tests.versions [names of lanes].

Each lane (tests/versions/lanes.py) gets a new environment with its versions and the
package, compiled for its Python. There each feature runs once, with `fused=True`, and a
part of the tests runs. `--write` writes the results to docs/compatibility.md and keeps
the rows of other lanes.
"""

import argparse
import datetime
import json
import shutil
import sys
import tempfile
from pathlib import Path

from tests.environments import CommandError
from tests.environments import command
from tests.environments import copy_of_the_tree
from tests.environments import interpreter
from tests.environments import venv
from tests.versions.lanes import LANES
from tests.versions.lanes import Lane
from tests.versions.page import Row
from tests.versions.page import write

FEATURES = Path(__file__).with_name("features.py")
# Tests that need only pytest and the package and take seconds.
TESTS = ("tests/schedules/test_config.py", "tests/optimizers/test_sgd.py")
TEST_NEEDS = ("pytest", "mpmath", "hypothesis")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.versions")
    parser.add_argument("lanes", nargs="*", metavar="LANE", help="all where none given")
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    known = {lane.name: lane for lane in LANES}
    unknown = [name for name in options.lanes if name not in known]
    if unknown:
        parser.error(f"no lane {', '.join(unknown)}. Lanes: {', '.join(known)}")
    chosen = [known[name] for name in options.lanes] or list(LANES)
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for number, lane in enumerate(chosen, 1):
            print(f"=== {lane.name} ({number} of {len(chosen)})", flush=True)
            place = Path(folder, f"lane{number}")
            rows.append(run(lane, place, Path(folder)))
            print(rows[-1].text(), flush=True)
            shutil.rmtree(place, ignore_errors=True)
    if options.write:
        write(rows)
    failed = sum(not row.is_green for row in rows)
    print(f"{len(rows) - failed} passed, {failed} failed")
    return 1 if failed else 0


def run(lane: Lane, place: Path, work: Path) -> Row:
    """Run a lane in an environment below `place`, and return the results."""
    row = Row(lane.name, datetime.date.today().isoformat())
    try:
        python = environment(lane, place, work)
        row.versions = versions(python, lane)
        row.features = features(python, lane, place)
        row.tests = tests(python, lane)
    except CommandError as failure:
        row.problem = str(failure)
    return row


def environment(lane: Lane, place: Path, work: Path) -> str:
    """Create the environment of a lane, and return its Python."""
    python = venv(lane.python, place)
    command(
        [python, "-m", "pip", "install", "--quiet", *lane.requirements, *TEST_NEEDS]
    )
    command([python, "-m", "pip", "install", "--quiet", str(wheel(lane.python, work))])
    return python


def wheel(version: str, work: Path) -> Path:
    """Return the package's wheel for a version of Python, built once."""
    folder = work / f"wheel-{version}"
    if not folder.exists():
        # A copy, so that one Python does not use build/ of another.
        copy = copy_of_the_tree(work / f"sources-{version}")
        pip = [interpreter(version), "-m", "pip"]
        command([*pip, "wheel", "--quiet", "--no-deps", "-w", str(folder), str(copy)])
    (found,) = folder.glob("*.whl")
    return found


def on(lane: Lane) -> dict[str, str]:
    """Return the environment variables of a lane."""
    return {"KERAS_BACKEND": lane.backend}


def versions(python: str, lane: Lane) -> dict[str, str]:
    """Return the versions that are installed in an environment."""
    program = (
        "import importlib.metadata as m, json, platform, sys\n"
        "from kerasched.kernels.tested import LABELS, installed\n"
        "backend = sys.argv[1]\n"
        "print(json.dumps({'python': platform.python_version(),"
        " 'keras': m.version('keras'), 'numpy': m.version('numpy'),"
        " 'framework': f'{LABELS[backend]} {installed(backend)}'}))"
    )
    output = command([python, "-c", program, lane.backend], on(lane))
    return json.loads(output.splitlines()[-1])


def features(python: str, lane: Lane, place: Path) -> dict[str, str]:
    """Return the result of each feature."""
    output = command([python, "-P", str(FEATURES)], on(lane), place)
    return json.loads(output.splitlines()[-1])["features"]


def tests(python: str, lane: Lane) -> str:
    """Run a part of the tests, and return pytest's last line."""
    files = list(TESTS)
    options = ["-q", "-p", "no:cacheprovider"]
    output = command([python, "-P", "-m", "pytest", *options, *files], on(lane))
    return output.splitlines()[-1].strip("= ")


if __name__ == "__main__":
    sys.exit(main())
