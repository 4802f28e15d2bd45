"""Times one update of the optimizer alone: python benchmarks/bench_update.py.

All optimizers of a row take turns in one process. Prints a Markdown table and writes
all numbers to a JSON file. Fails if a floor is missed.
"""

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
sys.path.insert(0, str(FOLDER))

import twins  # noqa: E402
from cases import CASES  # noqa: E402
from cases import LIMITED  # noqa: E402
from children import BACKENDS  # noqa: E402
from children import call  # noqa: E402
from children import installed  # noqa: E402
from report import recorded  # noqa: E402
from tensors import TENSORS  # noqa: E402

FIRST_CALL = "first call"
NOTES = [
    "Ratios are another's seconds over ours in the same round; the interval is that of "
    "their median, of 95 %, by order statistics.",
    twins.NOTE,
    "With accumulation, the seconds of four micro-batches; small: of ten steps.",
    "limit: the kernel on NumPy arrays; on TensorFlow, an empty function with as many "
    "variables is called, too. Its ratio is the part of the limit that is reached.",
    "resnet: the 161 tensors of ResNet-50; small: 161 tensors of one number.",
]


def main() -> int:
    """Run the benchmark as the command line asks."""
    parser = argparse.ArgumentParser(description=__doc__)
    options = [*CASES, FIRST_CALL]
    parser.add_argument("--backend", action="append", choices=BACKENDS)
    parser.add_argument("--options", nargs="+", choices=options, default=options)
    parser.add_argument("--tensors", nargs="+", default=["resnet", "small"])
    parser.add_argument("--rounds", type=int, default=31)
    parser.add_argument(
        "--output", type=Path, default=FOLDER / "results" / "update.json"
    )
    parser.add_argument("--note", action="append", default=[], help="kept in the file")
    parser.add_argument("--add", action="store_true", help="to the rows of the file")
    asked = parser.parse_args()
    unknown = set(asked.tensors) - set(TENSORS)
    if unknown:
        parser.error(f"--tensors: choose from {', '.join(TENSORS)}")
    rows = (
        row
        for backend in installed(asked.backend)
        for option in asked.options
        for row in rows_of(backend, option, asked.tensors, asked.rounds)
    )
    notes = [*NOTES, *asked.note]
    result = recorded("update", rows, asked.rounds, notes, asked.output, asked.add)
    return 1 if result["missed"] else 0


def rows_of(
    backend: str, option: str, tensors: list[str], rounds: int
) -> Iterator[dict[str, object]]:
    """Yield a row for each set of tensors and way to compile."""
    print(f"{backend}, {option}", file=sys.stderr, flush=True)
    module = f"update_{backend}"
    if option == FIRST_CALL:
        if backend == "tensorflow":
            yield call(backend, module, "first_call", {"rounds": min(rounds, 15)})
        return
    for name in tensors:
        given = {"option": option, "tensors": name, "rounds": rounds}
        given["limit"] = option in LIMITED and name != "small"
        yield from call(backend, module, "rows", given)


if __name__ == "__main__":
    sys.exit(main())
