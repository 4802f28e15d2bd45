"""What the benchmarks must show: the least ratios of another's time to ours."""

from typing import Any

from ratios import PAIRS

# Nothing may be slower than Keras's own, in any case.
EVERYWHERE = 0.97

# (benchmark, backend, way, model or tensors, option, peer): ratio
FLOORS = {
    ("update", "tensorflow", "graph", "resnet", "momentum", "keras"): 2.3,
    ("update", "tensorflow", "graph", "resnet", "all", "keras"): 3.5,
    ("update", "tensorflow", "xla", "resnet", "momentum", "keras"): 1.3,
    ("update", "tensorflow", "xla", "resnet", "all", "keras"): 2.1,
    ("update", "tensorflow", "graph", "small", "first call", "keras"): 3.0,
    ("update", "tensorflow", "eager", "resnet", "momentum", "keras"): 3.0,
    ("update", "tensorflow", "eager", "small", "momentum", "keras"): 3.0,
    ("update", "jax", "jit", "resnet", "momentum", "keras"): 1.2,
    ("update", "jax", "jit", "resnet", "all", "keras"): 1.3,
    ("update", "jax", "jit", "resnet", "accumulation", "keras"): 8.0,
    ("update", "torch", "eager", "resnet", "momentum", "keras"): 1.8,
    ("update", "torch", "eager", "resnet", "all", "keras"): 3.0,
    ("update", "torch", "eager", "small", "momentum", "keras"): 12.0,
    ("update", "torch", "eager", "resnet", "momentum", "torch fused"): 0.95,
    ("fit", "tensorflow", "xla", "mlp", "momentum", "keras"): 1.15,
    ("fit", "tensorflow", "xla", "mlp", "accumulation", "keras"): 2.5,
    ("fit", "tensorflow", "xla", "mlp", "global_clipnorm", "keras"): 1.7,
    ("fit", "tensorflow", "xla", "mlp", "all with ema", "keras"): 1.6,
    ("fit", "tensorflow", "xla", "mlp", "dynamic loss scale", "keras"): 1.7,
    ("fit", "tensorflow", "xla", "embedding", "momentum", "keras"): 1.25,
    ("fit", "jax", "jit", "mlp", "dynamic loss scale", "keras"): 1.6,
    ("fit", "jax", "jit", "mlp", "momentum", "keras"): 1.6,
    ("fit", "jax", "jit", "mlp", "accumulation", "keras"): 3.0,
    ("fit", "jax", "jit", "mlp", "global_clipnorm", "keras"): 2.0,
    ("fit", "jax", "jit", "mlp", "all with ema", "keras"): 1.6,
    ("fit", "jax", "jit", "embedding", "momentum", "keras"): 2.0,
    ("fit", "jax", "jit, tuned", "mlp", "momentum", "keras"): 1.2,
    ("fit", "jax", "jit, tuned", "mlp", "accumulation", "keras"): 1.7,
    ("fit", "jax", "jit, tuned", "mlp", "global_clipnorm", "keras"): 1.05,
    ("fit", "jax", "jit, tuned", "mlp", "all with ema", "keras"): 1.2,
    ("fit", "jax", "jit, tuned", "embedding", "momentum", "keras"): 1.05,
    # The hand-written loop may take as little as 1 / 1.10 of the kernel's time.
    ("roofline", "direct", "threads", "resnet", "momentum", "loop"): 1 / 1.10,
}
KEY = ("benchmark", "backend", "way", "model", "option")
# The most that our peak of resident memory may be, in parts of Keras's.
MEMORY = 1.1
# The most that `evaluate` of a million steps may take, in times of one numpy.cos of
# them. One cosine is the least that a schedule needs; a tree needs one for each of its.
COSINES = 6.0
MILLION = 1_000_000
# The most that importing the package may add to importing Keras, in the best process.
IMPORT_SECONDS = 0.1


def floor(row: dict[str, Any], peer: str) -> float | None:
    """Return the floor of a row against a peer, None where nothing is promised."""
    everywhere = EVERYWHERE if peer == "keras" else None
    return FLOORS.get((*(row[key] for key in KEY), peer), everywhere)


def verdict(ratio: dict[str, float], least: float | None) -> str:
    """Return what a ratio's interval says of its floor."""
    if least is None:
        return ""
    if ratio["pairs"] < PAIRS:
        return "too few pairs"
    if ratio["high"] < least:
        return "MISSED"
    return "met" if ratio["low"] >= least else "met, within the noise"


def judged(row: dict[str, Any]) -> dict[str, Any]:
    """Return a row with the floor and the verdict in each of its ratios."""
    for peer, ratio in row["ratios"].items():
        ratio["floor"] = floor(row, peer)
        ratio["verdict"] = verdict(ratio, ratio["floor"])
    return row


def missed(rows: list[dict[str, Any]]) -> list[str]:
    """Return a line for each floor that a row's whole interval lies below.

    And one for each row whose peak of memory, where it was taken, is above the most.
    """
    slow = [
        f"{case(row)}: {peer} / ours "
        f"{ratio['median']:.2f} ({ratio['low']:.2f} to {ratio['high']:.2f}), "
        f"floor {ratio['floor']:.2f}"
        for row in rows
        for peer, ratio in row["ratios"].items()
        if ratio["verdict"] == "MISSED"
    ]
    parts = [(row, of_memory(row)) for row in rows]
    return slow + [
        f"{case(row)}: peak memory {part:.2f} of Keras's, at most {MEMORY:.2f}"
        for row, part in parts
        if part > MEMORY
    ]


def slow_schedules(result: dict[str, Any]) -> list[str]:
    """Return a line for each schedule that takes too many cosines, in its best round.

    Other work on the machine can only slow a round down. Fewer than a million steps
    tell of what a call costs, and are not judged.
    """
    if result["steps"] < MILLION:
        return []
    parts = {
        row["schedule"]: row["seconds"]["min"] / row["cosine_seconds"]["min"]
        for row in result["evaluate"]
    }
    return [
        f"{name}: {part:.2f} times numpy.cos, at most {COSINES:.2f}"
        for name, part in parts.items()
        if part > COSINES
    ]


def case(row: dict[str, Any]) -> str:
    """Return what a row is of, in words."""
    return ", ".join(row[key] for key in KEY)


def of_memory(row: dict[str, Any]) -> float:
    """Return our peak of memory in parts of Keras's, 0 where it was not taken."""
    peak = row.get("peak_bytes")
    return peak["ours"] / peak["keras"] if peak else 0.0


def lost(rows: list[dict[str, Any]]) -> list[str]:
    """Return a line for each peer that was surely faster than ours."""
    return [
        f"{case(row)}: {peer} takes {ratio['median']:.2f} "
        f"of our time ({ratio['low']:.2f} to {ratio['high']:.2f})"
        for row in rows
        for peer, ratio in row["ratios"].items()
        if ratio["high"] < 1
    ]
