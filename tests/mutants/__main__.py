"""Shows that tests can fail: python -m tests.mutants [words of a patch's name].

Each patch beside this file, or in a folder named like the backend if there is one,
breaks the code in one line, and its first line names the test that must then fail. The
sources are copied to an empty folder, patched there, compiled anew if they are C++, and
the test is run on the copy.
"""

import contextlib
import multiprocessing
import os
import shlex
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from functools import partial
from pathlib import Path

import keras  # Loaded once here: each patch is tried in a fork.
import pytest

from tests.building import ROOT
from tests.building import build

FOLDER = Path(__file__).parent


def main() -> int:
    words = sys.argv[1:]
    own = FOLDER / keras.backend.backend()
    of_a_backend = own.exists()
    patches = sorted((own if of_a_backend else FOLDER).glob("*.patch"))
    patches = [p for p in patches if all(word in p.stem for word in words)]
    if not patches:
        sys.exit("No patch has such a name.")
    fork = multiprocessing.get_context("fork")
    with tempfile.TemporaryDirectory() as folder:
        remember_objects(Path(folder))
        place = Path(folder, "extension")
        build_one = installed if of_a_backend else build
        extension = build_one(Path(folder, "sources"), place)
        with fork.Pool(os.cpu_count(), maxtasksperchild=1) as pool:
            work = pool.imap(partial(judge, extension=extension), patches, chunksize=1)
            # A mutant that crashed never answers.
            pairs = [(patch, work.next(timeout=600)) for patch in patches]
            survivors = [patch.stem for patch, died in pairs if not died]
    print(f"{len(patches) - len(survivors)} mutants died, {len(survivors)} survived")
    for name in survivors:
        print(f"survived: {name}")
    return 1 if survivors else 0


def judge(patch: Path, extension: Path) -> bool:
    """Return whether a patch makes its test fail, and print which."""
    test = patch.read_text(encoding="utf-8").partition("\n")[0].removeprefix("Test: ")
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder, "copy")
        for name in ("kerasched", "csrc"):
            ignore = shutil.ignore_patterns("*.so", "*.pyd", "__pycache__")
            shutil.copytree(ROOT / name, copy / name, ignore=ignore)
        subprocess.run(["git", "apply", str(patch)], cwd=copy, check=True)
        if "+++ b/csrc/" in patch.read_text(encoding="utf-8"):
            extension = build(copy / "build", copy / "extension", copy / "csrc")
        shutil.copytree(extension, copy, dirs_exist_ok=True)
        output = Path(folder, "output")
        died = run(test, copy, output) == pytest.ExitCode.TESTS_FAILED
        print(f"{'died    ' if died else 'SURVIVED'} {patch.stem}: {test}", flush=True)
        if not died:
            print(output.read_text(encoding="utf-8")[-2000:], flush=True)
    return died


def run(test: str, copy: Path, output: Path) -> int:
    """Run one test of this tree on the sources in `copy`, in this very process."""
    os.chdir(ROOT)
    os.environ.update(
        PYTHONPATH=str(copy), PYTHONSAFEPATH="1", PYTHONDONTWRITEBYTECODE="1"
    )
    sys.dont_write_bytecode = True
    sys.path.insert(0, str(copy))
    with output.open("w", encoding="utf-8") as file, redirected(file.fileno()):
        return pytest.main(["-q", "-x", "-p", "no:cacheprovider", str(ROOT / test)])


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
