"""Shows that tests can fail: python -m tests.mutants [words of a patch's name].

Each patch beside this file, or in a folder named after the backend if there is one,
breaks one line of the code. Its first line names the test, or the file of tests, that
must then fail. The sources are copied to an empty folder, patched there, compiled again
if they are C++, and the test is run on the copy.

The cases of the first tier run first, and those marked `slow` only if none of them
fails; the last line counts the mutants that died in the first tier. `--first-tier`
leaves out the slow ones, as `python -m tests` does. `--sample N` runs N of the patches,
drawn by a hash of `--seed` and the patch's name: the same seed draws the same patches.
`--tiers` runs no patch: it counts the patches whose test is in the first tier.
"""

import argparse
import contextlib
import hashlib
import multiprocessing
import os
import shlex
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections import Counter
from collections.abc import Mapping
from functools import partial
from pathlib import Path

import keras  # Loaded once here: each patch is tried in a fork.
import pytest

from tests.building import ROOT
from tests.building import build

FOLDER = Path(__file__).parent
FIRST, THOROUGH = "first tier", "thorough tier"
MARKS = {FIRST: "not slow", THOROUGH: "slow"}


def main() -> int:
    options = parsed()
    own = FOLDER / keras.backend.backend()
    of_a_backend = own.exists()
    patches = sorted((own if of_a_backend else FOLDER).glob("*.patch"))
    patches = [p for p in patches if all(word in p.stem for word in options.words)]
    if not patches:
        sys.exit("No patch has such a name.")
    if options.tiers:
        return count_tiers(patches)
    chosen = sample(patches, options.sample, options.seed)
    print(f"{len(chosen)} of {len(patches)} mutants", flush=True)
    fork = multiprocessing.get_context("fork")
    with tempfile.TemporaryDirectory() as folder:
        remember_objects(Path(folder))
        place = Path(folder, "extension")
        build_one = installed if of_a_backend else build
        extension = build_one(Path(folder, "sources"), place)
        judged = partial(judge, extension=extension, first_tier=options.first_tier)
        with fork.Pool(os.cpu_count(), maxtasksperchild=1) as pool:
            work = pool.imap(judged, chosen, chunksize=1)
            # A mutant that crashed never answers.
            pairs = [(patch, work.next(timeout=900)) for patch in chosen]
            survivors = [patch.stem for patch, tier in pairs if not tier]
    print(f"{len(chosen) - len(survivors)} mutants died, {len(survivors)} survived")
    of_first = sum(tier == FIRST for _, tier in pairs)
    print(f"died in the first tier: {of_first} of {len(chosen)}")
    for name in survivors:
        print(f"survived: {name}")
    return 1 if survivors else 0


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.mutants")
    parser.add_argument("words", nargs="*", metavar="WORD")
    parser.add_argument("--sample", type=int, metavar="N", help="all where not given")
    parser.add_argument("--seed", default="", metavar="TEXT")
    parser.add_argument("--first-tier", action="store_true")
    parser.add_argument("--tiers", action="store_true")
    return parser.parse_args()


def sample(patches: list[Path], size: int | None, seed: str) -> list[Path]:
    """Return the patches drawn by a seed, in the order of their names."""

    def drawn(patch: Path) -> bytes:
        return hashlib.sha256(f"{seed} {patch.stem}".encode()).digest()

    return sorted(sorted(patches, key=drawn)[:size])


def test_of(patch: Path) -> str:
    """Return the test that a patch names in its first line."""
    return patch.read_text(encoding="utf-8").partition("\n")[0].removeprefix("Test: ")


class Marks:
    """A plugin of pytest that keeps whether each collected case is marked `slow`."""

    def __init__(self) -> None:
        self.slow: dict[str, bool] = {}

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        for item in items:
            # Relative to the root: tests/folder/test_file.py::test_name[case].
            self.slow[item.nodeid] = item.get_closest_marker("slow") is not None


def count_tiers(patches: list[Path]) -> int:
    """Print in which tier the test of each patch is; fail if one does not exist."""
    marks, tests = Marks(), {patch: test_of(patch) for patch in patches}
    files = sorted({test.partition("::")[0] for test in tests.values()})
    options = ["-q", "-q", "--collect-only", "-p", "no:cacheprovider"]
    os.chdir(ROOT)
    with open(os.devnull, "w") as nowhere, redirected(nowhere.fileno()):
        pytest.main([*options, *files], plugins=[marks])
    counts: Counter[str] = Counter()
    for patch, test in tests.items():
        tier = tier_of(test, marks.slow)
        counts[tier] += 1
        if tier != FIRST:
            print(f"{tier}: {patch.stem}: {test}")
    print(", ".join(f"{tier}: {count}" for tier, count in counts.items()))
    return 1 if counts["missing"] else 0


def tier_of(test: str, slow: Mapping[str, bool]) -> str:
    """Return where a test is run, of whose cases some may be marked `slow`."""
    inside = (f"{test}::", f"{test}[")
    cases = {slow[name] for name in slow if name == test or name.startswith(inside)}
    names = {
        frozenset(): "missing",
        frozenset({False}): FIRST,
        frozenset({True}): THOROUGH,
    }
    return names.get(frozenset(cases), f"{FIRST} in part")


def judge(patch: Path, extension: Path, first_tier: bool) -> str:
    """Print and return the tier whose cases of the test fail; "" if none does."""
    test = test_of(patch)
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder, "copy")
        for name in ("kerasched", "csrc"):
            ignore = shutil.ignore_patterns("*.so", "*.pyd", "__pycache__")
            shutil.copytree(ROOT / name, copy / name, ignore=ignore)
        subprocess.run(["git", "apply", str(patch)], cwd=copy, check=True)
        if "+++ b/csrc/" in patch.read_text(encoding="utf-8"):
            extension = build(copy / "build", copy / "extension", copy / "csrc")
        shutil.copytree(extension, copy, dirs_exist_ok=True)
        for tier in [FIRST] if first_tier else MARKS:
            output = Path(folder, tier)
            if run(test, MARKS[tier], copy, output) == pytest.ExitCode.TESTS_FAILED:
                print(f"died in the {tier}: {patch.stem}: {test}", flush=True)
                return tier
            print(output.read_text(encoding="utf-8")[-2000:], flush=True)
    print(f"SURVIVED: {patch.stem}: {test}", flush=True)
    return ""


def run(test: str, marks: str, copy: Path, output: Path) -> int:
    """Run one test of this tree on the sources in `copy`, in this very process."""
    os.chdir(ROOT)
    os.environ.update(
        PYTHONPATH=str(copy), PYTHONSAFEPATH="1", PYTHONDONTWRITEBYTECODE="1"
    )
    sys.dont_write_bytecode = True
    sys.path.insert(0, str(copy))
    with output.open("w", encoding="utf-8") as file, redirected(file.fileno()):
        options = ["-q", "-x", "-p", "no:cacheprovider", "-m", marks]
        return pytest.main([*options, str(ROOT / test)])


@contextlib.contextmanager
def redirected(target: int):
    """Send what this process prints to an open file, for a while."""
    sys.stdout.flush()
    kept = [os.dup(stream) for stream in (1, 2)]
    try:
        for stream in (1, 2):
            os.dup2(target, stream)
        yield
    finally:
        sys.stdout.flush()
        for stream, copy in zip((1, 2), kept, strict=True):
            os.dup2(copy, stream)


def remember_objects(folder: Path) -> None:
    """Let all builds of this process and its forks share one compiler.py's objects."""
    compiler = os.environ.get("CXX") or sysconfig.get_config_var("CXX") or "c++"
    command = [sys.executable, str(FOLDER / "compiler.py"), str(folder)]
    script = folder / "compiler"
    words = shlex.join([*command, *shlex.split(compiler)])
    script.write_text(f'#!/bin/sh\nexec {words} "$@"\n', encoding="utf-8")
    script.chmod(0o755)
    os.environ.update(CC=str(script), CXX=str(script))


def installed(work: Path, target: Path) -> Path:
    """Install the package as users do, and return a folder with its extension alone.

    TensorFlow takes one made with the older headers that pyproject.toml asks for.
    """
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps"]
    subprocess.run([*command, "--target", str(work), str(ROOT)], check=True)
    (target / "kerasched").mkdir(parents=True)
    for file in (work / "kerasched").glob("_native*"):
        shutil.copy(file, target / "kerasched")
    return target


if __name__ == "__main__":
    sys.exit(main())
