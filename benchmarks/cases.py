"""The optimizer options that the benchmarks use, by name."""

from typing import Any

ALL = {"nesterov": True, "weight_decay": 1e-4, "global_clipnorm": 1.0}
EMA = {"use_ema": True, "ema_momentum": 0.99}

# The arguments of a case, besides a rate of 0.01 and a momentum of 0.9.
CASES: dict[str, dict[str, Any]] = {
    "momentum": {},
    "no momentum": {"momentum": 0.0},
    "nesterov": {"nesterov": True},
    "weight_decay": {"weight_decay": 1e-4},
    "nesterov and decay": {"nesterov": True, "weight_decay": 1e-4},
    "clipvalue": {"clipvalue": 0.5},
    "clipnorm": {"clipnorm": 1.0},
    "global_clipnorm": {"global_clipnorm": 1.0},
    "ema": EMA,
    "all": ALL,
    "all with ema": {**ALL, **EMA},
    "accumulation": {"gradient_accumulation_steps": 4},
    "loss scale": {"loss_scale_factor": 128.0},
}
# Cases that every other optimizer supports.
PLAIN = ("no momentum", "momentum", "nesterov")
# Cases with a LossScaleOptimizer; only bench_fit.py runs them.
SCALED = {"dynamic loss scale": {}}


def repeats(option: str, tensors: str) -> int:
    """Return the number of steps in one measurement.

    An update with its micro-batches; and ten of tensors so small that the clock and the
    caches that others have emptied would count for as much as the step.
    """
    micro_batches = 4 if option == "accumulation" else 1
    return micro_batches * (10 if tensors == "small" else 1)


def arguments(option: str) -> dict[str, Any]:
    """Return the arguments of both SGD classes for a case."""
    return {"learning_rate": 0.01, "momentum": 0.9, **{**CASES, **SCALED}[option]}
