"""Installs wheels in an environment without a compiler, and trains with them."""

import json
import shutil
from pathlib import Path

from tests.environments import ROOT
from tests.environments import CommandError
from tests.environments import command
from tests.environments import venv
from tests.versions.lanes import TENSORFLOW
from tests.wheels.building import Wheel

# Two frameworks that call the kernel in different ways, and the tests' requirements.
NEEDS = (TENSORFLOW, "jax", "pytest", "mpmath", "hypothesis")
BACKENDS = ("tensorflow", "jax")
COMPILERS = ("cc", "c++", "gcc", "g++", "clang", "clang++")
SMOKE = str(ROOT / "tests" / "versions" / "features.py")
# These features train with `fused=True` and compare the result with Keras's.
FEATURES = (
    *("kernel", "kernel_nesterov_and_decay", "kernel_clipping", "scheduled_momentum"),
    "saving",
)
TESTS = "tests/kernels/test_native.py"


class Trial:
    """An environment with a version of Python and without a compiler.

    Args:
        version: the version of Python, such as 3.11.
        work: an existing folder.
    """

    def __init__(self, version: str, work: Path) -> None:
        self._place = work / f"trial-{version}"
        self._python = venv(version, self._place)
        self._path = {"PATH": str(self._place / "bin")}
        for name in COMPILERS:
            if found := shutil.which(name, path=self._path["PATH"]):
                raise CommandError(f"the environment has a compiler: {found}")

    def try_wheel(self, wheel: Wheel) -> str:
        """Install a wheel in place of the last one, test it and return the result."""
        pip = [self._python, "-m", "pip", "install", "--quiet"]
        command([*pip, "--only-binary", ":all:", str(wheel.path), *NEEDS], self._path)
        again = ["--force-reinstall", "--no-deps", "--no-index", str(wheel.path)]
        command([*pip, *again], self._path)
        for backend in BACKENDS:
            self._train(backend)
        return f"trained on {' and '.join(BACKENDS)}; {self._test()}"

    def _train(self, backend: str) -> None:
        words = [self._python, "-P", SMOKE, *FEATURES]
        output = self._run(words, backend, self._place)
        outcomes = json.loads(output.splitlines()[-1])["features"]
        print(f"{backend}: {outcomes}", flush=True)
        if set(outcomes.values()) != {"passed"}:
            raise CommandError(f"{backend}: {outcomes}")

    def _test(self) -> str:
        """Run the tests for exact results, and return pytest's last line."""
        options = ["-q", "-p", "no:cacheprovider", "-m", "not slow"]
        words = [self._python, "-P", "-m", "pytest", *options, TESTS]
        return self._run(words, "jax", ROOT).splitlines()[-1].strip("= ")

    def _run(self, words: list[str], backend: str, cwd: Path) -> str:
        return command(words, {**self._path, "KERAS_BACKEND": backend}, cwd)
