"""Shows that tests can fail: python -m tests.mutants [words of a patch's name].

Each patch beside this file breaks the code in one line, and its first line names the
test that must then fail. The sources are copied to an empty folder, patched there,
compiled anew if they are C++, and the test is run on the copy.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

FOLDER = Path(__file__).parent
ROOT = FOLDER.parents[1]
BACKEND = os.environ.get("KERAS_BACKEND", "jax")
TESTS_FAILED = 1  # pytest's exit code; others say that the test could not be run.


def main() -> int:
    words = sys.argv[1:]
    patches = sorted(FOLDER.glob("*.patch"))
    patches = [p for p in patches if all(word in p.stem for word in words)]
    if not patches:
        sys.exit("No patch has such a name.")
    with tempfile.TemporaryDirectory() as folder:
        extension = build(Path(folder, "sources"), Path(folder, "extension"))
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            results = pool.map(lambda patch: judge(patch, extension), patches)
            pairs = zip(patches, results, strict=True)
            survivors = [patch.stem for patch, died in pairs if not died]
    print(f"{len(patches) - len(survivors)} mutants died, {len(survivors)} survived")
    for name in survivors:
        print(f"survived: {name}")
    return 1 if survivors else 0


def judge(patch: Path, extension: Path) -> bool:
    """Return whether a patch makes its test fail, and print which."""
    test = patch.read_text(encoding="utf-8").partition("\n")[0].removeprefix("Test: ")
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder)
        for name in ("kerasched", "csrc"):
            ignore = shutil.ignore_patterns("*.so", "*.pyd", "__pycache__")
            shutil.copytree(ROOT / name, copy / name, ignore=ignore)
        subprocess.run(["git", "apply", str(patch)], cwd=copy, check=True)
        if "+++ b/csrc/" in patch.read_text(encoding="utf-8"):
            extension = build(copy / "build", copy / "extension", copy / "csrc")
        shutil.copytree(extension, copy, dirs_exist_ok=True)
        done = run(test, copy)
    died = done.returncode == TESTS_FAILED
    print(f"{'died    ' if died else 'SURVIVED'} {patch.stem}: {test}", flush=True)
    if not died:
        print(done.stdout[-2000:], flush=True)
    return died


def run(test: str, copy: Path) -> subprocess.CompletedProcess:
    """Run one test of this tree on the sources in `copy`."""
    environment = {
        **os.environ,
        "KERAS_BACKEND": BACKEND,
        "PYTHONPATH": str(copy),
        "PYTHONSAFEPATH": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
        "TF_CPP_MIN_LOG_LEVEL": "2",
    }
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider"]
    return subprocess.run(
        [*command, str(ROOT / test)],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
    )


def build(work: Path, target: Path, sources: Path = ROOT / "csrc") -> Path:
    """Compile the extension of some sources, and return the folder that holds it."""
    work.mkdir()
    shutil.copytree(sources, work / "csrc")
    shutil.copy(ROOT / "setup.py", work)
    command = [
        sys.executable,
        "setup.py",
        "-q",
        "build_ext",
        "--build-lib",
        str(target),
    ]
    subprocess.run(command, cwd=work, check=True, capture_output=True)
    return target


if __name__ == "__main__":
    sys.exit(main())
