"""Run the kernel under sanitizers: python -m tests.sanitizers [address] [thread].

`address` is AddressSanitizer with UndefinedBehaviorSanitizer, and `thread` is
ThreadSanitizer. By default both run. stress.cc and all of csrc/ that needs neither
Python nor XLA are compiled to one program. It must finish without a report. It must
also be reported when it makes a deliberate mistake, which shows that the sanitizer
works. With `address` the same holds for the kernel's tests on an extension that is
compiled with the sanitizer.
"""

import os
import shlex
import subprocess
import sys
import sysconfig
import tempfile
import time
from pathlib import Path

from tests.sanitizers import extension

FOLDER = Path(__file__).parent
CSRC = FOLDER.parents[1] / "csrc"
SOURCES = [
    path
    for path in sorted(CSRC.glob("*.cc"))
    if not path.name.startswith(("module", "python_", "xla_"))
]

# The compiler flags, a deliberate mistake, and a text in its report.
SANITIZERS = {
    "address": (
        ["-fsanitize=address,undefined", "-fno-sanitize-recover=all"],
        "write-past-the-end",
        "AddressSanitizer: heap-buffer-overflow",
    ),
    "thread": (["-fsanitize=thread"], "race", "ThreadSanitizer: data race"),
}
# Stop at the first race, as reporting all of them takes minutes.
OPTIONS = {"TSAN_OPTIONS": "halt_on_error=1", "UBSAN_OPTIONS": "print_stacktrace=1"}


def main() -> int:
    names = sys.argv[1:] or list(SANITIZERS)
    unknown = [name for name in names if name not in SANITIZERS]
    if unknown:
        sys.exit(f"No such sanitizer: {', '.join(unknown)}")
    verdicts = [clean(name) for name in names]
    return 0 if all(verdicts) else 1


def clean(name: str) -> bool:
    """Print and return whether the program passes and its mistake is reported."""
    flags, mistake, report = SANITIZERS[name]
    start = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        print(f"{name}: compiling the program", flush=True)
        program = build(Path(folder), flags)
        print(f"{name}: running it", flush=True)
        done = run(program)
        caught = run(program, mistake)
    passed = done.returncode == 0
    if name == "address":
        passed = extension.clean(flags) and passed
    awake = caught.returncode != 0 and report in caught.stderr
    print(f"{name}: {done.stdout.strip()} {done.stderr[-4000:]}".strip())
    print(f"{name}: {mistake} was {'caught' if awake else 'NOT caught'}")
    if not awake:
        print(caught.stdout, caught.stderr[-4000:])
    verdict = "clean" if passed and awake else "FAILED"
    print(f"{name}: {verdict} after {time.monotonic() - start:.0f} s", flush=True)
    return passed and awake


def build(folder: Path, flags: list[str]) -> Path:
    """Compile the program and return its path."""
    compiler = os.environ.get("CXX") or sysconfig.get_config_var("CXX") or "c++"
    command = [*shlex.split(compiler), "-std=c++17", "-O1", "-g", "-pthread"]
    command += ["-ffp-contract=off", "-fno-omit-frame-pointer", *flags, f"-I{CSRC}"]
    sources = [FOLDER / "stress.cc", *SOURCES]
    objects = [folder / f"{source.stem}.o" for source in sources]
    started = [
        subprocess.Popen([*command, "-c", source, "-o", target])
        for source, target in zip(sources, objects, strict=True)
    ]
    codes = [process.wait() for process in started]
    if any(codes):
        sys.exit("The sources do not compile.")
    subprocess.run([*command, *objects, "-o", folder / "stress"], check=True)
    return folder / "stress"


def run(program: Path, *words: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, **OPTIONS}
    return subprocess.run(
        [program, *words], env=environment, capture_output=True, text=True, timeout=120
    )


if __name__ == "__main__":
    sys.exit(main())
