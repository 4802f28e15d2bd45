"""The optimizer options that the benchmarks use, by name."""

from typing import Any

ALL = {"nesterov": True, "weight_decay": 1e-4, "global_clipnorm": 1.0}
EMA = {"use_ema": True, "ema_momentum": 0.99}
# With such an epsilon the rules of torch and optax, which add it elsewhere, agree.
ADAMW = {"learning_rate": 0.001, "epsilon": 1e-16}
WEIGHT_DECAY = 0.004  # The default of keras.optimizers.AdamW.

# The arguments of a case: of SGD besides a rate of 0.01 and a momentum of 0.9, of AdamW
# where the name begins with it.
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
    "adamw": ADAMW,
    "adamw, global_clipnorm": {**ADAMW, "global_clipnorm": 1.0},
    "adamw, accumulation": {**ADAMW, "gradient_accumulation_steps": 4},
    "adamw, ema": {**ADAMW, **EMA},
    # A sign that rounding turns moves a weight by twice the rate.
    "lion": {"learning_rate": 1e-5},
    # In bfloat16 a beta_2 of 0.999 is 1, and Keras moves no weight.
    "adamw, bfloat16": {**ADAMW, "learning_rate": 0.01, "beta_2": 0.99},
}
# Cases that every other optimizer supports.
PLAIN = ("no momentum", "momentum", "nesterov", "adamw")
# Cases in which the kernel is also timed without a framework.
LIMITED = ("momentum", "adamw")
# Cases with a LossScaleOptimizer; only bench_fit.py runs them.
SCALED = {"dynamic loss scale": {}}


def repeats(option: str, tensors: str) -> int:
    """Return the number of steps in one measurement.

    An update with its micro-batches; and ten of tensors so small that the clock and the
    caches that others have emptied would count for as much as the step.
    """
    micro_batches = CASES[option].get("gradient_accumulation_steps", 1)
    return micro_batches * (10 if tensors == "small" else 1)


def arguments(option: str) -> dict[str, Any]:
    """Return the arguments of both classes for a case."""
    given = {**CASES, **SCALED}[option]
    if class_name(option) != "SGD":
        return given
    return {"learning_rate": 0.01, "momentum": 0.9, **given}


def class_name(option: str) -> str:
    """Return the name of the optimizer's class for a case."""
    first = option.split(",")[0]
    return {"adamw": "AdamW", "lion": "Lion"}.get(first, "SGD")


def dtype(option: str) -> str:
    """Return the type of the weights for a case."""
    return "bfloat16" if "bfloat16" in option else "float32"
