"""Compiles the extension of some sources, for what is tried with another one."""

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
    """Compile the extension, and return the folder that holds it.

    Args:
        work: a folder to be made, for what the compiler writes.
        target: where the package with the extension, and nothing else, comes to be.
        sources: what is compiled.
        environment: what is set for the compiler besides.
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
