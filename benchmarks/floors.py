"""The floors of the benchmarks: the lowest accepted ratios of a peer's time to ours."""

from typing import Any

from ratios import PAIRS

# The name under which the kernel without a framework is timed. No peer: its time over
# ours is the part of the limit that a backend reaches.
LIMIT = "limit"
# The floor of every other ratio to Keras's time.
EVERYWHERE = 0.97
# The benchmark that finds where Keras is faster has none.
UNJUDGED = ("thresholds",)

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
    ("update", "tensorflow", "graph", "resnet", "adamw", "keras"): 4.0,
    ("update", "tensorflow", "xla", "resnet", "adamw", "keras"): 1.25,
    ("update", "jax", "jit", "resnet", "adamw", "keras"): 1.3,
    ("update", "torch", "eager", "resnet", "adamw", "keras"): 2.0,
    ("update", "torch", "eager", "resnet", "adamw", "torch fused"): 0.95,
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
    ("fit", "tensorflow", "graph", "mlp", "adamw", "keras"): 1.8,
    ("fit", "tensorflow", "xla", "mlp", "adamw", "keras"): 1.15,
    ("fit", "tensorflow", "xla", "mlp", "adamw, global_clipnorm", "keras"): 1.35,
    ("fit", "tensorflow", "xla", "mlp", "adamw, accumulation", "keras"): 2.0,
    ("fit", "jax", "jit", "mlp", "adamw", "keras"): 1.8,
    ("fit", "jax", "jit", "mlp", "adamw, global_clipnorm", "keras"): 1.8,
    ("fit", "jax", "jit", "mlp", "adamw, accumulation", "keras"): 4.0,
    ("fit", "jax", "jit, tuned", "mlp", "adamw", "keras"): 1.2,
    ("fit", "torch", "eager", "mlp", "adamw", "keras"): 2.5,
    ("fit", "torch", "eager", "mlp", "adamw, global_clipnorm", "keras"): 2.5,
    # The kernel may take at most 1.10 times as long as the hand-written loop.
    ("roofline", "direct", "threads", "resnet", "momentum", "loop"): 1 / 1.10,
    ("roofline", "direct", "threads", "resnet", "adam", "loop"): 1 / 1.10,
}
KEY = ("benchmark", "backend", "way", "model", "option")
# The highest accepted ratio of our peak memory to Keras's.
MEMORY = 1.1
# The highest accepted time of `evaluate` for a million steps, in units of one numpy.cos
# of the same array. A cosine schedule needs one, and a composed one several.
COSINES = 6.0
MILLION = 1_000_000
# The most that `import kerasched` may add to `import keras`, in the best process.
IMPORT_SECONDS = 0.1


def floor(row: dict[str, Any], peer: str) -> float | None:
    """Return the floor of a row against a peer, or None if there is none."""
    judged = peer == "keras" and row["benchmark"] not in UNJUDGED
    everywhere = EVERYWHERE if judged else None
    return FLOORS.get((*(row[key] for key in KEY), peer), everywhere)


def verdict(ratio: dict[str, float], least: float | None) -> str:
    """Compare the interval of a ratio with its floor."""
    if least is None:
        return ""
    if ratio["pairs"] < PAIRS:
        return "too few pairs"
    if ratio["high"] < least:
        return "MISSED"
    return "met" if ratio["low"] >= least else "met, within the noise"


def judged(row: dict[str, Any]) -> dict[str, Any]:
    """Add the floor and the verdict to each ratio of a row, and return the row."""
    for peer, ratio in row["ratios"].items():
        ratio["floor"] = floor(row, peer)
        ratio["verdict"] = verdict(ratio, ratio["floor"])
    return row


def missed(rows: list[dict[str, Any]]) -> list[str]:
    """Return a line for each missed floor: the whole interval lies below it.

    Add one for each row whose peak memory, if it was measured, is too high.
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
    """Return a line for each schedule that is too slow even in its best round.

    Other load can only slow a round down. With fewer than a million steps the overhead
    of a call dominates, so that such results are not judged.
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
    """Return the case of a row as text."""
    return ", ".join(row[key] for key in KEY)


def of_memory(row: dict[str, Any]) -> float:
    """Return the ratio of our peak memory to Keras's, or 0 if not measured."""
    peak = row.get("peak_bytes")
    return peak["ours"] / peak["keras"] if peak else 0.0


def lost(rows: list[dict[str, Any]]) -> list[str]:
    """Return a line for each peer that is faster than ours beyond the noise."""
    return [
        f"{case(row)}: {peer} takes {ratio['median']:.2f} "
        f"of our time ({ratio['low']:.2f} to {ratio['high']:.2f})"
        for row in rows
        if row["benchmark"] not in UNJUDGED
        for peer, ratio in row["ratios"].items()
        if ratio["high"] < 1 and peer != LIMIT
    ]
