"""Runs the kernel's tests on an extension that is compiled with a sanitizer.

This includes the code between Python and the kernel: the addresses of tensors and the
operands from XLA.
"""

import importlib.util
import os
import shlex
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path

from tests.building import ROOT
from tests.building import build

# The test files of each backend. Tests that need no backend run with JAX.
TESTS = {
    "jax": ("test_native", "test_native_options", "test_native_skipping", "test_jax"),
    "torch": ("test_torch",),
}
# Python and other libraries are not compiled with the sanitizer, and leak at exit.
OPTIONS = {"ASAN_OPTIONS": "detect_leaks=0", "UBSAN_OPTIONS": "print_stacktrace=1"}
MISTAKE = """
import numpy as np
from kerasched.kernels import native
from kerasched.kernels.options import Options
memory = np.zeros(100_000, "float32")
# They lie at opposite ends, or the kernel might detect that they overlap.
weight, gradient = memory[-8:], memory[:99]
place = [weight.ctypes.data]
update = native.Update(Options(), ["float32"], [99], [False], [place])
update.run(0.1, 0.0, 1.0, 0, [], [gradient.ctypes.data])
"""
REPORT = "AddressSanitizer: heap-buffer-overflow"


def clean(flags: list[str]) -> bool:
    """Print and return whether the tests pass and a mistake is reported."""
    runtimes = _runtimes()
    if not runtimes:
        print("extension: left out, as the compiler has no runtime to be loaded first")
        return True
    verdicts = []
    with tempfile.TemporaryDirectory() as folder:
        tree = Path(folder, "tree")
        print("extension: compiling", flush=True)
        _build(Path(folder, "sources"), tree, flags)
        environment = {
            **os.environ,
            **OPTIONS,
            "LD_PRELOAD": " ".join(runtimes),
            "PYTHONPATH": str(tree),
            "PYTHONSAFEPATH": "1",
        }
        for backend in filter(importlib.util.find_spec, TESTS):
            its_own = {**environment, "KERAS_BACKEND": backend}
            print(f"extension, {backend}: running the kernel's tests", flush=True)
            verdicts.append(_passes(its_own, TESTS[backend]))
        caught = _run([sys.executable, "-c", MISTAKE], environment)
    awake = caught.returncode != 0 and REPORT in caught.stderr
    print(f"extension: a wrong size was {'caught' if awake else 'NOT caught'}")
    if not awake:
        print(caught.stdout, caught.stderr[-4000:])
    return awake and all(verdicts)


def _passes(environment: dict[str, str], names: tuple[str, ...]) -> bool:
    files = [str(ROOT / "tests" / "kernels" / f"{name}.py") for name in names]
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider"]
    done = _run([*command, *files], environment)
    lines = done.stdout.strip().splitlines() or ["nothing"]
    print(f"extension, {environment['KERAS_BACKEND']}: {lines[-1]}", flush=True)
    if done.returncode:
        print(done.stdout[-4000:], done.stderr[-4000:])
    return done.returncode == 0


def _run(
    command: list[str], environment: dict[str, str]
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=900
    )


def _build(work: Path, tree: Path, flags: list[str]) -> None:
    """Compile the extension next to a copy of the package."""
    ignored = shutil.ignore_patterns("*.so", "__pycache__")
    shutil.copytree(ROOT / "kerasched", tree / "kerasched", ignore=ignored)
    words = " ".join([*flags, "-g", "-fno-omit-frame-pointer"])
    # Depending on its version, setuptools reads CFLAGS or CXXFLAGS.
    given = {"CFLAGS": words, "CXXFLAGS": words, "LDFLAGS": " ".join(flags)}
    build(work, tree, environment=given)
    if not list((tree / "kerasched").glob("_native*")):
        sys.exit("The extension does not compile.")


def _runtimes() -> list[str]:
    """Return the sanitizer libraries to load before all others, if any."""
    compiler = os.environ.get("CXX") or sysconfig.get_config_var("CXX") or "c++"
    found = []
    for name in ("libasan.so", "libubsan.so", "libstdc++.so"):
        command = [*shlex.split(compiler), f"-print-file-name={name}"]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        found.append(done.stdout.strip())
    return found if all(map(os.path.isabs, found)) else []
