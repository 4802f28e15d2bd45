"""Builds kerasched._native, unless KERASCHED_NO_NATIVE=1 or the build fails."""

import os
import sys
from contextlib import suppress
from glob import glob
from importlib.util import find_spec

from pybind11.setup_helpers import Pybind11Extension
from pybind11.setup_helpers import build_ext
from setuptools import setup
from setuptools.command.sdist import sdist

WINDOWS = sys.platform == "win32"
# Without contraction to fused multiply-add, results equal those of NumPy and Keras bit
# for bit. tests/kernels/test_native.py depends on it.
FLAGS = ["-O3", "-ffp-contract=off", "-fno-math-errno", "-fvisibility=hidden"]
FLAGS = ["/O2", "/fp:precise"] if WINDOWS else FLAGS
NOT_BUILT = """
kerasched was built without its kernel: updates are slower. To build it, install a C++17
compiler, and run the same command with --force-reinstall --no-cache-dir."""


def native() -> Pybind11Extension:
    """Return the extension, with the XLA handler if jaxlib's headers are installed."""
    jaxlib = None if WINDOWS else find_spec("jaxlib")
    sources, flags = set(glob("csrc/*.cc")), list(FLAGS)
    if jaxlib is None:
        sources -= set(glob("csrc/xla_*.cc"))
    else:  # System headers, whose warnings the compiler ignores.
        headers = os.path.join(os.path.dirname(jaxlib.origin), "include")
        flags += ["-DKERASCHED_XLA=1", "-isystem", headers]
    paths = {"depends": sorted(glob("csrc/*.h")), "include_dirs": ["csrc"]}
    options = {"extra_compile_args": flags, "cxx_std": 17, "optional": True}
    return Pybind11Extension("kerasched._native", sorted(sources), **paths, **options)


class BuildExtension(build_ext):  # noqa: D101
    def build_extension(self, ext: Pybind11Extension) -> None:  # noqa: D102
        try:
            super().build_extension(ext)
        except Exception:  # pip hides standard output and standard error.
            with suppress(OSError), open("/dev/tty", "w") as terminal:
                print(NOT_BUILT, file=terminal)
            raise


class SourceDistribution(sdist):  # noqa: D101
    def make_distribution(self) -> None:  # noqa: D102
        folders = ["csrc", "tests", "benchmarks", "docs", "examples", ".ci", ".github"]
        for folder in folders:
            self.filelist.graft(folder)
        for line in ("include *.md *.yml .clang* .pre*", "global-exclude *.pyc *.so"):
            self.filelist.process_template_line(line)
        super().make_distribution()


commands = {"build_ext": BuildExtension, "sdist": SourceDistribution}
without = os.environ.get("KERASCHED_NO_NATIVE", "0") not in ("", "0")
setup(ext_modules=[] if without else [native()], cmdclass=commands)
