"""Builds the extension kerasched._native; all else is in pyproject.toml.

KERASCHED_NO_NATIVE=1 leaves it out, and so does a build that fails: all works without
it, only slower, and `kerasched info` says so.
"""

import os
import sys
from glob import glob
from importlib.util import find_spec

from pybind11.setup_helpers import Pybind11Extension
from setuptools import setup

if sys.platform == "win32":
    FLAGS = ["/O2", "/fp:precise"]
else:
    # Every product is rounded before it is added, so that results equal NumPy's and
    # Keras's to the last bit: tests/kernels/test_native.py depends on it.
    FLAGS = ["-O3", "-ffp-contract=off", "-fvisibility=hidden"]


def native() -> Pybind11Extension:
    """Return the extension, with the handler for XLA if XLA's headers are here.

    They come with jaxlib; nothing of it is linked. The version that pyproject.toml asks
    for has an interface that both JAX and TensorFlow accept.
    """
    sources = set(glob("csrc/*.cc"))
    flags, macros = list(FLAGS), []
    jaxlib = find_spec("jaxlib")
    if jaxlib is not None and sys.platform != "win32":
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


without = os.environ.get("KERASCHED_NO_NATIVE", "0") not in ("", "0")
setup(ext_modules=[] if without else [native()])
