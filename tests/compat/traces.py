"""The traces of the original libraries, and our schedule for each."""

import json
from pathlib import Path

import keras
import numpy as np
from support import allowed

from kerasched.compat import optax
from kerasched.compat import paddle
from kerasched.compat import timm
from kerasched.compat import torch
from kerasched.compat import transformers

FOLDER = Path(__file__).parents[1] / "data" / "compat"
LIBRARIES = {
    "torch": torch,
    "transformers": transformers,
    "optax": optax,
    "timm": timm,
    "paddle": paddle,
}


def read(library):
    """Return the traces of a library, with steps and values as arrays."""
    traces = json.loads((FOLDER / f"{library}.json").read_text(encoding="utf-8"))
    for trace in traces:
        if isinstance(trace["steps"][0], list):
            runs = [np.arange(*run) for run in trace["steps"]]
            trace["steps"] = np.concatenate(runs)
        # Steps at which the original raised are null, which becomes NaN.
        trace["values"] = np.array(trace["values"], "float64")
    return traces


TRACES = {trace["id"]: trace for name in LIBRARIES for trace in read(name)}

# The functions for lambdas in the traces.
FUNCTIONS = {
    "lambda t: 1/(1+t)": lambda t: 1 / (1 + t),
    "lambda t: min((t+1)**-0.5, (t+1)*40**-1.5)*40**0.5": lambda t: (
        min((t + 1) ** -0.5, (t + 1) * 40**-1.5) * 40**0.5
    ),
    "lambda t: 0.95**t": lambda t: 0.95**t,
}
for number, function in enumerate(FUNCTIONS.values()):
    name = f"function_{number}"
    keras.saving.register_keras_serializable("traces", name)(function)

# Compositions that the traces describe in words.
COMPOSED = {
    "torch/SequentialLR/0": lambda: torch.SequentialLR(
        [torch.LinearLR(0.1, 0.1, total_iters=10), torch.CosineAnnealingLR(0.1, 40)],
        [10],
    ),
    "torch/SequentialLR/2": lambda: torch.SequentialLR(
        [torch.ConstantLR(0.1, 0.5, 4), torch.LinearLR(0.1, 1.0, 0.1, 20)], [5]
    ),
    "torch/SequentialLR/4": lambda: torch.SequentialLR(
        [torch.StepLR(0.1, 3, 0.5), torch.PolynomialLR(0.1, 20, 2.0)], [0]
    ),
    "torch/ChainedScheduler/0": lambda: torch.ChainedScheduler(
        [torch.ConstantLR(0.1, 0.1, 4), torch.ExponentialLR(0.1, 0.9)], 0.1
    ),
    "torch/ChainedScheduler/2": lambda: torch.ChainedScheduler(
        [torch.StepLR(0.1, 10, 0.5), torch.StepLR(0.1, 15, 0.5)], 0.1
    ),
    "optax/join_schedules/0": lambda: optax.join_schedules(
        [
            optax.linear_schedule(0.0, 0.1, 10),
            optax.constant_schedule(0.1),
            optax.cosine_decay_schedule(0.1, 40),
        ],
        [10, 50],
    ),
    "optax/join_schedules/2": lambda: optax.join_schedules(
        [
            optax.exponential_decay(0.1, 5, 0.5),
            optax.polynomial_schedule(0.1, 0.0, 2, 20),
        ],
        [12],
    ),
    "paddle/LinearWarmup/4": lambda: paddle.LinearWarmup(
        paddle.ExponentialDecay(0.1, 0.9), 10, 0.0, 0.1
    ),
}


def schedule_of(trace):
    """Return the port's schedule for a trace's name and parameters."""
    composed = COMPOSED.get(trace["id"].removesuffix("/f32"))
    if composed is not None:
        return composed()
    library = LIBRARIES[trace["id"].partition("/")[0]]
    params = dict(trace["params"])
    if "lr_lambda" in params:
        params["lr_lambda"] = FUNCTIONS[params["lr_lambda"]]
    scales = params.get("boundaries_and_scales")
    if scales is not None:  # JSON has strings as keys.
        params["boundaries_and_scales"] = {int(k): v for k, v in scales.items()}
    return getattr(library, trace["name"])(**params)


def left_out(trace):
    """Return why a trace is not compared, or None."""
    params = trace["params"]
    if params.get("last_epoch", -1) != -1:
        return "a schedule has no memory to begin with"
    if "fractional" in trace["drive"]:
        return "a step is an integer"
    if "noise_range_t" in params:
        return "timm's noise is that of torch's generator"
    if trace["name"] in ("MultiplicativeLR", "MultiplicativeDecay"):
        return "the product of all steps before is no function of the step"
    if np.isnan(trace["values"]).all():
        return "the original raised"
    return None


def compared(trace):
    """Return whether each step of a trace is compared."""
    wanted = ~np.isnan(trace["values"])
    if trace["name"] == "OneCycleLR":
        params = trace["params"]
        total = (
            params.get("total_steps") or params["epochs"] * params["steps_per_epoch"]
        )
        wanted &= trace["steps"] < total  # Afterwards our value is constant.
    missed = MISSED_RESTARTS.get(trace["id"], ())
    return wanted & ~np.isin(trace["steps"], missed)


# Restarts that the original misses because of a logarithm.
MISSED_RESTARTS = {"timm/CosineLRScheduler/26": (1210, 295240)}

# Traces in which optax loses precision by subtracting nearly equal float32 numbers, in
# one file or in both: the cosine near -1 at the end of a decay, or a line near its
# start. The error of a small value is then up to half a float32 unit of the peak.
CANCELLED = {
    "optax/cosine_decay_schedule/0/f32",
    "optax/cosine_onecycle_schedule/0/f32",
    "optax/cosine_onecycle_schedule/0",
    "optax/warmup_constant_schedule/2/f32",
    "optax/warmup_constant_schedule/2",
    "optax/warmup_cosine_decay_schedule/0/f32",
    "optax/warmup_cosine_decay_schedule/2/f32",
    "optax/sgdr_schedule/0/f32",
    "optax/sgdr_schedule/2/f32",
    "optax/join_schedules/0/f32",
}

# At t = 2**24 torch's cosine of pi * t / T_max already has an error above 1e-9.
ROUNDED_AT_2_TO_THE_24 = {"torch/CosineAnnealingLR/8"}


def tolerance(trace):
    """Return the allowed difference between our values and a trace's at each step."""
    values, steps = trace["values"], trace["steps"]
    library = trace["id"].partition("/")[0]
    kind = "recursive" if "recursive" in trace["drive"] else "exact"
    if library == "optax" or trace["dtype"] == "float32":
        kind = "single"
    within = allowed(values, steps, kind, library in ("torch", "timm", "paddle"))
    if trace["id"] in ROUNDED_AT_2_TO_THE_24:
        single = allowed(values, steps, "single", False)
        within = np.where(steps == 2**24, single, within)
    if trace["id"] in CANCELLED:
        within = within + (2.0**-24 - 1e-9) * np.nanmax(np.abs(values))
    return within
