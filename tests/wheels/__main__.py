"""Build and test the distributions: python -m tests.wheels [--python VERSION].

`python -m build` builds the source distribution and a wheel from it, and auditwheel
finds the oldest platform that the wheel's symbols allow. The source distribution must
contain all files that its tests read, and build without network once its requirements
are installed. The wheel must contain only the package, install without a compiler,
train on TensorFlow and JAX with `fused=True`, and pass the kernel's exact tests. The
same holds for a wheel built with clang, if it is installed.

`--python` (repeatable) selects versions of Python, and `--compiler` (repeatable)
compilers to test besides the default, instead of clang. `--dist FOLDER` tests the
source distribution and the wheels in a folder and builds nothing. `--out FOLDER` keeps
the built files. `--write` writes the results to docs/releasing.md.
"""

import argparse
import platform
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests.environments import CommandError
from tests.wheels import building
from tests.wheels import contents
from tests.wheels.building import Wheel
from tests.wheels.page import Row
from tests.wheels.page import write
from tests.wheels.trial import Trial


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.wheels", description=__doc__)
    parser.add_argument("--python", action="append", metavar="VERSION")
    parser.add_argument("--compiler", action="append", choices=building.COMPILERS)
    parser.add_argument("--dist", type=Path, metavar="FOLDER")
    parser.add_argument("--out", type=Path, metavar="FOLDER")
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    if options.dist and (options.python or options.compiler or options.out):
        parser.error("--dist builds nothing: give no --python, --compiler and --out")
    here = ".".join(platform.python_version_tuple()[:2])
    rows: list[Row] = []
    try:
        with tempfile.TemporaryDirectory() as folder:
            work = Path(folder)
            if options.dist:
                for sdist in options.dist.glob("*.tar.gz"):
                    check_sdist(sdist)
                wheels = map(prebuilt, sorted(options.dist.glob("*.whl")))
            else:
                wheels = built(options, options.python or [here], work)
            trials: dict[str, Trial] = {}
            for wheel in wheels:
                rows.append(tried(wheel, trials, work))
    except CommandError as failure:
        print(f"FAILED: {failure}")
        print(f"{len(rows)} passed, 1 failed")
        return 1
    if options.write:
        write(rows)
    print(f"{len(rows)} passed, 0 failed")
    return 0 if rows else 1


def prebuilt(path: Path) -> Wheel:
    """Return a wheel that was built elsewhere."""
    return Wheel(path, "as given")


def built(
    options: argparse.Namespace, versions: list[str], work: Path
) -> Iterator[Wheel]:
    """Build for each version of Python, and yield the wheels of each compiler."""
    others = options.compiler or ["clang++"] * bool(shutil.which("clang++"))
    for version in versions:
        say(f"building for Python {version}")
        workshop = building.Workshop(version, work)
        sdist, wheel = workshop.build()
        check_sdist(sdist)
        if options.out:
            options.out.mkdir(parents=True, exist_ok=True)
            shutil.copy(sdist, options.out)
            shutil.copy(wheel.path, options.out)
        yield wheel
        network = "no network" if building.without_network() else "pip's --no-index"
        say(f"building {sdist.name} again, with {network}")
        workshop.build_offline(sdist, building.default_compiler())
        for compiler in others:
            say(f"building {sdist.name} with {compiler}")
            yield workshop.build_offline(sdist, compiler)


def check_sdist(sdist: Path) -> None:
    """Raise if a source distribution has missing or unexpected files."""
    say(f"the contents of {sdist.name}")
    raise_any(contents.problems_of_sdist(contents.in_sdist(sdist)))


def tried(wheel: Wheel, trials: dict[str, Trial], work: Path) -> Row:
    """Return the result of testing a wheel in the environment of its Python."""
    say(f"the contents of {wheel.path.name}")
    packed = contents.in_wheel(wheel.path)
    raise_any(contents.problems_of_wheel(packed))
    if not any(name.startswith("kerasched/_native.") for name in packed):
        raise CommandError("the wheel has no extension")
    say(f"{wheel.path.name} ({wheel.compiler}) where there is no compiler")
    if wheel.python not in trials:
        trials[wheel.python] = Trial(wheel.python, work)
    row = Row(wheel, trials[wheel.python].try_wheel(wheel))
    print(row.line(), flush=True)
    return row


def raise_any(problems: list[str]) -> None:
    if problems:
        raise CommandError("; ".join(problems))


def say(text: str) -> None:
    print(f"=== {text}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
