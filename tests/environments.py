"""Runs commands in separate environments with a chosen version of Python."""

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).parents[1]


class CommandError(Exception):
    """A command failed. The message names it."""


def command(
    words: list[str], environment: Mapping[str, str] | None = None, cwd: Path = ROOT
) -> str:
    """Run a command and return its output. If it fails, print the end of the output.

    Args:
        words: the command.
        environment: additional environment variables. KERAS_BACKEND and PYTHONPATH of
            this process are not inherited.
        cwd: the folder to run it in.

    Raises:
        CommandError: the command failed.
    """
    variables = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "2"}
    for name in ("PYTHONPATH", "KERAS_BACKEND"):
        variables.pop(name, None)
    done = subprocess.run(
        words, env={**variables, **(environment or {})}, cwd=cwd, capture_output=True
    )
    output = done.stdout.decode(errors="replace").strip()
    if done.returncode == 0:
        return output
    errors = done.stderr.decode(errors="replace").strip()
    print("\n".join(f"{output}\n{errors}".strip().splitlines()[-30:]), flush=True)
    raise CommandError(
        f"exit code {done.returncode} of {Path(words[0]).name} {words[1:4]}"
    )


def interpreter(version: str) -> str:
    """Return the Python of a version such as 3.11, from the PATH or from pyenv.

    Raises:
        CommandError: this version is not installed.
    """
    root = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    candidates = [shutil.which(f"python{version}"), sys.executable]
    candidates += sorted(map(str, root.glob(f"versions/{version}.*/bin/python")))
    program = "import sys; print('%d.%d' % sys.version_info[:2])"
    for candidate in filter(None, candidates):
        asked = subprocess.run([candidate, "-c", program], capture_output=True)
        if asked.stdout.decode().strip() == version:
            return candidate
    raise CommandError(f"there is no Python {version} here")


def venv(version: str, place: Path) -> str:
    """Create a virtual environment with a version of Python, and return its Python."""
    command([interpreter(version), "-m", "venv", str(place)])
    return str(place / "bin" / "python")


def copy_of_the_tree(place: Path) -> Path:
    """Copy the files of a checkout without build products, and return the copy."""
    ignored = shutil.ignore_patterns(
        *(".git", "build", "dist", "*.egg-info", "*.so", "*.pyd", "__pycache__"),
        *(".venv", ".*_cache", ".hypothesis"),
    )
    shutil.copytree(ROOT, place, ignore=ignored)
    return place
