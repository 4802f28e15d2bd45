"""The combined options of an optimizer, and the optimizer for a row of levels."""

import keras

import kerasched
from kerasched.optimizers.fused_optimizer import FusedOptimizer

DTYPES = ("float32", "bfloat16", "float16", "float64")
SCHEDULE = kerasched.CosineDecay(0.1, 40, 0.01)

# The arguments of each level, by option. `make` handles levels that are no arguments.
LEVELS = {
    "rate": {"constant": {}, "schedule": {}},
    "momentum": {"none": {}, "0.9": {"momentum": 0.9}},
    "nesterov": {"no": {}, "nesterov": {"nesterov": True}},
    "decay": {
        "none": {},
        "0.01": {"weight_decay": 0.01},
        "excluded": {"weight_decay": 0.01},
    },
    "clip": {
        "none": {},
        "value": {"clipvalue": 0.6},
        "norm": {"clipnorm": 2.0},
        "global": {"global_clipnorm": 20.0},
    },
    "ema": {
        "none": {},
        "ema": {"use_ema": True, "ema_momentum": 0.9},
        "overwrite": {
            "use_ema": True,
            "ema_momentum": 0.9,
            "ema_overwrite_frequency": 3,
        },
    },
    "accumulation": {"none": {}, "4": {"gradient_accumulation_steps": 4}},
    "scale": {"none": {}, "factor": {"loss_scale_factor": 64.0}, "dynamic": {}},
}
OPTIONS = {name: tuple(levels) for name, levels in LEVELS.items()}


def arguments(row):
    """Return the arguments of a row's optimizer, except the rate."""
    names = [name for name in LEVELS if name in row]
    return {k: v for name in names for k, v in LEVELS[name][row[name]].items()}


def make(cls, row, **more):
    """Return a row's optimizer, in a LossScaleOptimizer if the scale is dynamic."""
    given = arguments(row)
    optimizer = cls(rate(cls, row, given), **given, **more)
    if row["decay"] == "excluded":
        optimizer.exclude_from_weight_decay(var_names=["bias"])
    if row["scale"] == "dynamic":
        return keras.optimizers.LossScaleOptimizer(optimizer, 64.0, 20)
    return optimizer


def rate(cls, row, given):
    """Return a row's rate. Keras's optimizers call schedules with micro-batches."""
    steps = given.get("gradient_accumulation_steps")
    if row["rate"] == "constant":
        return 0.1
    if steps and not issubclass(cls, FusedOptimizer):
        return kerasched.PerUpdate(SCHEDULE, steps)
    return SCHEDULE


def label(row):
    """Return the levels that are on, as the name of a case."""
    off = ("none", "constant", "no")
    return "-".join(f"{k}={v}" for k, v in row.items() if v not in off)
