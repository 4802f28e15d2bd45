"""Start the processes of a program, and wait for their ends."""

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
    """A process that has ended."""

    code: int
    output: str


def free_port():
    """Return a port of this machine that nobody uses now."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def run(program, count, *arguments, timeout=150.0, backend=None):
    """Run a program in some processes, and return how each has ended.

    Args:
        program: a file of programs/, called with its rank, the count and a port.
        count: how many processes there are.
        arguments: more arguments of the program.
        timeout: the seconds after which processes that still run are killed.
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
    """Run programs at one time, and return how each has ended.

    Args:
        commands: for each process the program and its arguments.
        settings: for each process the variables of its environment that differ.
        timeout: the seconds after which processes that still run are killed.
        folder: the folder to run in, by default this one.
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
    """Return how a process ended, by a signal if it runs for too long."""
    try:
        output, _ = process.communicate(timeout=max(1.0, until - time.monotonic()))
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)
        output, _ = process.communicate()
        output += "\nkilled, as it did not end"
    return Ended(process.returncode, output)


def check(every):
    """Raise with the outputs of all processes if one has failed."""
    assert not any(one.code for one in every), "\n".join(
        f"--- process {rank} ended with {one.code}\n{one.output[-4000:]}"
        for rank, one in enumerate(every)
    )
