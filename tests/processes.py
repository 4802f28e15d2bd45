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
from collections.abc import Mapping
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
# More parts would spend their time on loading the framework. TensorFlow needs most, as
# what it has compiled stays in memory as long as the process lives. The numbers are the
# relative lengths of the parts. JAX runs last and ends with short parts, so that all
# cores finish at about the same time.
PARTS = {
    "tensorflow": (1.0,) * 5,
    "jax": (1.0, 1.0, 1.0, 0.75, 0.6, 0.4, 0.25),
    "torch": (1.0,) * 4,
}
# XLA without LLVM's optimizations: a test that compiles much takes a fifth less time.
QUICK_XLA = "--xla_backend_optimization_level=0"
NOTHING_COLLECTED = 5  # The exit code of pytest.

# About how many seconds the longest files take on TensorFlow and on JAX; torch takes
# about as long as JAX. Others take OTHERS. test_jax_processes.py takes 40 seconds, and
# counts for more because its processes also slow down the part beside it.
SECONDS = {
    "scaling/test_jax_processes.py": (1, 50),
    "kernels/test_tensorflow.py": (39, 1),
    "finder/test_untouched.py": (13, 25),
    "resuming/test_going_on.py": (21, 17),
    "optimizers/test_equality.py": (19, 17),
    "optimizers/test_behaviour.py": (21, 14),
    "schedules/test_exactness.py": (15, 19),
    "optimizers/test_loss_scale.py": (26, 8),
    "demo/test_command.py": (12, 21),
    "keras_suite/test_suite.py": (13, 18),
    "callbacks/test_weight_averaging.py": (20, 10),
    "optimizers/test_files.py": (16, 6),
    "callbacks/test_backup_and_restore.py": (15, 12),
    "scaling/test_jax_devices.py": (1, 23),
    "callbacks/test_reduce_on_plateau.py": (16, 6),
    "scaling/test_page.py": (1, 6),
    "schedules/test_training.py": (17, 4),
    "kernels/test_isolation.py": (10, 10),
    "scaling/test_mirrored_training.py": (18, 1),
    "resuming/test_kills.py": (1, 18),
    "callbacks/test_own_optimizers.py": (13, 5),
    "demo/test_pipeline.py": (9, 8),
    "schedules/test_properties.py": (1, 16),
    "training/test_set_schedule.py": (13, 4),
    "schedules/test_saving.py": (4, 12),
    "optimizers/test_accelerate.py": (10, 6),
    "training/test_resume.py": (9, 7),
    "optimizers/test_scratch.py": (1, 13),
    "scaling/test_mirrored_strategy.py": (13, 1),
    "test_readme.py": (6, 7),
    "training/test_unfreezing.py": (6, 7),
    "kernels/test_native_options.py": (1, 4),
    "optimizers/test_adaptive.py": (3, 9),
    "callbacks/test_averaged_statistics.py": (6, 5),
    "optimizers/test_threads.py": (10, 1),
    "commands/test_schedules.py": (1, 10),
    "test_package.py": (5, 6),
    "callbacks/test_learning_rate_logger.py": (8, 2),
    "kernels/test_jax.py": (1, 9),
    "callbacks/test_pickles.py": (2, 7),
    "finder/test_sweep.py": (4, 4),
    "training/test_random_states.py": (5, 3),
    "callbacks/test_learning_rate_finder.py": (6, 2),
    "kernels/test_native_threads.py": (1, 7),
    "callbacks/test_monitor.py": (5, 3),
    "test_keras_problems.py": (6, 2),
    "kernels/test_jax_background.py": (1, 6),
    "callbacks/test_one_run_per_folder.py": (3, 4),
    "test_examples.py": (1, 6),
    "training/test_held.py": (4, 2),
    "commands/test_backend.py": (1, 5),
    "benchmarks/test_bench_sgd.py": (1, 5),
    "optimizers/test_adam.py": (2, 4),
    "kernels/test_without_native.py": (1, 5),
    "callbacks/test_epoch_schedule.py": (4, 1),
    "compat/test_live.py": (1, 4),
    "test_processes.py": (1, 4),
    "schedules/test_restarts.py": (1, 4),
}
OTHERS = 0.5
PROGRESS = re.compile(r"^\S+\s+\[\s*\d+%\]$")
MEMORY = re.compile(r"^most memory held: (\d+) MB$")


@dataclass(frozen=True)
class Job:
    """A part of the tests on a backend."""

    backend: str
    number: int
    files: tuple[Path, ...]
    options: tuple[str, ...]
    xla_flags: str = ""

    @property
    def name(self) -> str:
        return f"{self.backend} {self.number}/{len(PARTS[self.backend])}"


def jobs(backend: str, options: list[str], xla_flags: str = "") -> list[Job]:
    """Return the parts of all tests on a backend."""
    column = 0 if backend == "tensorflow" else 1
    folder = ROOT / "tests"
    seconds = dict.fromkeys(sorted(folder.rglob("test_*.py")), OTHERS)
    seconds |= {folder / name: times[column] for name, times in SECONDS.items()}
    return [
        Job(backend, number, files, tuple(options), xla_flags)
        for number, files in enumerate(parts(seconds, PARTS[backend]), 1)
    ]


def parts(
    seconds: Mapping[Path, float], lengths: Sequence[float]
) -> list[tuple[Path, ...]]:
    """Return the files in parts of given relative lengths.

    Args:
        seconds: about how long each file takes.
        lengths: the relative length of each part.
    """
    dealt: list[list[Path]] = [[] for _ in lengths]
    filled = [0.0] * len(lengths)
    # The longest files first, each to the part that is the emptiest so far.
    for file in sorted(seconds, key=seconds.__getitem__, reverse=True):
        place = filled.index(min(filled))
        dealt[place].append(file)
        filled[place] += seconds[file] / lengths[place]
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
        "XLA_FLAGS": f"{job.xla_flags} {os.environ.get('XLA_FLAGS', '')}".strip(),
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
