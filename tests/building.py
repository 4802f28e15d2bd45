"""Compiles the extension from other sources, for mutants and sanitizers."""

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).parents[1]


def build(
    work: Path,
    target: Path,
    sources: Path = ROOT / "csrc",
    environment: Mapping[str, str] | None = None,
) -> Path:
    """Compile the extension and return the folder that contains it.

    Args:
        work: a new folder for the compiler's files.
        target: the folder for a package that contains the extension only.
        sources: the tree to compile.
        environment: additional environment variables for the compiler.
    """
    work.mkdir()
    shutil.copytree(sources, work / "csrc")
    shutil.copy(ROOT / "setup.py", work)
    command = [sys.executable, "setup.py", "-q", "build_ext", "--build-lib"]
    subprocess.run(
        [*command, str(target)],
        cwd=work,
        env={**os.environ, **(environment or {})},
        check=True,
        capture_output=True,
    )
    return target
