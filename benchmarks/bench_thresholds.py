"""Finds the model size from which the kernel is faster than Keras.

python benchmarks/bench_thresholds.py times training steps inside `fit` for models of 5
thousand to a million weights, with Keras's optimizer and with the kernel at each size.
The thresholds in kerasched/kernels/dispatch.py come from its results.
"""

import argparse
import sys
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
sys.path.insert(0, str(FOLDER))

import twins  # noqa: E402
from bench_fit import WAYS  # noqa: E402
from bench_fit import row_of  # noqa: E402
from children import installed  # noqa: E402
from report import recorded  # noqa: E402

BACKENDS = ("tensorflow", "jax")  # On torch the kernel is used for every model.
MODELS = ("tiny", "convolution", "deep", "million")
OPTIONS = ("momentum", "adamw", "lion")
NOTES = [
    "Seconds of a step inside fit, at a batch of 8, with fused=True. Ratios are "
    "Keras's over ours in the same round, with the 95 % interval of their median.",
    twins.NOTE,
]


def main() -> int:
    """Run the benchmark as the command line asks."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--backend", action="append", choices=BACKENDS)
    parser.add_argument("--models", nargs="+", choices=MODELS, default=MODELS)
    parser.add_argument("--options", nargs="+", choices=OPTIONS, default=OPTIONS)
    parser.add_argument("--rounds", type=int, default=21)
    parser.add_argument(
        "--output", type=Path, default=FOLDER / "results" / "thresholds.json"
    )
    asked = parser.parse_args()
    cases = [
        {"backend": backend, "way": way, "option": option, "model": model}
        for backend in asked.backend or [b for b in installed(None) if b in BACKENDS]
        for way, (_, environment) in WAYS[backend].items()
        if not environment
        for option in asked.options
        for model in asked.models
    ]
    rows = (row_of(case, asked.rounds, steps=None, fused=True) for case in cases)
    recorded("thresholds", rows, asked.rounds, NOTES, asked.output)
    return 0


if __name__ == "__main__":
    sys.exit(main())
