"""Builds the extension kerasched._native; all else is in pyproject.toml."""

import sys
from glob import glob

from pybind11.setup_helpers import Pybind11Extension
from setuptools import setup

if sys.platform == "win32":
    FLAGS = ["/O2", "/fp:precise"]
else:
    # Every product is rounded before it is added, so that results equal NumPy's:
    # tests/kernels/test_native.py depends on it.
    FLAGS = ["-O3", "-ffp-contract=off", "-fvisibility=hidden"]

setup(
    ext_modules=[
        Pybind11Extension(
            "kerasched._native",
            sorted(glob("csrc/*.cc")),
            depends=sorted(glob("csrc/*.h")),
            include_dirs=["csrc"],
            extra_compile_args=FLAGS,
            cxx_std=17,
        )
    ]
)
