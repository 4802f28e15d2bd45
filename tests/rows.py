"""The expected values of each schedule: a formula with 50 digits, and hand-made values.

Each schedule has one row. Its formula is written from the docstring alone. It is a
function of the arguments and the step, in which floats are exact numbers and nested
schedules are functions of the step. The comments show the hand computation of values.
"""

import dataclasses
import math
from bisect import bisect_right
from collections.abc import Callable
from collections.abc import Mapping
from functools import partial
from types import MappingProxyType
from types import SimpleNamespace
from typing import Any
from typing import NamedTuple

import formulas
import keras
from formulas import MP
from formulas import interpolated
from formulas import passed

import kerasched
from kerasched import SWALR
from kerasched import Chain
from kerasched import Chebyshev
from kerasched import Clip
from kerasched import Constant
from kerasched import CosineDecay
from kerasched import CosineRestarts
from kerasched import CosineWave
from kerasched import Difference
from kerasched import Eden
from kerasched import ExponentialAnnealing
from kerasched import ExponentialDecay
from kerasched import FlatCosine
from kerasched import FromFunction
from kerasched import Hyperbolic
from kerasched import InverseSqrtDecay
from kerasched import InverseTimeDecay
from kerasched import Knee
from kerasched import LinearDecay
from kerasched import Maximum
from kerasched import Minimum
from kerasched import MultiStepDecay
from kerasched import Noam
from kerasched import Noise
from kerasched import OneCycle
from kerasched import PerEpoch
from kerasched import PerUpdate
from kerasched import PiecewiseConstant
from kerasched import PiecewiseInterpolation
from kerasched import PolynomialDecay
from kerasched import PowerDecay
from kerasched import Product
from kerasched import Repeat
from kerasched import Rex
from kerasched import Scale
from kerasched import Shift
from kerasched import SlantedTriangular
from kerasched import StepDecay
from kerasched import Sum
from kerasched import TanhDecay
from kerasched import Triangular
from kerasched import Warmup
from kerasched import WarmupStableDecay


class Row(NamedTuple):
    """The expected values of a schedule class.

    Args:
        formula: a function of the arguments and the step.
        values: instances, each with its rates by step.
        kinds: the range of each argument that BY_NAME of schedules/test_arguments.py
            does not contain: "positive", "not negative", "part" (between 0 and 1) or
            "any".
    """

    formula: Callable[[Any, int], Any] | None
    values: list[tuple[kerasched.Schedule, dict[int, float]]]
    kinds: Mapping[str, str] = MappingProxyType({})


ROOT_HALF = math.sqrt(0.5)
COSINE_2_27 = math.cos(math.pi * 2 / 27)


@keras.saving.register_keras_serializable("test_values")
def halved_at_ten(step):
    return 0.5 / (1.0 + step / 10.0)


ROWS = {
    "Chain": Row(
        formulas.chain,
        [
            (
                Chain((LinearDecay(0.4, 4), StepDecay(0.8, 2), Constant(0.1)), (2, 6)),
                {0: 0.4, 1: 0.3, 2: 0.8, 3: 0.8, 4: 0.4, 5: 0.4, 6: 0.1, 7: 0.1},
            ),
            (Chain((StepDecay(0.8, 2),), ()), {0: 0.8, 2: 0.4}),
        ],
    ),
    "Chebyshev": Row(
        formulas.chebyshev,
        [
            # n = 4 and the order 0, 3, 1, 2
            (
                Chebyshev(0.8, 4, 0.2, 1.0),
                {
                    step: 0.8 / (0.6 - 0.4 * math.cos(math.pi * (node + 0.5) / 4))
                    for step, node in {0: 0, 1: 3, 2: 1, 3: 2, 4: 2, 99: 2}.items()
                },
            ),
            # n = 8 and the order 0, 7, 3, 4, 1, ...; the fifth rate is the last
            (
                Chebyshev(0.8, 5),
                {
                    step: 0.8 / (0.525 - 0.475 * math.cos(math.pi * (node + 0.5) / 8))
                    for step, node in {0: 0, 1: 7, 2: 3, 3: 4, 4: 1, 5: 1}.items()
                },
            ),
        ],
    ),
    "Clip": Row(
        lambda a, step: min(
            max(a.schedule(step), a.low), MP.inf if a.high is None else a.high
        ),
        [
            (Clip(LinearDecay(0.4, 4), 0.15, 0.35), {0: 0.35, 1: 0.3, 3: 0.15}),
            (Clip(LinearDecay(0.4, 4), 0.15), {0: 0.4, 3: 0.15, 9: 0.15}),
            (Clip(Constant(0.4), 0.0, 0.3), {0: 0.3, 9: 0.3}),
        ],
    ),
    "Constant": Row(
        lambda a, step: a.learning_rate,
        [
            (Constant(0.3), {0: 0.3, 5: 0.3, 2**31 - 1: 0.3}),
        ],
    ),
    "CosineDecay": Row(
        formulas.cosine,
        [
            # end + (start - end) * (1 + cos(pi * t / 4)) / 2
            (
                CosineDecay(0.9, 4, 0.1),
                {
                    0: 0.9,
                    1: 0.5 + 0.4 * ROOT_HALF,
                    2: 0.5,
                    3: 0.5 - 0.4 * ROOT_HALF,
                    4: 0.1,
                    5: 0.1,
                },
            ),
            # at the middle the cosine factor is 1/2 and its square 1/4
            (CosineDecay(0.8, 4, exponent=2.0), {0: 0.8, 2: 0.2, 4: 0.0}),
            # (2/4)**2 = 1/4 of the progress
            (
                CosineDecay(0.8, 4, k_decay=2.0),
                {0: 0.8, 2: 0.4 * (1 + ROOT_HALF), 4: 0.0},
            ),
        ],
    ),
    "CosineRestarts": Row(
        formulas.cosine_restarts,
        [
            # cycles of 2, 4 and 8 steps
            (
                CosineRestarts(0.8, 2),
                {0: 0.8, 1: 0.4, 2: 0.8, 4: 0.4, 6: 0.8, 10: 0.4, 14: 0.8},
            ),
            # 0.1 + 0.8 / 2**cycle at the top of each
            (
                CosineRestarts(0.9, 2, 1.0, 0.5, 0.1, cycle_limit=2),
                {0: 0.9, 1: 0.5, 2: 0.5, 3: 0.3, 4: 0.1, 99: 0.1},
            ),
            # cycles of 2, 3, 4.5 and 6.75 steps, which start at 0, 2, 5, 9.5 and 16.25
            (
                CosineRestarts(0.8, 2, 1.5),
                {
                    2: 0.8,
                    5: 0.8,
                    9: 0.4 * (1 + math.cos(math.pi * 4 / 4.5)),
                    10: 0.4 * (1 + math.cos(math.pi * 0.5 / 6.75)),
                },
            ),
            (
                CosineRestarts(0.8, 2, 1.5, 1.0, 0.4),
                {
                    9: 0.6 + 0.2 * math.cos(math.pi * 4 / 4.5),
                    10: 0.6 + 0.2 * COSINE_2_27,
                },
            ),
            # each cycle rises for two steps and falls for four
            (
                CosineRestarts(0.8, 6, 1.0, 1.0, 0.2, 2, 2),
                {
                    0: 0.2,
                    1: 0.5,
                    2: 0.8,
                    4: 0.5,
                    6: 0.2,
                    7: 0.5,
                    8: 0.8,
                    12: 0.2,
                    13: 0.2,
                },
            ),
        ],
    ),
    "CosineWave": Row(
        formulas.cosine_wave,
        [
            (
                CosineWave(0.9, 0.1, 8),
                {
                    0: 0.9,
                    1: 0.5 + 0.4 * ROOT_HALF,
                    2: 0.5,
                    4: 0.1,
                    6: 0.5,
                    7: 0.5 + 0.4 * ROOT_HALF,
                    8: 0.9,
                    12: 0.1,
                },
            ),
            (CosineWave(0.8, 0.0, 3), {0: 0.8, 1: 0.2, 2: 0.2, 3: 0.8}),
            (CosineWave(0.8, 0.0, 4, 0.5), {0: 0.8, 2: 0.4, 4: 0.0, 8: 0.8}),
            # three crests in eight steps
            (
                CosineWave(0.8, 0.0, 4, 1.5),
                {0: 0.8, 1: 0.4 * (1 - ROOT_HALF), 2: 0.4, 4: 0.0, 8: 0.8},
            ),
        ],
    ),
    "Difference": Row(
        lambda a, step: max(a.schedule(step) - a.subtracted(step), a.low or 0),
        [
            # 0.5 - 0.4 * (1 - t / 4)
            (
                Difference(Constant(0.5), LinearDecay(0.4, 4)),
                {0: 0.1, 1: 0.2, 4: 0.5, 2**31 - 1: 0.5},
            ),
            # 0.4 - 0.2 * t, but at least 0.15
            (
                Difference(LinearDecay(0.4, 4), LinearDecay(0.0, 4, 0.4), 0.15),
                {0: 0.4, 1: 0.2, 2: 0.15, 3: 0.15, 4: 0.15},
            ),
            (Difference(Constant(0.5), Constant(0.25)), {0: 0.25}),
        ],
    ),
    "Eden": Row(
        formulas.eden,
        [
            # (25/16)**-1/4 and 2**-1/4 at step 3, which begins epoch 1
            (
                Eden(0.8, 4, 1.0, 3, 0),
                {0: 0.8, 2: 0.8 * 1.25**-0.25, 3: 0.8 * 1.25**-0.5 * 2**-0.25},
            ),
            (Eden(0.8, 4, 1.0, 9, 6, 0.25), {0: 0.2, 3: 0.8 * 0.625 * 1.25**-0.5}),
        ],
    ),
    "ExponentialAnnealing": Row(
        formulas.exponential_annealing,
        [
            # (1/2 - 1/4) / (3/4) = 1/3
            (ExponentialAnnealing(0.9, 4, 0.3, 0.25), {0: 0.9, 2: 0.5, 4: 0.3, 9: 0.3}),
        ],
        kinds={"ratio": "part"},
    ),
    "ExponentialDecay": Row(
        lambda a, step: max(
            a.initial_learning_rate * a.decay_rate ** passed(a, step),
            a.end_learning_rate,
        ),
        [
            # 0.64**(5/10) = 0.8
            (ExponentialDecay(1.0, 10, 0.64), {0: 1.0, 5: 0.8, 10: 0.64, 20: 0.4096}),
            (
                ExponentialDecay(1.0, 10, 0.64, staircase=True),
                {0: 1.0, 9: 1.0, 10: 0.64, 19: 0.64, 20: 0.4096},
            ),
            (
                ExponentialDecay(1.0, 10, 0.64, end_learning_rate=0.7),
                {5: 0.8, 10: 0.7, 50: 0.7},
            ),
        ],
    ),
    "FlatCosine": Row(
        lambda a, step: interpolated(
            [
                (a.flat_fraction * a.total_steps, a.initial_learning_rate),
                (a.total_steps, a.end_learning_rate),
            ],
            "cosine",
            step,
        ),
        [
            (FlatCosine(0.8, 16, 0.75, 0.4), {0: 0.8, 12: 0.8, 14: 0.6, 16: 0.4}),
        ],
    ),
    "FromFunction": Row(
        None,
        [
            (FromFunction(halved_at_ten), {0: 0.5, 10: 0.25, 30: 0.125}),
        ],
    ),
    "Hyperbolic": Row(
        formulas.hyperbolic,
        [
            # With upper_bound equal to the length, f(t) = 1 - t / n.
            (Hyperbolic(0.8, 4, 4, 0.4), {0: 0.8, 1: 0.7, 4: 0.4, 5: 0.4}),
            # f(0) = sqrt(1/2 * 3/2), f(1) = sqrt(1/4 * 5/4), f(2) = 0
            (
                Hyperbolic(0.8, 2, 4, 0.4),
                {
                    0: 0.8,
                    1: 0.8 - 0.4 * (math.sqrt(3) / 2 - math.sqrt(5) / 4),
                    2: 0.8 - 0.2 * math.sqrt(3),
                },
            ),
            (
                Hyperbolic(0.8, 4, 4, 0.2, exponential=True),
                {0: 0.8, 2: 0.4, 4: 0.2, 9: 0.2},
            ),
        ],
    ),
    "InverseSqrtDecay": Row(
        lambda a, step: (
            a.initial_learning_rate
            * MP.sqrt(MP.mpf(a.timescale) / (step + a.timescale))
        ),
        [
            (InverseSqrtDecay(0.6, 4), {0: 0.6, 12: 0.3, 32: 0.2}),
        ],
    ),
    "InverseTimeDecay": Row(
        lambda a, step: a.initial_learning_rate / (1 + a.decay_rate * passed(a, step)),
        [
            (InverseTimeDecay(0.6, 10, 2.0), {0: 0.6, 5: 0.3, 10: 0.2, 25: 0.1}),
            (
                InverseTimeDecay(0.6, 10, 2.0, staircase=True),
                {0: 0.6, 9: 0.6, 10: 0.2, 29: 0.12},
            ),
        ],
        kinds={"decay_rate": "not negative"},
    ),
    "Knee": Row(
        formulas.knee,
        [
            (
                Knee(0.8, 4, 6, 14, 0.4),
                {0: 0.0, 1: 0.2, 4: 0.8, 10: 0.8, 12: 0.6, 14: 0.4, 15: 0.4},
            ),
        ],
    ),
    "LinearDecay": Row(
        formulas.linear,
        [
            (LinearDecay(1.0, 4, 0.2), {0: 1.0, 1: 0.8, 2: 0.6, 4: 0.2, 9: 0.2}),
            (LinearDecay(0.0, 4, 0.4), {0: 0.0, 1: 0.1, 4: 0.4, 9: 0.4}),
        ],
    ),
    "Maximum": Row(
        lambda a, step: max(schedule(step) for schedule in a.schedules),
        [
            (
                Maximum((LinearDecay(0.4, 4), Constant(0.1), StepDecay(0.32, 2))),
                {0: 0.4, 1: 0.32, 2: 0.2, 3: 0.16, 4: 0.1, 9: 0.1},
            ),
            (Maximum((Constant(0.1), Constant(0.2))), {0: 0.2}),
        ],
    ),
    "Minimum": Row(
        lambda a, step: min(schedule(step) for schedule in a.schedules),
        [
            (
                Minimum((Constant(0.25), LinearDecay(0.4, 4), StepDecay(0.36, 2))),
                {0: 0.25, 1: 0.25, 2: 0.18, 3: 0.1, 4: 0.0},
            ),
            (Minimum((Constant(0.1), Constant(0.2))), {0: 0.1}),
        ],
    ),
    "MultiStepDecay": Row(
        lambda a, step: (
            a.initial_learning_rate * a.decay_rate ** bisect_right(a.milestones, step)
        ),
        [
            (MultiStepDecay(0.8, [2, 5], 0.5), {1: 0.8, 2: 0.4, 4: 0.4, 5: 0.2}),
            (MultiStepDecay(0.8, [0]), {0: 0.08, 9: 0.08}),
        ],
        kinds={"decay_rate": "not negative"},
    ),
    "Noam": Row(
        formulas.noam,
        [
            # 4**-0.5 = 0.5 and 4**-1.5 = 0.125; past the peak 0.5 / sqrt(n)
            (Noam(4, 4), {0: 0.0625, 1: 0.125, 3: 0.25, 15: 0.125, 24: 0.1}),
            (Noam(4, 4, scale=2.0), {3: 0.5}),
            (Noam(0.25, 4), {3: 1.0}),
        ],
        kinds={"warmup_steps": "positive"},
    ),
    "Noise": Row(
        formulas.noise,
        [
            (Noise(LinearDecay(0.8, 4), 0.0, 7), {0: 0.8, 2: 0.4}),
            (Noise(LinearDecay(0.8, 4), 1.0, 7, 5, 9), {0: 0.8, 2: 0.4, 9: 0.0}),
        ],
    ),
    "OneCycle": Row(
        formulas.one_cycle,
        [
            (
                OneCycle(1.0, 100, 0.3, 20.0, 100.0, "linear"),
                {0: 0.05, 15: 0.525, 30: 1.0, 65: 0.50025, 100: 0.0005, 101: 0.0005},
            ),
            (
                OneCycle(1.0, 100),
                {0: 0.04, 15: 0.52, 30: 1.0, 65: 0.500002, 100: 0.000004},
            ),
            (
                OneCycle(1.0, 100, 0.3, 20.0, 100.0, "linear", three_phase=True),
                {30: 1.0, 45: 0.525, 60: 0.05, 80: 0.02525, 100: 0.0005},
            ),
        ],
    ),
    "PerEpoch": Row(
        lambda a, step: a.schedule(step // a.steps_per_epoch),
        [
            # The rate is constant within an epoch: 5 // 3 = 1 of 4 epochs.
            (PerEpoch(LinearDecay(0.8, 4), 3), {2: 0.8, 3: 0.6, 5: 0.6, 12: 0.0}),
            (PerEpoch(StepDecay(0.8, 2), 3), {0: 0.8, 5: 0.8, 6: 0.4, 12: 0.2}),
        ],
    ),
    "PerUpdate": Row(
        lambda a, step: a.schedule(step // a.gradient_accumulation_steps),
        [
            (PerUpdate(LinearDecay(0.8, 4), 3), {2: 0.8, 3: 0.6, 12: 0.0}),
        ],
    ),
    "PiecewiseConstant": Row(
        lambda a, step: a.values[bisect_right(a.boundaries, step)],
        [
            (
                PiecewiseConstant([2, 5], [0.3, 0.2, 0.1]),
                {0: 0.3, 1: 0.3, 2: 0.2, 4: 0.2, 5: 0.1, 99: 0.1},
            ),
            (PiecewiseConstant([], [0.7]), {0: 0.7, 9: 0.7}),
            (PiecewiseConstant([0], [0.7, 0.1]), {0: 0.1}),
        ],
    ),
    "PiecewiseInterpolation": Row(
        lambda a, step: interpolated(
            list(zip(a.steps, a.values, strict=True)), a.shape, step
        ),
        [
            (
                PiecewiseInterpolation((0, 4, 6), (0.0, 0.4, 0.1)),
                {0: 0.0, 1: 0.1, 4: 0.4, 5: 0.25, 6: 0.1, 7: 0.1},
            ),
            # points between two steps: progress (1 - 0.5) / 2, then (3 - 2.5) / 1
            (
                PiecewiseInterpolation((0.5, 2.5, 3.5), (0.4, 0.8, 0.2)),
                {0: 0.4, 1: 0.5, 2: 0.7, 3: 0.5, 4: 0.2},
            ),
            (
                PiecewiseInterpolation((0, 4), (0.8, 0.0), "cosine"),
                {1: 0.4 * (1 + ROOT_HALF), 2: 0.4, 3: 0.4 * (1 - ROOT_HALF), 4: 0.0},
            ),
            (PiecewiseInterpolation((7,), (0.3,)), {0: 0.3, 9: 0.3}),
            (
                PiecewiseInterpolation((0, 2, 2, 4), (0.8, 0.4, 0.6, 0.0)),
                {0: 0.8, 1: 0.6, 2: 0.6, 3: 0.3, 4: 0.0},
            ),
        ],
    ),
    "PolynomialDecay": Row(
        formulas.polynomial,
        [
            # end + (start - end) * left**2, left = 1, 1/2, 1/4, 0
            (
                PolynomialDecay(0.9, 4, 0.1, power=2.0),
                {0: 0.9, 2: 0.3, 3: 0.15, 4: 0.1, 5: 0.1},
            ),
            (PolynomialDecay(0.8, 4, power=0.5), {0: 0.8, 3: 0.4, 4: 0.0}),
            # decays over 4, 8 and 12 steps
            (
                PolynomialDecay(0.8, 4, cycle=True),
                {0: 0.8, 1: 0.6, 4: 0.0, 5: 0.3, 8: 0.0, 9: 0.2, 12: 0.0},
            ),
            (PolynomialDecay(0.8, 4, 0.4, 2.0, 2.0), {2: 0.4 + 0.4 * 0.5625}),
        ],
    ),
    "PowerDecay": Row(
        lambda a, step: (
            a.initial_learning_rate * MP.mpf(max(step + a.offset, 1)) ** a.power
        ),
        [
            (PowerDecay(0.6, -0.5), {0: 0.6, 1: 0.6, 4: 0.3, 9: 0.2}),
            (PowerDecay(0.6, -1.0, offset=2), {0: 0.3, 1: 0.2, 10: 0.05}),
        ],
        kinds={"power": "any"},
    ),
    "Product": Row(
        lambda a, step: math.prod(schedule(step) for schedule in a.schedules),
        [
            (Product((LinearDecay(0.4, 4), StepDecay(1.0, 2))), {1: 0.3, 2: 0.1}),
        ],
    ),
    "Repeat": Row(
        formulas.repeat,
        [
            (
                Repeat(LinearDecay(0.8, 4), 4, decay_rate=0.5),
                {0: 0.8, 2: 0.4, 4: 0.4, 6: 0.2, 8: 0.2},
            ),
            (Repeat(StepDecay(0.8, 2), 3), {0: 0.8, 2: 0.4, 3: 0.8, 5: 0.4, 6: 0.8}),
            (Repeat(StepDecay(0.8, 2), 3, cycle_limit=1), {2: 0.4, 3: 0.4, 9: 0.4}),
            # cycles of 2, 4 and 8 steps
            (
                Repeat(LinearDecay(0.8, 2, 0.4), 2, 2.0),
                {0: 0.8, 1: 0.6, 2: 0.8, 4: 0.6, 6: 0.8, 10: 0.6, 14: 0.8},
            ),
            (
                Repeat(LinearDecay(0.8, 4, 0.4), 4, 1.0, 0.5, 2),
                {4: 0.4, 7: 0.25, 8: 0.2, 99: 0.2},
            ),
            (
                Repeat(LinearDecay(0.8, 2, 0.4), 2, 2.0, 0.5, 2),
                {4: 0.3, 6: 0.2, 99: 0.2},
            ),
            # cycles of 16, 8 and 4 steps
            (
                Repeat(LinearDecay(0.8, 16), 16, 0.5, cycle_limit=3),
                {0: 0.8, 12: 0.2, 16: 0.8, 20: 0.4, 24: 0.8, 27: 0.2, 28: 0.0, 99: 0.0},
            ),
            # cycles of 4, 2, 1, 1/2, 1/4, ... steps, which end at step 8; after the
            # third cycle only the fourth, from 7 to 7.5, contains a step
            (
                Repeat(LinearDecay(0.8, 4, 0.4), 4, 0.5, 0.5, 10),
                {0: 0.8, 3: 0.5, 4: 0.4, 5: 0.3, 6: 0.2, 7: 0.1, 8: 0.4 * 0.5**9},
            ),
            # cycles of 3, 1.5, 0.75, 0.375, ... steps start at 0, 3, 4.5, 5.25, ...
            # and end at 6
            (
                Repeat(LinearDecay(0.8, 3), 3, 0.5, 1.0, 10),
                {0: 0.8, 3: 0.8, 4: 0.8 / 3, 5: 0.8 / 3, 6: 0.0},
            ),
        ],
    ),
    "Rex": Row(
        formulas.rex,
        [
            # (1 - p) / (1 - p / 2): at 1/2 it is 2/3, at 3/4 it is 2/5
            (Rex(0.6, 4), {0: 0.6, 2: 0.4, 3: 0.24, 4: 0.0, 5: 0.0}),
            (Rex(0.6, 4, 0.3), {0: 0.6, 2: 0.5, 4: 0.3}),
        ],
    ),
    "SWALR": Row(
        formulas.swalr,
        [
            (SWALR(0.8, 0.4, 4), {0: 0.8, 2: 0.6, 4: 0.4, 5: 0.4}),
            (SWALR(0.8, 0.4, 4, "linear"), {0: 0.8, 1: 0.7, 4: 0.4}),
            (SWALR(0.8, 0.4, 0), {0: 0.4}),
        ],
    ),
    "Scale": Row(
        lambda a, step: a.schedule(step) * a.factor,
        [
            (Scale(LinearDecay(0.4, 4), 0.5), {0: 0.2, 1: 0.15, 4: 0.0}),
        ],
    ),
    "Shift": Row(
        lambda a, step: a.schedule(max(0, step + a.steps)),
        [
            (Shift(LinearDecay(0.4, 4), 1), {0: 0.3, 3: 0.0, 2**31 - 1: 0.0}),
            (Shift(LinearDecay(0.4, 4), -2), {0: 0.4, 2: 0.4, 3: 0.3, 6: 0.0}),
        ],
        kinds={"steps": "any"},
    ),
    "SlantedTriangular": Row(
        formulas.slanted_triangular,
        [
            # cut = floor(2.7) = 2, and the end is at 2 / 0.25 = 8
            (
                SlantedTriangular(0.8, 11, 0.25, 4.0),
                {0: 0.2, 1: 0.5, 2: 0.8, 5: 0.5, 8: 0.2, 11: 0.2},
            ),
        ],
    ),
    "StepDecay": Row(
        lambda a, step: max(
            a.initial_learning_rate * a.decay_rate ** (step // a.decay_steps),
            a.end_learning_rate,
        ),
        [
            (StepDecay(0.8, 10), {0: 0.8, 9: 0.8, 10: 0.4, 19: 0.4, 20: 0.2}),
            (StepDecay(0.8, 10, 0.1), {9: 0.8, 10: 0.08, 20: 0.008}),
            (StepDecay(0.8, 10, 0.5, 0.15), {20: 0.2, 29: 0.2, 30: 0.15, 99: 0.15}),
            (StepDecay(0.1, 1, 2.0), {0: 0.1, 1: 0.2, 2: 0.4}),
        ],
    ),
    "Sum": Row(
        lambda a, step: sum(schedule(step) for schedule in a.schedules),
        [
            (Sum((LinearDecay(0.4, 4), Constant(0.1))), {0: 0.5, 1: 0.4, 4: 0.1}),
        ],
    ),
    "TanhDecay": Row(
        formulas.tanh,
        [
            # the middle of -2 .. 2 is tanh(0) = 0, and
            # (1 - tanh(1)) / 2 = 1 / (1 + e**2)
            (
                TanhDecay(0.9, 4, 0.1, -2.0, 2.0),
                {
                    0: 0.1 + 0.8 / (1 + math.exp(-4)),
                    2: 0.5,
                    3: 0.1 + 0.8 / (1 + math.exp(2)),
                },
            ),
            (TanhDecay(0.9, 4, 0.1), {4: 0.1, 9: 0.1}),
        ],
    ),
    "Triangular": Row(
        formulas.triangular,
        [
            (
                Triangular(0.1, 0.5, 4),
                {0: 0.1, 1: 0.2, 4: 0.5, 5: 0.4, 8: 0.1, 12: 0.5},
            ),
            (Triangular(0.1, 0.5, 4, 2), {4: 0.5, 5: 0.3, 6: 0.1, 10: 0.5}),
            (Triangular(0.1, 0.5, 4, mode="triangular2"), {4: 0.5, 12: 0.3, 20: 0.2}),
            (
                Triangular(0.1, 0.5, 2, mode="exp_range", gamma=0.5),
                {1: 0.2, 2: 0.2, 3: 0.125, 4: 0.1},
            ),
            # the height 0.4 doubles at every step
            (
                Triangular(0.1, 0.5, 2, mode="exp_range", gamma=2.0),
                {1: 0.5, 2: 1.7, 3: 1.7, 4: 0.1, 2**31 - 4: 0.1},
            ),
        ],
    ),
    "Warmup": Row(
        formulas.warmup,
        [
            (
                Warmup(LinearDecay(0.8, 4), 4),
                {0: 0.0, 1: 0.2, 3: 0.6, 4: 0.8, 5: 0.6, 8: 0.0},
            ),
            (Warmup(Constant(0.8), 4, 0.4), {0: 0.4, 1: 0.5, 4: 0.8, 9: 0.8}),
            (
                Warmup(Constant(0.8), 4, shape="cosine"),
                {0: 0.0, 1: 0.4 * (1 - ROOT_HALF), 2: 0.4, 4: 0.8},
            ),
            # 0.2 + 0.6 * (t / 4)**2
            (
                Warmup(Constant(0.8), 4, 0.2, "polynomial"),
                {0: 0.2, 2: 0.35, 3: 0.5375, 4: 0.8},
            ),
            (
                Warmup(Constant(0.8), 4, shape="polynomial", power=0.5),
                {0: 0.0, 1: 0.4, 4: 0.8},
            ),
            # a factor of 2 a step
            (
                Warmup(Constant(0.8), 4, 0.05, "exponential"),
                {0: 0.05, 1: 0.1, 2: 0.2, 3: 0.4, 4: 0.8},
            ),
            (Warmup(Constant(0.8), 4, 0.1, "constant"), {0: 0.1, 3: 0.1, 4: 0.8}),
            (Warmup(LinearDecay(0.8, 4), 0), {0: 0.8, 2: 0.4}),
        ],
    ),
    "WarmupStableDecay": Row(
        formulas.warmup_stable_decay,
        [
            (
                WarmupStableDecay(0.8, 4, 10, 4, 0.4),
                {0: 0.0, 2: 0.4, 4: 0.8, 13: 0.8, 14: 0.8, 16: 0.6, 18: 0.4, 99: 0.4},
            ),
            (
                WarmupStableDecay(0.8, 0, 0, 4, 0.4, "cosine"),
                {0: 0.8, 1: 0.6 + 0.2 * ROOT_HALF, 2: 0.6, 4: 0.4},
            ),
            # sqrt(1 - 3/4) = 1/2
            (
                WarmupStableDecay(0.8, 0, 2, 4, 0.4, "sqrt"),
                {1: 0.8, 2: 0.8, 5: 0.6, 6: 0.4},
            ),
            # 1 - sqrt(1/4) = 1/2
            (WarmupStableDecay(0.8, 0, 2, 4, 0.4, "1-sqrt"), {2: 0.8, 3: 0.6, 6: 0.4}),
            # a factor of 1/2 a step
            (
                WarmupStableDecay(0.8, 0, 2, 4, 0.05, "exponential"),
                {2: 0.8, 3: 0.4, 4: 0.2, 6: 0.05, 9: 0.05},
            ),
        ],
    ),
}


def formula(schedule):
    """Return a function of the step that is the value of a schedule."""
    arguments = {
        field.name: exact(getattr(schedule, field.name))
        for field in dataclasses.fields(schedule)
    }
    return partial(ROWS[type(schedule).__name__].formula, SimpleNamespace(**arguments))


def exact(value):
    if isinstance(value, tuple):
        return tuple(map(exact, value))
    if isinstance(value, float):
        return MP.mpf(value)
    return formula(value) if dataclasses.is_dataclass(value) else value
