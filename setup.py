"""Builds the extension kerasched._native; all else is in pyproject.toml.

KERASCHED_NO_NATIVE=1 leaves it out, and so does a build that fails, which says so: all
works without it, only slower.
"""

import contextlib
import os
import sys
from glob import glob
from importlib.util import find_spec
from pathlib import Path

from pybind11.setup_helpers import Pybind11Extension
from pybind11.setup_helpers import build_ext
from setuptools import setup
from setuptools.command.sdist import sdist

WINDOWS = sys.platform == "win32"
# Every product is rounded before it is added, so that results equal NumPy's and Keras's
# to the last bit: tests/kernels/test_native.py depends on it.
FLAGS = ["-O3", "-ffp-contract=off", "-fvisibility=hidden"]
FLAGS = ["/O2", "/fp:precise"] if WINDOWS else FLAGS
TEXT = """kerasched was built without its compiled kernel. It works, but kerasched.SGD
is slower. To compile it, install a C++17 compiler (Debian and Ubuntu: g++) and then
run `pip install --force-reinstall --no-cache-dir --no-deps` as before.
"""


def native() -> Pybind11Extension:
    """Return the extension, with the handler for XLA if XLA's headers are here.

    They come with jaxlib; nothing of it is linked. The version that pyproject.toml asks
    for has an interface that both JAX and TensorFlow accept.
    """
    sources, flags, macros = set(glob("csrc/*.cc")), list(FLAGS), []
    jaxlib = find_spec("jaxlib")
    if jaxlib is not None and not WINDOWS:
        # As a system's headers, which are free to have warnings.
        flags += ["-isystem", os.path.join(os.path.dirname(jaxlib.origin), "include")]
        macros = [("KERASCHED_XLA", "1")]
    else:
        sources.remove(os.path.join("csrc", "xla_handler.cc"))
    extension = Pybind11Extension(
        "kerasched._native",
        sorted(sources),
        depends=sorted(glob("csrc/*.h")),
        include_dirs=["csrc"],
        define_macros=macros,
        extra_compile_args=flags,
        cxx_std=17,
    )
    extension.optional = True
    return extension


class BuildExtension(build_ext):
    """Says where the extension could not be built."""

    def run(self) -> None:
        """Build it, and tell the user of the terminal too: pip hides other output."""
        super().run()
        if all(Path(self.get_ext_fullpath(e.name)).exists() for e in self.extensions):
            return
        sys.stderr.write(TEXT)
        with contextlib.suppress(OSError), open("/dev/tty", "w") as terminal:
            terminal.write(f"\n{TEXT}")


class SourceDistribution(sdist):
    """Holds the tests with all that they import and read."""

    def make_distribution(self) -> None:
        """Add the folders that no package is in."""
        for folder in ("tests", "benchmarks", "docs", "examples"):
            self.filelist.graft(folder)
        self.filelist.global_exclude("*.pyc")
        super().make_distribution()


without = os.environ.get("KERASCHED_NO_NATIVE", "0") not in ("", "0")
commands = {"build_ext": BuildExtension, "sdist": SourceDistribution}
setup(ext_modules=[] if without else [native()], cmdclass=commands)
