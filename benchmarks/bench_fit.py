"""Times whole training steps inside `fit`: python benchmarks/bench_fit.py.

Keras's optimizer and ours take turns, one `fit` each. Peak memory is measured in a
separate process for each. Writes a Markdown table and a JSON file. Fails if a floor is
missed.
"""

import argparse
import sys
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).resolve().parent
sys.path.insert(0, str(FOLDER))

import twins  # noqa: E402
from cases import CASES  # noqa: E402
from cases import SCALED  # noqa: E402
from children import BACKENDS  # noqa: E402
from children import call  # noqa: E402
from children import installed  # noqa: E402
from report import recorded  # noqa: E402

MODELS = ("mlp", "embedding", "deep", "tiny", "convolution")
# The default cases: every model with momentum, and the first with these options too.
OPTIONS = ("accumulation", "global_clipnorm", "all with ema", *SCALED)
OPTIONS += ("adamw", "adamw, global_clipnorm", "adamw, accumulation", "adamw, ema")
# The ways to compile on each backend, with the environment variables they need.
WAYS = {
    "tensorflow": {"graph": (False, {}), "xla": (True, {})},
    "jax": {"jit": (True, {})},
    "torch": {"eager": (False, {})},
}
# glibc keeps freed memory in one arena, so that XLA's buffers cause no page faults.
TUNED = {
    "MALLOC_ARENA_MAX": "1",
    "MALLOC_MMAP_MAX_": "0",
    "MALLOC_TRIM_THRESHOLD_": "17179869184",
}
WAYS["jax"]["jit, tuned"] = (True, TUNED)
# The steps of one `fit`. The large models take about a second.
STEPS = {
    "mlp": 24,
    "embedding": 24,
    "million": 200,
    "deep": 100,
    "convolution": 100,
    "tiny": 400,
}
NOTES = [
    "Seconds of a step inside fit, at a batch of 8: an epoch's, without what fit does "
    "before and after it. Ratios are Keras's over ours in the same round; the interval "
    "is that of their median, of 95 %, by order statistics.",
    twins.NOTE,
    "tuned: MALLOC_ARENA_MAX=1 MALLOC_MMAP_MAX_=0 MALLOC_TRIM_THRESHOLD_=17179869184 "
    "for both, so that no page is faulted in twice.",
    "On JAX, Keras's optimizer is patched to survive a second fit with use_ema=True.",
]


def main() -> int:
    """Run the benchmark as the command line asks."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--backend", action="append", choices=BACKENDS)
    parser.add_argument("--models", nargs="+", choices=MODELS, default=MODELS)
    parser.add_argument("--options", nargs="+", choices=[*CASES, *SCALED])
    parser.add_argument("--rounds", type=int, default=21)
    parser.add_argument("--steps", type=int, help="of each fit")
    parser.add_argument("--output", type=Path, default=FOLDER / "results" / "fit.json")
    parser.add_argument("--note", action="append", default=[], help="kept in the file")
    parser.add_argument("--add", action="store_true", help="to the rows of the file")
    asked = parser.parse_args()
    cases = [
        {"backend": backend, "model": model, "option": option, "way": way}
        for backend in installed(asked.backend)
        for model in asked.models
        for option in asked.options
        or ["momentum", *(OPTIONS if model == "mlp" else ())]
        for way in WAYS[backend]
    ]
    rows = (timed(case, asked.rounds, asked.steps) for case in cases)
    notes = [*NOTES, *asked.note]
    result = recorded("fit", rows, asked.rounds, notes, asked.output, asked.add)
    return 1 if result["missed"] else 0


def timed(case: dict[str, str], rounds: int, steps: int | None) -> dict[str, Any]:
    """Return the row of a case, with the peak memory of each side."""
    row = row_of(case, rounds, steps)
    row["peak_bytes"] = {
        side: in_child("peak", case, steps, side=side) for side in ("keras", "ours")
    }
    return row


def row_of(
    case: dict[str, str], rounds: int, steps: int | None, fused: bool | str = "auto"
) -> dict[str, Any]:
    """Return the row of a case without peak memory."""
    print(", ".join(case.values()), file=sys.stderr, flush=True)
    more = {"way": case["way"], "rounds": rounds, "fused": fused}
    row: dict[str, Any] = in_child("rows", case, steps, **more)[0]
    return row


def in_child(name: str, case: dict[str, str], steps: int | None, **more: Any) -> Any:
    """Call a function of fitting.py for a case in a child process."""
    jit, environment = WAYS[case["backend"]][case["way"]]
    given = {"model": case["model"], "option": case["option"], "jit": jit, **more}
    given["steps"] = steps or STEPS[case["model"]]
    return call(case["backend"], "fitting", name, given, environment)


if __name__ == "__main__":
    sys.exit(main())
