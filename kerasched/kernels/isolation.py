"""A first trial of the kernel in a child process, where a crash does no harm.

A wrong result or an exception of the trial (kerasched/kernels/trial.py) is caught in
the process itself, a segmentation fault is not. With a framework version that the
kernel was not tested with, the trial therefore runs in a child process first. Its
verdict is kept in a file, by the version and the build of the extension.
"""

import contextlib
import functools
import hashlib
import os
import signal
import subprocess
import sys
from pathlib import Path

from kerasched.kernels import native
from kerasched.kernels import tested

SECONDS = 180.0  # Loading a framework takes a few seconds, on a busy machine a minute.
# What says nothing of the kernel: others stop processes by these.
STOPPED = ("SIGINT", "SIGTERM", "SIGKILL", "SIGHUP")
PROGRAM = """
import importlib, sys
importlib.import_module("kerasched.kernels." + sys.argv[1]).unavailable()
"""


@functools.cache
def crash(backend: str) -> str:
    """Return why the kernel must not be tried in this process, or an empty text.

    It is empty for a tested version, and where the trial in a child process came to an
    end: what it found is found again here.
    """
    if native.missing or tested.is_tested(backend):
        return ""
    verdict = _verdict_file(backend)
    try:
        return verdict.read_text(encoding="utf-8")
    except OSError:
        pass
    reason, lasting = _try(backend)
    if lasting:
        _keep(verdict, reason)
    return reason


def _try(backend: str) -> tuple[str, bool]:
    """Return why the kernel must not be tried here, and whether that will stay so."""
    about = f"{backend} {tested.installed(backend)}, which is not a tested version"
    if getattr(sys, "frozen", False) or not sys.executable:
        return f"there is no Python to try the kernel in, with {about}", False
    environment = {
        **os.environ,
        "KERAS_BACKEND": backend,
        "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
        # The child needs no accelerator, and must not take the memory of one.
        "CUDA_VISIBLE_DEVICES": "-1",
        "JAX_PLATFORMS": "cpu",
    }
    try:
        child = subprocess.run(
            [sys.executable, "-c", PROGRAM, backend],
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=SECONDS,
        )
    except (OSError, subprocess.SubprocessError) as error:
        kind = type(error).__name__
        return f"a trial in a child process failed ({kind}) with {about}", False
    if child.returncode == 0:
        return "", True
    if child.returncode > 0 and os.name == "posix":
        lines = child.stderr.decode(errors="replace").strip().splitlines()
        last = lines[-1] if lines else f"exit code {child.returncode}"
        return f"a trial in a child process failed with {about}: {last}", False
    name = _signal_name(-child.returncode)
    reason = f"a trial in a child process crashed ({name}) with {about}"
    return reason, name not in STOPPED


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"exit code {-number}"


def _verdict_file(backend: str) -> Path:
    """Return the file that holds the verdict on this version and this build."""
    build = hashlib.sha256(native.file().read_bytes()).hexdigest()[:16]
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    name = f"trial-{backend}-{tested.installed(backend)}-{build}.txt"
    return cache / "kerasched" / name


def _keep(file: Path, reason: str) -> None:
    """Write a verdict, where there is a folder for it."""
    part = file.with_suffix(f".{os.getpid()}")
    with contextlib.suppress(OSError):
        file.parent.mkdir(parents=True, exist_ok=True)
        part.write_text(reason, encoding="utf-8")
        part.replace(file)
