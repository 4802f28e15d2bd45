"""Runs pytest in several processes, each with a part of the test files.

A process ends with its part and gives all its memory back, which programs compiled by
TensorFlow never do before.
"""

import os
import re
import subprocess
import sys
import tempfile
import threading
import xml.etree.ElementTree as ElementTree
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
PARTS = 5  # More of them would spend their time on loading the framework.
NOTHING_COLLECTED = 5  # The exit code of pytest.

# The longest files come first, and so into different parts.
LONGEST = (
    "scaling/test_jax_devices.py",
    "optimizers/test_equality.py",
    "optimizers/test_behaviour.py",
    "scaling/test_jax_processes.py",
    "optimizers/test_loss_scale.py",
    "resuming/test_going_on.py",
    "kernels/test_tensorflow.py",
    "schedules/test_exactness.py",
    "optimizers/test_files.py",
    "schedules/test_training.py",
    "callbacks/test_weight_averaging.py",
    "keras_suite/test_suite.py",
    "callbacks/test_backup_and_restore.py",
    "schedules/test_properties.py",
    "demo/test_command.py",
    "finder/test_untouched.py",
    "optimizers/test_accelerate.py",
    "callbacks/test_own_optimizers.py",
    "callbacks/test_pickles.py",
    "schedules/test_saving.py",
    "kernels/test_isolation.py",
    "test_keras_problems.py",
    "test_layerwise.py",
    "optimizers/test_threads.py",
    "callbacks/test_monitor.py",
    "benchmarks/test_bench_sgd.py",
    "benchmarks/test_bench_callbacks.py",
    "resuming/test_kills.py",
    "scaling/test_torch_ddp.py",
    "training/test_resume.py",
    "training/test_unfreezing.py",
    "finder/test_sweep.py",
    "callbacks/test_averaged_statistics.py",
)
PROGRESS = re.compile(r"^\S+\s+\[\s*\d+%\]$")
MEMORY = re.compile(r"^most memory held: (\d+) MB$")


@dataclass(frozen=True)
class Job:
    """A part of the tests on a backend."""

    backend: str
    number: int
    files: tuple[Path, ...]
    options: tuple[str, ...]

    @property
    def name(self) -> str:
        return f"{self.backend} {self.number}/{PARTS}"


def jobs(backend: str, options: list[str]) -> list[Job]:
    """Return the parts of all tests on a backend."""
    return [
        Job(backend, number, files, tuple(options))
        for number, files in enumerate(parts(test_files()), 1)
    ]


def test_files() -> list[Path]:
    """Return all files of tests, the longest ones first."""
    folder = ROOT / "tests"
    longest = [folder / name for name in LONGEST]
    others = set(folder.rglob("test_*.py")) - set(longest)
    return [*longest, *sorted(others)]


def parts(files: list[Path]) -> list[tuple[Path, ...]]:
    """Return the files dealt out like cards, there and back."""
    dealt: list[list[Path]] = [[] for _ in range(PARTS)]
    for place, file in enumerate(files):
        turn, number = divmod(place, PARTS)
        dealt[number if turn % 2 == 0 else -1 - number].append(file)
    return [tuple(part) for part in dealt]


def run(every: list[Job], show: bool) -> dict[str, Counter[str]]:
    """Run jobs, several at a time, and return the counts of each backend.

    Args:
        every: the jobs, in the order in which they are started.
        show: whether the whole output of a job that passed is printed too.
    """
    results: dict[str, Counter[str]] = {
        job.backend: Counter(passed=0, failed=0, skipped=0) for job in every
    }
    with tempfile.TemporaryDirectory() as folder:
        slots = threading.local()

        def work(job: Job) -> Counter[str]:
            if not hasattr(slots, "folder"):
                slots.folder = tempfile.mkdtemp(dir=folder)
            return run_one(job, Path(slots.folder), show)

        with ThreadPoolExecutor(min(os.cpu_count() or 1, 4)) as pool:
            for job, counts in zip(every, pool.map(work, every), strict=True):
                results[job.backend].update(counts)
    return results


def run_one(job: Job, folder: Path, show: bool) -> Counter[str]:
    """Run pytest on a part, show its progress, and return the counts of its report.

    What JAX has compiled is kept in a folder, for one process at a time.
    """
    report = folder / f"{job.backend}-{job.number}.xml"
    command = [sys.executable, "-m", "pytest", *map(str, job.files)]
    command += ["-q", f"--junitxml={report}", *job.options]
    environment = {
        **os.environ,
        "KERAS_BACKEND": job.backend,
        "TF_CPP_MIN_LOG_LEVEL": "2",
        "JAX_COMPILATION_CACHE_DIR": str(folder / "compiled"),
        # The folder of the sources must not stand in for the installed package.
        "PYTHONSAFEPATH": "1",
        "PYTHONUNBUFFERED": "1",
    }
    output: list[str] = []
    print(f"=== {job.name}", flush=True)
    with subprocess.Popen(
        command,
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    ) as process:
        for line in process.stdout or ():
            if PROGRESS.match(line):
                print(f"{job.name}: {line}", end="", flush=True)
            output.append(line)
    counts = read(report)
    bad = process.returncode not in (0, NOTHING_COLLECTED)
    counts["failed"] += int(bad and not counts["failed"])
    if show or counts["failed"]:
        print("".join(output), flush=True)
    print(f"{job.name}: {ending(output)}", flush=True)
    return counts


def ending(output: list[str]) -> str:
    """Return the last line of pytest, and the most memory that the process has held."""
    memory = [found[0] for line in output if (found := MEMORY.match(line))]
    last = output[-1].strip("= \n") if output else "no output"
    return ", ".join([last, *(line.strip() for line in memory)])


def read(report: Path) -> Counter[str]:
    """Return how many tests passed, failed and were skipped."""
    counts: Counter[str] = Counter(passed=0, failed=0, skipped=0)
    if not report.exists():
        return counts
    for suite in ElementTree.parse(report).getroot().iter("testsuite"):
        failed = int(suite.get("failures", 0)) + int(suite.get("errors", 0))
        skipped = int(suite.get("skipped", 0))
        counts["failed"] += failed
        counts["skipped"] += skipped
        counts["passed"] += int(suite.get("tests", 0)) - failed - skipped
    return counts
