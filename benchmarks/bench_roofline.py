"""Compares the kernel, called directly, with a hand-written loop.

python benchmarks/bench_roofline.py compiles that loop. It reports the memory bandwidth
that each reaches, and the bandwidth of the machine.
"""

import argparse
import importlib.util
import os
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

FOLDER = Path(__file__).resolve().parent
sys.path.insert(0, str(FOLDER))

import ratios  # noqa: E402
from kernel_alone import BETAS  # noqa: E402
from kernel_alone import KernelAlone  # noqa: E402
from kernel_alone import adam  # noqa: E402
from report import recorded  # noqa: E402
from tensors import starts  # noqa: E402

from kerasched.kernels import native  # noqa: E402
from kerasched.kernels.options import Options  # noqa: E402

RATE, MOMENTUM = 0.01, 0.9
EPSILON = 1e-7
# By option the rule, its hyperparameters, and the bytes that it moves for each float32.
RULES = {
    "momentum": ("sgd_momentum", (MOMENTUM,), 20),
    "adam": ("adam", adam(EPSILON), 28),
}
ADD_BYTES = 12
NOTES = [
    "loop: the same update in a C++ loop over one array, -O3 -march=native, in place, "
    "in as many threads; add: an array added to another, the bandwidth there is.",
]


def main() -> int:
    """Run the benchmark as the command line asks."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tensors", nargs="+", default=["resnet"])
    parser.add_argument("--threads", type=int, default=native.threads())
    parser.add_argument("--rounds", type=int, default=51)
    parser.add_argument(
        "--output", type=Path, default=FOLDER / "results" / "roofline.json"
    )
    parser.add_argument("--note", action="append", default=[], help="kept in the file")
    asked = parser.parse_args()
    if asked.threads != native.threads():
        parser.error("set KERASCHED_NUM_THREADS, which the kernel goes by, too")
    loop = compiled()
    rows = (
        measured(loop, option, tensors, asked.threads, asked.rounds)
        for option in RULES
        for tensors in asked.tensors
    )
    notes = [*NOTES, *asked.note]
    result = recorded("roofline", rows, asked.rounds, notes, asked.output)
    for row in result["rows"]:
        speeds = [f"{name} {speed:.1f}" for name, speed in row["gb_per_s"].items()]
        print(f"GB/s, {row['model']}, {row['option']}: {', '.join(speeds)}")
    return 1 if result["missed"] else 0


def measured(
    loop: Any, option: str, tensors: str, threads: int, rounds: int
) -> dict[str, Any]:
    """Return the row of an option and a set of tensors: kernel, loop and bandwidth."""
    rule, hyperparameters, moved = RULES[option]
    options = Options(rule)
    kernel = KernelAlone(options, hyperparameters, tensors)
    flat = [np.concatenate([a.ravel() for a in x]) for x in starts(tensors)]
    flat += [np.zeros_like(flat[0]) for _ in range(options.slots)]
    size, at = flat[0].size, [array.ctypes.data for array in flat]
    sums, terms = np.zeros(size, "float32"), np.ones(size, "float32")
    numbers = (RATE, MOMENTUM)
    if option == "adam":
        rate = RATE * (1 - BETAS[1]) ** 0.5 / (1 - BETAS[0])
        numbers = (rate, *hyperparameters[2:])

    functions: dict[str, Callable[[], Any]] = {
        # The step count stays 0, so that Adam's rate is that of the first update.
        "ours": lambda: kernel.run(RATE),
        "loop": lambda: getattr(loop, option)(*at, size, threads, *numbers),
        "add": lambda: loop.add(sums.ctypes.data, terms.ctypes.data, size, threads),
    }
    for name in ("ours", "loop"):
        functions[name]()
    ours = np.concatenate([w.ravel() for w in kernel.weights])
    if not np.allclose(ours, flat[0], rtol=0, atol=1e-6):
        raise SystemExit("The kernel and the loop give other weights")
    seconds = ratios.taking_turns(functions, rounds)
    case = {"backend": "direct", "way": "threads", "model": tensors}
    row = ratios.row({**case, "option": option, "threads": threads}, seconds)
    del row["ratios"]["add"]  # No peer: it does something else.
    each = {"ours": moved, "loop": moved, "add": ADD_BYTES}
    row["gb_per_s"] = {
        name: 1e-9 * count * size / row["seconds"][name]["median"]
        for name, count in each.items()
    }
    return row


def compiled() -> Any:
    """Compile roofline.cc in a temporary folder and return the module."""
    folder = Path(tempfile.mkdtemp())
    target = folder / f"roofline{sysconfig.get_config_var('EXT_SUFFIX')}"
    includes = subprocess.run(
        [sys.executable, "-m", "pybind11", "--includes"],
        check=True,
        capture_output=True,
        text=True,
    ).stdout.split()
    command = [os.environ.get("CXX", "g++"), "-O3", "-march=native", "-std=c++17"]
    command += ["-fno-math-errno"]  # Or the root would keep it from vectorizing.
    command += ["-shared", "-fPIC", "-pthread", *includes]
    subprocess.run(
        [*command, str(FOLDER / "roofline.cc"), "-o", str(target)], check=True
    )
    spec = importlib.util.spec_from_file_location("roofline", target)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


if __name__ == "__main__":
    sys.exit(main())
