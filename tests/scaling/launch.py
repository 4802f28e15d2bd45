"""Starts the processes of a program and waits until they end."""

import os
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

PROGRAMS = Path(__file__).parent / "programs"
ROOT = Path(__file__).parents[2]


@dataclass
class Ended:
    """The result of a process that has ended."""

    code: int
    output: str


def free_port():
    """Return a free port of this machine."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def run(program, count, *arguments, timeout=150.0, backend=None):
    """Run a program in several processes and return their results.

    Args:
        program: a file in programs/, called with its rank, the count and a port.
        count: the number of processes.
        arguments: additional arguments of the program.
        timeout: the seconds after which running processes are killed.
        backend: the backend of Keras.
    """
    paths = [str(ROOT / "tests"), os.environ.get("PYTHONPATH", "")]
    settings = {"PYTHONPATH": os.pathsep.join(filter(None, paths))}
    settings |= {"KERAS_BACKEND": backend, "OMP_NUM_THREADS": "1"}
    port = str(free_port())
    path, rest = str(PROGRAMS / program), [str(one) for one in arguments]
    commands = [[path, str(rank), str(count), port, *rest] for rank in range(count)]
    return run_all(commands, [settings] * count, timeout)


def run_all(commands, settings, timeout, folder=None):
    """Run programs concurrently and return their results.

    Args:
        commands: the program and the arguments of each process.
        settings: the additional environment variables of each process.
        timeout: the seconds after which running processes are killed.
        folder: the folder to run in, by default the current one.
    """
    left_out = ("JAX_COMPILATION_CACHE_DIR", "XLA_FLAGS")
    environment = {k: v for k, v in os.environ.items() if k not in left_out}
    processes = [
        subprocess.Popen(
            [sys.executable, *command],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            env={**environment, **own},
            cwd=folder,
        )
        for command, own in zip(commands, settings, strict=True)
    ]
    until = time.monotonic() + timeout
    try:
        return [ended(process, until) for process in processes]
    finally:
        for process in processes:
            process.kill()
            process.wait()


def ended(process, until):
    """Return the result of a process, and kill it if it runs for too long."""
    try:
        output, _ = process.communicate(timeout=max(1.0, until - time.monotonic()))
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)
        output, _ = process.communicate()
        output += "\nkilled, as it did not end"
    return Ended(process.returncode, output)


def check(every):
    """Raise with the output of all processes if any has failed."""
    assert not any(one.code for one in every), "\n".join(
        f"--- process {rank} ended with {one.code}\n{one.output[-4000:]}"
        for rank, one in enumerate(every)
    )
