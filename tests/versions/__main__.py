"""Tries the supported versions: python -m tests.versions [names of lanes].

Each lane (tests/versions/lanes.py) gets an empty environment with its versions and the
package, compiled for its Python. There each feature is used once, the kernel insisted
on, and a part of the tests is run. `--write` puts the results of the lanes that were
run into docs/compatibility.md; the rows of others stay.
"""

import argparse
import datetime
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.versions.lanes import LANES
from tests.versions.lanes import Lane
from tests.versions.page import Row
from tests.versions.page import write

ROOT = Path(__file__).parents[2]
FEATURES = Path(__file__).with_name("features.py")
# Tests that need nothing but pytest and the package, and take seconds.
TESTS = ("tests/schedules/test_config.py", "tests/optimizers/test_sgd.py")
TEST_NEEDS = ("pytest", "mpmath", "hypothesis")


class LaneError(Exception):
    """A lane that could not be run to its end; the text says at which command."""


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
    """Run a lane in an environment below `place`, and return what came of it."""
    row = Row(lane.name, datetime.date.today().isoformat())
    try:
        python = environment(lane, place, work)
        row.versions = versions(python, lane)
        row.features = features(python, lane, place)
        row.tests = tests(python, lane)
    except LaneError as failure:
        row.problem = str(failure)
    return row


def environment(lane: Lane, place: Path, work: Path) -> str:
    """Make the environment of a lane, and return its Python."""
    command([interpreter(lane.python), "-m", "venv", str(place)])
    python = str(place / "bin" / "python")
    command(
        [python, "-m", "pip", "install", "--quiet", *lane.requirements, *TEST_NEEDS]
    )
    command([python, "-m", "pip", "install", "--quiet", str(wheel(lane.python, work))])
    return python


def wheel(version: str, work: Path) -> Path:
    """Return the package's wheel for a version of Python, built once."""
    folder = work / f"wheel-{version}"
    if not folder.exists():
        # The build works in a copy: build/ of one Python must not serve another.
        copy = work / f"sources-{version}"
        names = ["kerasched", "csrc", "setup.py", "pyproject.toml"]
        names += ["README.md", "LICENSE"]
        copy.mkdir()
        for name in names:
            source = ROOT / name
            ignore = shutil.ignore_patterns("*.so", "__pycache__")
            if source.is_dir():
                shutil.copytree(source, copy / name, ignore=ignore)
            else:
                shutil.copy(source, copy)
        pip = [interpreter(version), "-m", "pip"]
        command([*pip, "wheel", "--quiet", "--no-deps", "-w", str(folder), str(copy)])
    (found,) = folder.glob("*.whl")
    return found


def interpreter(version: str) -> str:
    """Return a Python of a version: from the path, or one that pyenv has."""
    root = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    candidates = [shutil.which(f"python{version}"), sys.executable]
    candidates += sorted(map(str, root.glob(f"versions/{version}.*/bin/python")))
    program = "import sys; print('%d.%d' % sys.version_info[:2])"
    for candidate in filter(None, candidates):
        asked = subprocess.run([candidate, "-c", program], capture_output=True)
        if asked.stdout.decode().strip() == version:
            return candidate
    raise LaneError(f"there is no Python {version} here")


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
    output = command([python, "-c", program, lane.backend], lane)
    return json.loads(output.splitlines()[-1])


def features(python: str, lane: Lane, place: Path) -> dict[str, str]:
    """Return what became of each feature."""
    output = command([python, "-P", str(FEATURES)], lane, cwd=place)
    return json.loads(output.splitlines()[-1])["features"]


def tests(python: str, lane: Lane) -> str:
    """Run a part of the tests, and return pytest's last line."""
    files = list(TESTS)
    options = ["-q", "-p", "no:cacheprovider"]
    output = command([python, "-P", "-m", "pytest", *options, *files], lane)
    return output.splitlines()[-1].strip("= ")


def command(words: list[str], lane: Lane | None = None, cwd: Path = ROOT) -> str:
    """Run a command and return its output, or raise LaneError with the end of it."""
    variables = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "2"}
    for name in ("PYTHONPATH", "KERAS_BACKEND"):
        variables.pop(name, None)
    if lane is not None:
        variables["KERAS_BACKEND"] = lane.backend
    done = subprocess.run(words, env=variables, cwd=cwd, capture_output=True)
    output = done.stdout.decode(errors="replace").strip()
    if done.returncode == 0:
        return output
    errors = done.stderr.decode(errors="replace").strip()
    end = "\n".join(f"{output}\n{errors}".strip().splitlines()[-30:])
    print(end, flush=True)
    raise LaneError(
        f"exit code {done.returncode} of {Path(words[0]).name} {words[1:4]}"
    )


if __name__ == "__main__":
    sys.exit(main())
