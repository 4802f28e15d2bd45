"""Shared helpers: example schedules, compiled calls and child processes."""

import importlib.util
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

import kerasched
from kerasched import SWALR
from kerasched import Chain
from kerasched import Chebyshev
from kerasched import CosineDecay
from kerasched import CosineRestarts
from kerasched import CosineWave
from kerasched import Difference
from kerasched import Eden
from kerasched import ExponentialAnnealing
from kerasched import ExponentialDecay
from kerasched import FlatCosine
from kerasched import Hyperbolic
from kerasched import InverseTimeDecay
from kerasched import LinearDecay
from kerasched import MultiStepDecay
from kerasched import Noise
from kerasched import OneCycle
from kerasched import PerEpoch
from kerasched import PiecewiseConstant
from kerasched import PiecewiseInterpolation
from kerasched import PolynomialDecay
from kerasched import PowerDecay
from kerasched import Repeat
from kerasched import Rex
from kerasched import StepDecay
from kerasched import TanhDecay
from kerasched import Triangular
from kerasched import Warmup
from kerasched import WarmupStableDecay

# The source tree of the imported package: the tests of a mutant import a copy.
PACKAGE = Path(kerasched.__file__).parent
BACKENDS = ("tensorflow", "jax", "torch")
INSTALLED = tuple(name for name in BACKENDS if importlib.util.find_spec(name))
BACKEND = keras.backend.backend()

EXAMPLES = {entry.name: entry.example for entry in kerasched.list_schedules()}

# The registry's examples, and more that together turn on every option.
SCHEDULES = {
    **EXAMPLES,
    "step with an end": StepDecay(0.1, 7, 0.3, end_learning_rate=0.01),
    "step that rises": StepDecay(0.001, 50, 1.2).clip(high=1.0),
    "exponential staircase": ExponentialDecay(0.1, 7, 0.9, staircase=True),
    "exponential with an end": ExponentialDecay(0.1, 30, 0.5, end_learning_rate=0.02),
    "polynomial root": PolynomialDecay(0.1, 90, 0.01, power=0.5),
    "polynomial long root": PolynomialDecay(0.1, 10**6, 0.01, power=0.5),
    "polynomial long root that rises": PolynomialDecay(0.01, 10**6, 0.1, power=0.5),
    "polynomial of all time": PolynomialDecay(0.1, 2**31 - 1, 0.01, power=0.3),
    "polynomial that rises": PolynomialDecay(0.01, 90, 0.1, power=3.0),
    "linear that rises": LinearDecay(1e-7, 100, 0.1),
    "cosine with an end": CosineDecay(0.1, 100, 0.001),
    "cosine with an exponent": CosineDecay(0.1, 100, 0.01, exponent=2.0),
    "cosine root": CosineDecay(0.1, 100, 0.01, exponent=0.5),
    "cosine of all time": CosineDecay(0.1, 2**31 - 1, 0.01, 0.3, 0.3),
    "cosine with k-decay": CosineDecay(0.1, 100, 0.01, k_decay=1.5),
    "cosine with early k-decay": CosineDecay(0.1, 100, 0.01, k_decay=0.5),
    "cosine wholly": CosineDecay(0.01, 100, 0.1, exponent=1.5, k_decay=0.7),
    "warmup cosine": Warmup(CosineDecay(0.1, 90), 10, 0.001, "cosine"),
    "warmup polynomial": Warmup(CosineDecay(0.1, 90), 10, 0.001, "polynomial"),
    "warmup root": Warmup(StepDecay(0.1, 40), 10, 0.001, "polynomial", power=0.5),
    "warmup exponential": Warmup(StepDecay(0.1, 40), 10, 1e-5, "exponential"),
    "warmup constant": Warmup(StepDecay(0.1, 40), 10, 0.01, "constant"),
    "warmup of no steps": Warmup(StepDecay(0.1, 40), 0),
    "interpolation on cosines": PiecewiseInterpolation(
        (2.25, 30.75, 99.5), (0.001, 0.1, 1e-6), "cosine"
    ),
    "one cycle, linear": OneCycle(0.1, 101, 0.123, 7.0, 1e5, "linear"),
    "one cycle in three phases": OneCycle(0.1, 101, 0.3, three_phase=True),
    "inverse time in steps": InverseTimeDecay(0.1, 7, 0.9, staircase=True),
    "power with an offset": PowerDecay(0.1, -1.0, 5),
    "rex with an end": Rex(0.1, 100, 0.01),
    "tanh that rises": TanhDecay(1e-4, 100, 0.1),
    "tanh of all time": TanhDecay(0.1, 2**31 - 1, 0.01, -4.0, 4.0),
    "triangular of two slopes": Triangular(0.001, 0.1, 10, 25),
    "triangular, halved": Triangular(0.001, 0.1, 10, mode="triangular2"),
    "triangular, shrinking": Triangular(0.01, 0.1, 10, None, "exp_range", 0.99),
    "triangular momentum": Triangular(0.001, 0.1, 10, 5).momentum(),
    "held, 1-sqrt": WarmupStableDecay(0.1, 20, 30, 50, 0.01, "1-sqrt"),
    "held, sqrt": WarmupStableDecay(0.1, 20, 30, 50, 0.0, "sqrt"),
    "held, exponential": WarmupStableDecay(0.1, 20, 30, 50, 1e-4, "exponential"),
    "wave of an odd period": CosineWave(0.1, 0.0, 37),
    "wave of all time": CosineWave(0.1, 1e-4, 2**31 - 1),
    "flat cosine between steps": FlatCosine(0.1, 101, 0.3, 1e-3),
    "swalr that rises": SWALR(0.01, 0.1, 20, "linear"),
    "restarts with warmup": CosineRestarts(0.1, 20, 1.5, 0.7, 0.01, 5),
    "restarts alike": CosineRestarts(0.1, 7, 1.0, 0.9, 0.001, 2),
    "restarts that end": CosineRestarts(0.1, 9, 1.5, 0.9, 0.001, 2, 4),
    "restarts that rise": CosineRestarts(0.01, 10, 3.0, 1.0, 0.1),
    "restarts that shrink": CosineRestarts(0.1, 20, 0.8, 0.9, 0.001, 2, 5),
    "restarts that shrink to nothing": CosineRestarts(
        0.1, 9, 0.7, 0.9, 0.001, cycle_limit=50
    ),
    "repeated, shorter": Repeat(CosineDecay(0.1, 16, 0.01), 16, 0.5, 0.8, 3),
    "repeated, slowly shorter": Repeat(LinearDecay(0.1, 1000), 1000, 0.97, 0.9, 200),
    "repeated, longer": Repeat(CosineDecay(0.1, 10, 0.01), 10, 1.25, 0.8),
    "repeated, longer, to an end": Repeat(TanhDecay(0.1, 10, 0.01), 10, 1.3, 0.8, 3),
    "repeated steps": Repeat(StepDecay(0.1, 10), 35, 1.0, 0.99, 5),
    "noise for a while": Noise(CosineDecay(0.1, 100, 0.01), 1.0, 3, 20, 60),
    "chebyshev of all time": Chebyshev(0.1, 2**30),
    "hyperbolic to its infimum": Hyperbolic(0.1, 100, 100, 0.01),
    "hyperbolic of the logarithm": Hyperbolic(0.1, 100, 150, 0.001, True),
    "eden without warmup": Eden(0.1, 10, 2.5, 7, 0),
    "annealing that rises": ExponentialAnnealing(0.01, 100, 0.1, 1e-4),
    "polynomial in cycles": PolynomialDecay(0.1, 30, 0.01, 2.0, cycle=True),
    "polynomial root in cycles": PolynomialDecay(0.1, 3, 0.0, 0.5, cycle=True),
    "polynomial with k-decay": PolynomialDecay(0.1, 90, 0.01, 0.5, 1.5),
    "wave of cycles": CosineWave(0.1, 0.01, 90, 2.5),
    "interpolation with jumps": PiecewiseInterpolation(
        (0, 20, 20, 50.5, 50.5, 80), (0.01, 0.1, 0.05, 0.1, 0.02, 0.0)
    ),
    "many pieces": PiecewiseConstant(
        range(3, 303, 3), [0.1 * 0.97**i * (1 + i % 2) for i in range(101)]
    ),
    "many milestones": MultiStepDecay(0.1, range(1, 200, 5), 0.9),
    "many lines": PiecewiseInterpolation(
        [1.25 * i for i in range(80)], [(i % 7 + 1) / 70 for i in range(80)]
    ),
    "many waves, with jumps": PiecewiseInterpolation(
        [7.5 * (i // 2) for i in range(41)],
        [i * 3 % 5 / 50 for i in range(41)],
        "cosine",
    ),
    "exponential that grows": ExponentialDecay(0.1, 3, 1.5).clip(high=2.0),
    "nested": Chain(
        (
            Warmup(PerEpoch(StepDecay(0.1, 2), 5), 10),
            0.5 * CosineDecay(0.1, 30) + LinearDecay(0.01, 40),
        ),
        (25,),
    ).shift(3),
}

# The steps at which a schedule above changes, their neighbours, and very large steps.
STEPS = np.unique(
    np.concatenate(
        [
            np.arange(130),
            np.array([b + d for b in (200, 300, 500, 750, 1000) for d in (-1, 0, 1)]),
            2**24 + np.arange(-2, 10),
            [2**31 - 2, 2**31 - 1],
        ]
    )
)

# Tolerances relative to the value and to the peak.
ROUNDING = {"exact": (1e-9, 1e-15), "recursive": (1e-7, 1e-12), "single": (2e-6, 1e-9)}

# Keras's own functions may warn while they are traced.
TORCH_NOTE = "ignore:.*(lru_cache|Dynamo).*"


def steps_of(schedule):
    """Return the steps above and those around the schedule's end, as int32."""
    end = min(schedule.constant_after or 0, 2**31 - 1)
    around = np.clip(end + np.arange(-3, 3), 0, 2**31 - 1)
    return np.unique(np.concatenate([STEPS, around])).astype("int32")


def tolerance(schedule, steps):
    """Return the allowed difference between a call and `evaluate` at each step.

    It is 2e-6 of the value, 3e-7 more for each power above 1, and 1e-9 of the peak. A
    sum, product or chain adds the relative terms of its parts. A difference of large
    parts may be small, so it adds the absolute errors of its parts.
    """
    if isinstance(schedule, Difference):
        return sum(tolerance(child, steps) for child in schedule.children)
    values = schedule.evaluate(steps)
    return relative(schedule) * np.abs(values) + 1e-9 * np.abs(values).max()


def allowed(values, steps, kind, far):
    """Return how far our values may be from an original's, given its rounding.

    Args:
        kind: how the original computes a value: "exact" in float64, "recursive" in
            float64 from its previous value, "single" in float32.
        far: whether its error above step 2**24 is that of float32.
    """
    peak = np.nanmax(np.abs(values))
    within = {
        name: part * np.abs(values) + of_peak * peak
        for name, (part, of_peak) in ROUNDING.items()
    }
    return np.where(far & (steps > 2**24), within["single"], within[kind])


def relative(schedule):
    """Return the relative term of a schedule's tolerance."""
    parts = [relative(child) for child in schedule.children]
    powers = [getattr(schedule, name, 1.0) for name in ("power", "exponent")]
    own = 2e-6 + 3e-7 * sum(max(power - 1.0, 0.0) for power in powers)
    return sum(parts) if len(parts) > 1 else max([own, *parts])


def compiled_calls(function):
    """Return the function compiled by each compiler of this backend, by name."""
    if BACKEND == "tensorflow":
        import tensorflow as tf

        return {
            "graph": tf.function(function),
            "xla": tf.function(function, jit_compile=True),
        }
    if BACKEND == "jax":
        import jax

        return {"jit": jax.jit(function)}
    import torch

    torch.compiler.reset()  # Otherwise it stops at eight compilations of the same code.
    return {"compile": torch.compile(function, fullgraph=True, backend="eager")}


def built(model):
    """Build a compiled model's optimizer on TensorFlow, and return the model.

    TensorFlow traces a step that creates variables twice. The other backends build the
    optimizer before the step.
    """
    if BACKEND == "tensorflow":
        model.optimizer.build(model.trainable_variables)
    return model


def calls_of(function):
    """Return the number of Python calls that a function makes, as a measure of work."""
    calls = 0

    def count(frame, event, argument):
        nonlocal calls
        calls += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        function()
    finally:
        sys.setprofile(before)
    return calls


def run_python(code, backend=BACKEND, arguments=(), check=True, log_level="2"):
    """Run a program in a new process on a backend and return the completed process.

    `log_level` is TF_CPP_MIN_LOG_LEVEL, for TensorFlow and JAX. None unsets it.
    """
    environment = {
        **os.environ,
        "KERAS_BACKEND": backend,
        "TF_CPP_MIN_LOG_LEVEL": log_level,
        "PYTHONSAFEPATH": "1",
    }
    environment = {k: v for k, v in environment.items() if v is not None}
    done = subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        env=environment,
        capture_output=True,
        text=True,
    )
    assert not check or done.returncode == 0, done.stderr
    return done


def run_json(code, backend=BACKEND, arguments=()):
    """Run a program in a new process and return the JSON of its last line of output."""
    done = run_python(code, backend, arguments)
    return json.loads(done.stdout.strip().splitlines()[-1])


def run_in_terminal(command, no_color, streams):
    """Run a command in a pseudo-terminal and return its exit code and its output.

    Args:
        command: the command.
        no_color: the value of NO_COLOR.
        streams: the streams attached to the terminal: "stdout", "stderr" or both.
    """
    import pty

    ours, theirs = pty.openpty()
    environment = {**os.environ, "NO_COLOR": no_color, "TERM": "xterm-256color"}
    terminals = dict.fromkeys(streams, theirs)
    process = subprocess.Popen(command, env=environment, **terminals)
    os.close(theirs)
    text = b""
    try:
        while piece := os.read(ours, 65536):
            text += piece
    except OSError:  # The end of a terminal.
        pass
    return process.wait(60), text


def sampled(cases, first):
    """Return pytest parameters with ids; those not in `first` are marked slow.

    Args:
        cases: the values of each case, by id.
        first: the ids of the cases in the first tier.
    """
    return [
        pytest.param(*values, id=name, marks=[pytest.mark.slow] * (name not in first))
        for name, values in cases.items()
    ]


def whole(message):
    """Return a pattern for `pytest.raises` that matches exactly one message."""
    return f"^{re.escape(message)}$"
