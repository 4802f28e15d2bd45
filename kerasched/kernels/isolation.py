"""Runs the kernel's self-test in a child process, where a crash does no harm.

A process can catch a wrong result or an exception of its self-test, but no segmentation
fault. With a framework version that the kernel was not tested with, the self-test
therefore runs in a child process first. A file keeps its result for this version of the
framework and this build of the extension.
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

# Loading a framework takes a few seconds, on a busy machine a minute.
TIMEOUT_SECONDS = 180.0
# Signals by which users and systems stop processes, so that they prove no crash.
STOP_SIGNALS = ("SIGINT", "SIGTERM", "SIGKILL", "SIGHUP")
PROGRAM = """
import importlib, sys
importlib.import_module("kerasched.kernels." + sys.argv[1]).unavailable()
"""


@functools.cache
def crash(backend: str) -> str:
    """Return why the self-test must not run in this process, or an empty text.

    It may run here if the framework's version is a tested one, or if the self-test in a
    child process ended without a crash: it gives the same result here.
    """
    if native.missing or tested.is_tested(backend):
        return ""
    file = _result_file(backend)
    with contextlib.suppress(OSError):
        if file is not None:
            return file.read_text(encoding="utf-8")
    reason, is_final = _run_child(backend)
    if is_final and file is not None:
        _write(file, reason)
    return reason


def _run_child(backend: str) -> tuple[str, bool]:
    """Return why the self-test must not run here, and whether to store that."""
    about = f"{backend} {tested.installed(backend)}, which is not a tested version"
    if getattr(sys, "frozen", False) or not sys.executable:
        return (
            f"there is no Python for a self-test in a child process, with {about}",
            False,
        )
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
            timeout=TIMEOUT_SECONDS,
        )
    except (OSError, subprocess.SubprocessError) as error:
        kind = type(error).__name__
        return f"the self-test in a child process failed ({kind}) with {about}", False
    if child.returncode == 0:
        return "", True
    if child.returncode > 0 and os.name == "posix":
        lines = child.stderr.decode(errors="replace").strip().splitlines()
        last = lines[-1] if lines else f"exit code {child.returncode}"
        return f"the self-test in a child process failed with {about}: {last}", False
    name = _signal_name(-child.returncode)
    reason = f"the self-test in a child process crashed ({name}) with {about}"
    return reason, name not in STOP_SIGNALS


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"exit code {-number}"


def _result_file(backend: str) -> Path | None:
    """Return the file with the result for this version and this build.

    None for a user without a home directory, as in some containers.
    """
    given = os.environ.get("XDG_CACHE_HOME")
    try:
        cache = Path(given) if given else Path.home() / ".cache"
    except RuntimeError:
        return None
    build = hashlib.sha256(native.file().read_bytes()).hexdigest()[:16]
    name = f"self-test-{backend}-{tested.installed(backend)}-{build}.txt"
    return cache / "kerasched" / name


def _write(file: Path, reason: str) -> None:
    """Write a result, if the folder allows it."""
    part = file.with_suffix(f".{os.getpid()}")
    with contextlib.suppress(OSError):
        file.parent.mkdir(parents=True, exist_ok=True)
        part.write_text(reason, encoding="utf-8")
        part.replace(file)
