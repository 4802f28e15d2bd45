"""Every invalid argument raises at construction, with the standard message form."""

import dataclasses
import enum
import functools
import inspect
import math
import re
from fractions import Fraction

import keras
import numpy as np
import pytest
from rows import ROWS
from support import BACKEND
from support import compiled_calls

import kerasched
from kerasched import Chain
from kerasched import Chebyshev
from kerasched import Clip
from kerasched import Constant
from kerasched import CosineDecay
from kerasched import CosineRestarts
from kerasched import CosineWave
from kerasched import Eden
from kerasched import ExponentialDecay
from kerasched import FromFunction
from kerasched import Hyperbolic
from kerasched import InverseTimeDecay
from kerasched import Knee
from kerasched import LinearDecay
from kerasched import Maximum
from kerasched import MultiStepDecay
from kerasched import Noise
from kerasched import OneCycle
from kerasched import PerEpoch
from kerasched import PiecewiseConstant
from kerasched import PiecewiseInterpolation
from kerasched import PolynomialDecay
from kerasched import PowerDecay
from kerasched import Repeat
from kerasched import Scale
from kerasched import Schedule
from kerasched import Shift
from kerasched import SlantedTriangular
from kerasched import StepDecay
from kerasched import Sum
from kerasched import TanhDecay
from kerasched import Triangular
from kerasched import Warmup
from kerasched import WarmupStableDecay
from kerasched.errors import MAX_STEP
from kerasched.errors import Choice
from kerasched.errors import Flag
from kerasched.errors import Integer
from kerasched.errors import Items
from kerasched.errors import Number
from kerasched.errors import Optional
from kerasched.errors import Text
from kerasched.schedules.arguments import ScheduleArgument
from kerasched.schedules.arguments import check_of
from kerasched.schedules.arguments import checks_of
from kerasched.schedules.from_function import RegisteredFunction

NAN, INF = float("nan"), float("inf")
A_SCHEDULE = Constant(0.1)


def not_registered(step):
    return 0.1


# The values that each kind of argument must refuse: of a wrong type and of the right.
NOT_NUMBERS = [True, "1", None, 1j, [1.0], A_SCHEDULE, np.True_, np.ones(2)]
NOT_FINITE = [NAN, INF, -INF, np.float32("nan"), 10**400]


def bad_values(check):
    """Return (error, value) pairs for values that an argument must refuse."""
    if isinstance(check, Number):
        low = [] if check.minimum < 0 else [-1, -1e-9, np.float64(-0.5)]
        low += [1e39, -1e39] if check.largest < INF else []
        low += [check.below] if check.below < INF else []
        zero = [0, 0.0, -0.0]
        # This is 0 in float32.
        zero += [1e-39] if check.minimum == 0.0 and check.largest < INF else []
        values = NOT_FINITE + low + (zero if check.exclusive else [])
        kinds = NOT_NUMBERS
    elif isinstance(check, Integer):
        low = [check.minimum - 1, np.int64(check.minimum - 1)]
        values = [2**31, 10**30, NAN, INF, -INF, *low]
        kinds = [*NOT_NUMBERS, 1.5, 2.0, np.float32(3)]
    elif isinstance(check, Flag):
        values, kinds = [], [0, 1, "True", None, NAN, A_SCHEDULE]
    elif isinstance(check, Text):
        values, kinds = [], [1, True, b"x", [], A_SCHEDULE]
    elif isinstance(check, Choice):
        values, kinds = ["", "LINEAR", "none"], [0, True, None, A_SCHEDULE]
    elif isinstance(check, Optional):
        pairs = bad_values(check.check)
        return [(error, value) for error, value in pairs if value is not None]
    elif isinstance(check, Items):
        inside = [(error, (value,)) for error, value in bad_values(check.check)]
        kinds = ["ab", 0.1, None, True, {0.1}, A_SCHEDULE, np.ones((2, 2))]
        return inside + [(TypeError, value) for value in kinds]
    elif isinstance(check, RegisteredFunction):
        values = [lambda step: 0.1, not_registered, "no>function", math.cos]
        kinds = [0.1, None, True, StepDecay, b"x"]
    else:
        assert isinstance(check, ScheduleArgument)
        values, kinds = [], [0.1, 1, None, True, "cosine", lambda step: 0.1, StepDecay]
    pairs = [(ValueError, value) for value in values]
    return pairs + [(TypeError, value) for value in kinds]


ARGUMENTS = [
    pytest.param(entry, argument, check, id=f"{entry.name}-{argument}")
    for entry in kerasched.list_schedules()
    for argument, check in checks_of(entry.cls).items()
]


@pytest.mark.parametrize(("entry", "argument", "check"), ARGUMENTS)
def test_bad_argument_raises_with_the_message_form(entry, argument, check):
    name, values = entry.cls.__name__, bad_values(check)
    form = (
        rf"Argument `{argument}(\[0\])?` of {name} must be [^`]+\. "
        rf"Received: {argument}(\[0\])?=.+"
    )
    assert len(values) > 4
    for error, value in values:
        with pytest.raises(error) as caught:
            entry.cls(**{**entry.example_arguments, argument: value})
        assert re.fullmatch(form, str(caught.value), re.DOTALL), (value, caught.value)


# The range of each number by its argument's name: whether 0 or less is valid.
BY_NAME = {
    "positive": [
        "cycle_limit",
        "cycles",
        "decay_epochs",
        "decay_rate",
        "decay_steps",
        "div_factor",
        "end",
        "exponent",
        "final_div_factor",
        "first_decay_steps",
        "gamma",
        "gradient_accumulation_steps",
        "k_decay",
        "m_mul",
        "max_curvature",
        "min_curvature",
        "model_dim",
        "multiplier",
        "period_steps",
        "power",
        "ratio",
        "step_size_down",
        "step_size_up",
        "steps",
        "steps_per_epoch",
        "t_mul",
        "timescale",
        "total_steps",
        "upper_bound_steps",
    ],
    "not negative": [
        "amplitude",
        "anneal_steps",
        "end_learning_rate",
        "explore_steps",
        "factor",
        "high",
        "infimum_learning_rate",
        "initial_learning_rate",
        "learning_rate",
        "low",
        "max_learning_rate",
        "min_learning_rate",
        "offset",
        "peak_learning_rate",
        "scale",
        "seed",
        "stable_steps",
        "start",
        "start_learning_rate",
        "swa_learning_rate",
        "warmup_start",
        "warmup_steps",
    ],
    "any": ["lower", "upper"],
    "part": ["cut_fraction", "flat_fraction", "pct_start"],
}

# For each argument, another that must be 0 because it may not be larger.
BOUND_BY = {
    ("Clip", "high"): {"low": 0},
    ("Hyperbolic", "initial_learning_rate"): {"infimum_learning_rate": 0},
}


def kind_of(entry, name):
    """Return the range of an argument, or None if no table has it."""
    own = ROWS[entry.cls.__name__].kinds
    kinds = [kind for kind, names in BY_NAME.items() if name in names]
    return own.get(name, kinds[0] if kinds else None)


def numbers():
    """Return every argument that is a single number, with its entry."""
    return [
        (entry, name)
        for entry in kerasched.list_schedules()
        for name, check in checks_of(entry.cls).items()
        if isinstance(getattr(check, "check", check), (Number, Integer))
        and not isinstance(check, Items)
    ]


def rows(kind):
    return [(entry, name) for entry, name in numbers() if kind_of(entry, name) == kind]


@pytest.mark.parametrize(("entry", "argument"), rows("positive"))
def test_zero_is_refused_where_it_is_invalid(entry, argument):
    with pytest.raises(ValueError, match=f"`{argument}` of .* must be a positive"):
        entry.cls(**{**entry.example_arguments, argument: 0})


@pytest.mark.parametrize(("entry", "argument"), rows("positive") + rows("not negative"))
def test_negative_numbers_are_refused(entry, argument):
    with pytest.raises(ValueError, match=f"`{argument}` of .* must be a "):
        entry.cls(**{**entry.example_arguments, argument: -1})


@pytest.mark.parametrize("value", [0, 1, -0.5, 1.5])
@pytest.mark.parametrize(("entry", "argument"), rows("part"))
def test_fractions_lie_between_0_and_1(entry, argument, value):
    with pytest.raises(ValueError, match="must be a number above 0 and below 1"):
        entry.cls(**{**entry.example_arguments, argument: value})


@pytest.mark.parametrize(("entry", "argument"), rows("not negative"))
def test_zero_is_accepted_where_it_is_valid(entry, argument):
    others = BOUND_BY.get((entry.cls.__name__, argument), {})
    arguments = {**entry.example_arguments, argument: 0, **others}
    assert getattr(entry.cls(**arguments), argument) == 0


def test_every_number_among_the_arguments_has_its_row():
    assert not [(e.name, name) for e, name in numbers() if kind_of(e, name) is None]
    used = {name for _, name in numbers()}
    assert {name for names in BY_NAME.values() for name in names} == used


@pytest.mark.parametrize("values", [[0.1, -0.1], [0.1, NAN]])
def test_rates_in_a_list_are_checked_one_by_one(values):
    with pytest.raises(ValueError, match=r"Argument `values\[1\]` of PiecewiseConst"):
        PiecewiseConstant([5], values)


def test_boundaries_are_not_negative():
    with pytest.raises(ValueError, match=r"Argument `boundaries\[0\]` of"):
        PiecewiseConstant([-1], [0.1, 0.2])


def message(make):
    """Return the text of the error that a construction raises."""
    with pytest.raises((TypeError, ValueError)) as caught:
        make()
    return str(caught.value)


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (
            lambda: StepDecay(0.1, decay_steps=0),
            "Argument `decay_steps` of StepDecay must be a positive integer. "
            "Received: decay_steps=0",
        ),
        (
            lambda: StepDecay(0.1, 1.5),
            "Argument `decay_steps` of StepDecay must be a positive integer. "
            "Received: decay_steps=1.5",
        ),
        (
            lambda: StepDecay(0.1, 2**31),
            "Argument `decay_steps` of StepDecay must be a positive integer of at most "
            "2147483647. Received: decay_steps=2147483648",
        ),
        (
            lambda: ExponentialDecay(NAN, 1, 0.5),
            "Argument `initial_learning_rate` of ExponentialDecay must be a "
            "non-negative finite number. Received: initial_learning_rate=nan",
        ),
        (
            lambda: PiecewiseConstant([20, 10], [1, 0.1, 0.01]),
            "Argument `boundaries` of PiecewiseConstant must be strictly increasing. "
            "Received: boundaries=(20, 10)",
        ),
        (
            lambda: PiecewiseConstant([10, 10], [1, 0.1, 0.01]),
            "Argument `boundaries` of PiecewiseConstant must be strictly increasing. "
            "Received: boundaries=(10, 10)",
        ),
        (
            lambda: PiecewiseConstant([10], [1.0]),
            "Argument `values` of PiecewiseConstant must be one item longer than "
            "`boundaries`, which has 1. Received: values=(1.0,)",
        ),
        (
            lambda: Chain([A_SCHEDULE], [10]),
            "Argument `schedules` of Chain must be one item longer than `boundaries`, "
            "which has 1. Received: schedules=(Constant(learning_rate=0.1),)",
        ),
        (
            lambda: Sum([]),
            "Argument `schedules` of Sum must be not empty. Received: schedules=()",
        ),
        (
            lambda: Warmup(0.1, 10),
            "Argument `schedule` of Warmup must be a learning-rate schedule. "
            "Received: schedule=0.1. Wrap a number in Constant",
        ),
        (
            lambda: Warmup(A_SCHEDULE, 10, shape="exponential"),
            "Argument `start_learning_rate` of Warmup must be above 0 for the "
            "exponential shape. Received: start_learning_rate=0.0",
        ),
        (
            lambda: Warmup(Constant(0.0), 10, 0.1, "exponential"),
            "Argument `schedule` of Warmup must be a schedule that starts above 0 for "
            "the exponential shape. Received: schedule=Constant(learning_rate=0.0)",
        ),
        (
            lambda: Warmup(A_SCHEDULE, 10, 1e-39, "exponential"),
            "Argument `start_learning_rate` of Warmup must be at least "
            "1.1754943508222875e-38 for the exponential shape. Received: "
            "start_learning_rate=1e-39",
        ),
        (
            lambda: Warmup(Constant(1e-39), 10, 0.1, "exponential"),
            "Argument `schedule` of Warmup must be a schedule that starts at "
            "1.1754943508222875e-38 or above for the exponential shape. Received: "
            "schedule=Constant(learning_rate=1e-39)",
        ),
        (
            lambda: Clip(A_SCHEDULE, 0.2, 0.1),
            "Argument `high` of Clip must be at least `low`, which is 0.2. "
            "Received: high=0.1",
        ),
        (
            lambda: Knee(0.1, 5, 5, 10),
            "Argument `total_steps` of Knee must be above warmup_steps + "
            "explore_steps, which is 10. Received: total_steps=10",
        ),
        (
            lambda: SlantedTriangular(0.1, 9),
            "Argument `total_steps` of SlantedTriangular must be large enough for one "
            "step of rise. Received: total_steps=9",
        ),
        (
            lambda: WarmupStableDecay(0.1, 5, 5, 5, 0.0, "exponential"),
            "Argument `end_learning_rate` of WarmupStableDecay must be above 0 for the "
            "exponential shape. Received: end_learning_rate=0.0",
        ),
        (
            lambda: WarmupStableDecay(0.1, 5, 5, 5, 1e-39, "exponential"),
            "Argument `end_learning_rate` of WarmupStableDecay must be at least "
            "1.1754943508222875e-38 for the exponential shape. Received: "
            "end_learning_rate=1e-39",
        ),
        (
            lambda: MultiStepDecay(0.1, [5, 4]),
            "Argument `milestones` of MultiStepDecay must be strictly increasing. "
            "Received: milestones=(5, 4)",
        ),
        (
            lambda: OneCycle(0.1, 100, 0.5, three_phase=True),
            "Argument `pct_start` of OneCycle must be below 1/2 for three phases. "
            "Received: pct_start=0.5",
        ),
        (
            lambda: PiecewiseInterpolation((0, 5), (0.1,)),
            "Argument `values` of PiecewiseInterpolation must be as long as `steps`, "
            "which has 2. Received: values=(0.1,)",
        ),
        (
            lambda: Triangular(0.1, 0.2, 2**30, 2**30),
            "Argument `step_size_down` of Triangular must be such that a cycle takes "
            "at most 2147483647 steps. Received: step_size_down=1073741824",
        ),
        (
            lambda: Triangular(0.2, 0.1, 5, None, "exp_range", 1.1),
            "Argument `max_learning_rate` of Triangular must be at least "
            "`min_learning_rate`, which is 0.2, where `gamma` > 1. Received: "
            "max_learning_rate=0.1",
        ),
        (
            lambda: CosineRestarts(0.1, 10, warmup_steps=10),
            "Argument `warmup_steps` of CosineRestarts must be below "
            "`first_decay_steps`, which is 10. Received: warmup_steps=10",
        ),
        (
            lambda: CosineRestarts(0.1, 10, 2.0, 0.5, 0.2),
            "Argument `end_learning_rate` of CosineRestarts must be at most "
            "`initial_learning_rate` where `m_mul` is not 1. "
            "Received: end_learning_rate=0.2",
        ),
        (
            lambda: CosineRestarts(0.1, 10, 1.001),
            "Argument `t_mul` of CosineRestarts must be 1, or so far above it that "
            "there are at most 4096 cycles. Received: t_mul=1.001",
        ),
        (
            lambda: CosineRestarts(0.1, 10**6, 0.999, cycle_limit=10_000),
            "Argument `t_mul` of CosineRestarts must be 1, or so far below it that "
            "there are at most 4096 cycles. Received: t_mul=0.999",
        ),
        (
            lambda: CosineRestarts(0.1, 10, 0.5),
            "Argument `cycle_limit` of CosineRestarts must be a positive integer where "
            "`t_mul` is below 1. Received: cycle_limit=None",
        ),
        (
            lambda: CosineRestarts(0.1, 16, 0.5, warmup_steps=4, cycle_limit=3),
            "Argument `warmup_steps` of CosineRestarts must be below the length of the "
            "last cycle, which is 4. Received: warmup_steps=4",
        ),
        (
            lambda: Repeat(CosineDecay(0.1, 10), 10, 0.5),
            "Argument `cycle_limit` of Repeat must be a positive integer where "
            "`multiplier` is below 1. Received: cycle_limit=None",
        ),
        (
            lambda: Repeat(CosineDecay(0.1, 9), 10, 2.0),
            "Argument `schedule` of Repeat must be a decay over 10 steps where "
            "`multiplier` is not 1. Received: schedule=CosineDecay("
            "initial_learning_rate=0.1, decay_steps=9)",
        ),
        (
            lambda: Noise(A_SCHEDULE, 0.1, 1, 10, 10),
            "Argument `end` of Noise must be above `start`, which is 10. "
            "Received: end=10",
        ),
        (
            lambda: Chebyshev(0.1, 10, 0.5, 0.4),
            "Argument `max_curvature` of Chebyshev must be at least `min_curvature`, "
            "which is 0.5. Received: max_curvature=0.4",
        ),
        (
            lambda: Chebyshev(0.1, 2**30 + 1),
            "Argument `total_steps` of Chebyshev must be a positive integer of at most "
            "2**30. Received: total_steps=1073741825",
        ),
        (
            lambda: Hyperbolic(0.1, 10, 9),
            "Argument `upper_bound_steps` of Hyperbolic must be at least "
            "`decay_steps`, which is 10. Received: upper_bound_steps=9",
        ),
        (
            lambda: Hyperbolic(0.1, 10, 10, 0.2),
            "Argument `infimum_learning_rate` of Hyperbolic must be at most "
            "`initial_learning_rate`, which is 0.1. Received: "
            "infimum_learning_rate=0.2",
        ),
        (
            lambda: Hyperbolic(0.1, 10, 10, 0.0, True),
            "Argument `infimum_learning_rate` of Hyperbolic must be above 0 for the "
            "exponential form. Received: infimum_learning_rate=0.0",
        ),
        (
            lambda: CosineWave(0.1, 0.0, 10, math.pi),
            "Argument `cycles` of CosineWave must be a number of fewer digits, so that "
            "each step's phase can be counted. Received: cycles=3.141592653589793",
        ),
        (
            lambda: PiecewiseInterpolation((0, 5, 5, 5), (0.1, 0.2, 0.3, 0.4)),
            "Argument `steps` of PiecewiseInterpolation must be in increasing order, "
            "with at most two equal. Received: steps=(0.0, 5.0, 5.0, 5.0)",
        ),
        (
            lambda: PiecewiseInterpolation((5, 0), (0.1, 0.2)),
            "Argument `steps` of PiecewiseInterpolation must be in increasing order, "
            "with at most two equal. Received: steps=(5.0, 0.0)",
        ),
        (
            lambda: FromFunction("nowhere>rate"),
            "Argument `function` of FromFunction must be a function registered with "
            "Keras, or its registered name. Received: function='nowhere>rate'. Import "
            "the module that registers it first",
        ),
        (
            lambda: Warmup(A_SCHEDULE, 10, shape="log"),
            "Argument `shape` of Warmup must be one of 'linear', 'cosine', "
            "'polynomial', 'exponential', 'constant'. Received: shape='log'",
        ),
    ],
)
def test_an_error_names_argument_owner_requirement_and_value(make, text):
    assert message(make) == text


def test_an_unregistered_schedule_cannot_be_nested():
    class Mine(keras.optimizers.schedules.LearningRateSchedule):
        def __call__(self, step):
            return 0.1

    text = message(lambda: PerEpoch(Mine(), 10))
    assert text.startswith(
        "Argument `schedule` of PerEpoch must be a schedule whose class is registered "
        "with Keras. Received: schedule="
    )
    assert text.endswith(
        "Decorate its class with keras.saving.register_keras_serializable()"
    )


def test_a_lambda_is_refused_with_advice():
    text = message(lambda: FromFunction(lambda step: 0.1))
    assert text.startswith(
        "Argument `function` of FromFunction must be a function registered with Keras, "
        "or its registered name. Received: function=<function "
    )
    assert text.endswith(
        ". Define it with def, which gives it a name by which it can be saved, and "
        "decorate it with keras.saving.register_keras_serializable()"
    )


def test_a_long_array_is_truncated_in_the_message():
    values = np.arange(10_000.0)
    assert len(message(lambda: PiecewiseConstant(values, values))) < 300


NUMBERS = [1, np.float32(1), np.float64(1), np.int8(1), np.array(1.0), Fraction(1)]


@pytest.mark.parametrize("value", NUMBERS, ids=repr)
def test_numbers_of_any_type_are_stored_as_floats(value):
    kept = Constant(value).learning_rate
    assert kept == 1.0
    assert type(kept) is float


@pytest.mark.parametrize("value", [3, np.int8(3), np.uint64(3), np.array(3)], ids=repr)
def test_integers_of_any_type_are_stored_as_ints(value):
    kept = StepDecay(0.1, value).decay_steps
    assert kept == 3
    assert type(kept) is int


@pytest.mark.parametrize(
    "values",
    [
        [1, 0.1],
        (1, 0.1),
        np.array([1, 0.1]),
        [np.float64(1), np.float32(0.1).astype("float64") * 0 + 0.1],
    ],
    ids=["list", "tuple", "array", "scalars"],
)
def test_sequences_are_stored_as_tuples_of_numbers(values):
    schedule = PiecewiseConstant(range(5, 6), values)
    assert schedule == PiecewiseConstant((5,), (1.0, 0.1))
    assert [type(value) for value in schedule.values] == [float, float]
    assert [type(boundary) for boundary in schedule.boundaries] == [int]


def test_the_integer_rate_that_keras_turns_into_0_works():
    schedule = ExponentialDecay(1, 1000, 0.96)
    assert float(schedule(1000)) == pytest.approx(0.96, rel=1e-6)
    theirs = keras.optimizers.schedules.ExponentialDecay(1, 1000, 0.96)
    # Keras computes a wrong rate here.
    assert float(theirs(1000)) != pytest.approx(0.96, rel=1e-6)


def test_setting_an_attribute_raises():
    schedule = StepDecay(0.1, 2)
    with pytest.raises(dataclasses.FrozenInstanceError) as caught:
        schedule.decay_steps = 3
    assert str(caught.value) == (
        "Argument `decay_steps` of StepDecay cannot be changed: a schedule is "
        "immutable. Make another one with dataclasses.replace(schedule, "
        "decay_steps=...)."
    )
    with pytest.raises(dataclasses.FrozenInstanceError):
        schedule.anything = 3
    with pytest.raises(dataclasses.FrozenInstanceError):
        del schedule.decay_steps


def test_replace_makes_a_checked_copy():
    schedule = StepDecay(0.1, 2, name="mine")
    assert dataclasses.replace(schedule, decay_steps=3) == StepDecay(0.1, 3)
    with pytest.raises(ValueError, match="must be a positive integer"):
        dataclasses.replace(schedule, decay_steps=0)


def test_shift_may_be_negative():
    assert Shift(A_SCHEDULE, -5).steps == -5


def test_scale_by_zero_is_allowed():
    assert Scale(CosineDecay(0.1, 10), 0).evaluate(0) == 0.0


def test_arguments_with_plain_annotations_are_checked():
    class Plain(Schedule):
        a: float
        b: int = 2
        c: tuple[float, ...] = ()

        def value(self, step, xp):
            return self.a + xp.real(step)

    assert float(Plain(-1.5)(3)) == 1.5
    with pytest.raises(TypeError, match="Argument `b` of Plain must be an integer"):
        Plain(1.0, 2.5)


def test_an_unsupported_annotation_is_refused():
    with pytest.raises(TypeError, match="cannot be annotated with <class 'dict'>"):
        check_of(dict)


def test_signatures_are_those_of_the_constructor_and_of_the_call():
    parameters = inspect.signature(StepDecay).parameters
    assert list(parameters) == [
        "initial_learning_rate",
        "decay_steps",
        "decay_rate",
        "end_learning_rate",
        "name",
    ]
    assert parameters["decay_rate"].default == 0.5
    assert parameters["name"].kind is inspect.Parameter.KEYWORD_ONLY
    assert list(inspect.signature(StepDecay(0.1, 2)).parameters) == ["step"]


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        ({"initial_learning_rate": 0.1}, "missing a required argument: 'decay_steps'"),
        (
            {"initial_learning_rate": 0.1, "decay_steps": 2, "rate": 3},
            "got an unexpected keyword argument 'rate'",
        ),
    ],
)
def test_unknown_argument_names_raise_with_the_valid_ones(arguments, what):
    assert message(lambda: StepDecay(**arguments)) == (
        f"StepDecay: {what}. Its arguments are: initial_learning_rate, decay_steps, "
        "decay_rate, end_learning_rate, name"
    )


def scalars(number):
    """Return a number as each kind of scalar of this backend."""
    tensor = keras.ops.convert_to_tensor(number)
    dtype = "int32" if isinstance(number, int) else "float32"
    variable = keras.Variable(number, dtype=dtype, trainable=False)
    kinds = [tensor, variable, variable.value, np.array(number)]
    if BACKEND == "torch":
        import torch

        if isinstance(number, float):
            kinds.append(torch.nn.Parameter(torch.tensor(number)))
    return kinds


def test_a_scalar_tensor_is_stored_as_its_number():
    for scalar in scalars(0.5):
        for kept in (Constant(scalar).learning_rate, Scale(A_SCHEDULE, scalar).factor):
            assert kept == 0.5
            assert type(kept) is float
        assert A_SCHEDULE * scalar == 0.5 * A_SCHEDULE
        assert A_SCHEDULE + scalar == A_SCHEDULE + 0.5
    for scalar in scalars(3):
        kept = StepDecay(0.1, scalar).decay_steps
        assert kept == 3
        assert type(kept) is int


def test_a_scalar_tensor_out_of_range_is_refused():
    for scalar in scalars(-0.5):
        with pytest.raises(ValueError, match="`learning_rate` of Constant must be"):
            Constant(scalar)


def test_a_tensor_with_an_axis_is_not_a_number():
    with pytest.raises(TypeError, match="`learning_rate` of Constant must be"):
        Constant(keras.ops.ones(1))


def test_a_string_enum_is_kept_as_its_value():
    class Shape(str, enum.Enum):  # noqa: UP042 (str() of it is not the value)
        COSINE = "cosine"

    schedule = Warmup(A_SCHEDULE, 10, shape=Shape.COSINE)
    assert schedule == Warmup(A_SCHEDULE, 10, shape="cosine")
    assert type(schedule.shape) is str


@pytest.mark.skipif(BACKEND == "torch", reason="nothing is traced on torch")
def test_a_traced_number_is_refused_with_advice():
    def step(rate):
        text = message(lambda: Constant(rate))
        assert text.startswith("Argument `learning_rate` of Constant must be a non-neg")
        assert text.endswith(
            ". It is a traced tensor, which has no value before the compiled step "
            "runs. Pass a plain number"
        )
        return rate

    for call in compiled_calls(step).values():
        call(keras.ops.convert_to_tensor(0.1))


class Callable:
    def __call__(self, step):
        return 0.1


@pytest.mark.parametrize(
    "function",
    [functools.partial(not_registered, 5), Callable(), np.vectorize(not_registered)],
    ids=["partial", "instance", "vectorized"],
)
def test_a_callable_without_a_name_is_refused_with_advice(function):
    text = message(lambda: FromFunction(function))
    assert text.startswith("Argument `function` of FromFunction must be a function reg")
    assert text.endswith("keras.saving.register_keras_serializable()")


def test_the_name_of_a_class_is_not_a_function():
    with pytest.raises(ValueError, match="`function` of FromFunction must be"):
        FromFunction("kerasched>Constant")


def test_numbers_beyond_float32_are_refused_with_the_limit():
    assert message(lambda: Constant(1e39)) == (
        "Argument `learning_rate` of Constant must be a non-negative finite number of "
        "at most 3.4028234663852886e+38. Received: learning_rate=1e+39"
    )
    assert message(lambda: ExponentialDecay(0.1, 1, 1e-39)) == (
        "Argument `decay_rate` of ExponentialDecay must be a positive finite number of "
        "at least 1.1754943508222875e-38. Received: decay_rate=1e-39"
    )
    assert message(lambda: MultiStepDecay(0.1, [1, 2, 3], 1e20)) == (
        "Argument `decay_rate` of MultiStepDecay must be such that no rate is above "
        "3.4028234663852886e+38. Received: decay_rate=1e+20"
    )


MOST = 3.4e38
FINITE = [
    Constant(MOST),
    Constant(MOST) + Constant(MOST),
    Constant(MOST) * CosineDecay(MOST, 10),
    100 * CosineDecay(MOST, 10),
    Maximum((ExponentialDecay(1.0, 1, 2.0), Constant(MOST))) + 1.0,
    4 * ExponentialDecay(1.0, 1, 2.0),
    ExponentialDecay(MOST, 1, MOST),
    LinearDecay(MOST, 10, MOST),
    InverseTimeDecay(0.1, 1, MOST),
    PowerDecay(0.1, 1e19),
    PowerDecay(0.0, 1e19),
    PowerDecay(MOST, -1e19),
    Triangular(0.3, 0.3, 5, mode="exp_range", gamma=MOST),
    Triangular(0.0, MOST, 5, mode="exp_range", gamma=1.1),
    Chebyshev(MOST, 10, 1e-37),
    Eden(MOST, 1, 1e-37, 10),
    Noise(Constant(MOST), 1.0, 1),
    Repeat(Constant(MOST), 10, decay_rate=MOST),
    CosineRestarts(MOST, 10, m_mul=2.0, end_learning_rate=3e38),
    TanhDecay(0.1, 10, 0.0, -MOST, MOST),
    PolynomialDecay(0.1, 10, 0.2, MOST, MOST),
    Hyperbolic(MOST, 10, 10, 1e-300, True),
    StepDecay(1e-300, 10, 0.5, 1e-320).clip(high=1.0),
]


@pytest.mark.parametrize("schedule", FINITE, ids=repr)
def test_accepted_arguments_give_finite_rates_in_float32(schedule):
    steps = np.array([0, 1, 3, 5, 9, 10, 11, 1000, MAX_STEP])
    for rates in (
        schedule.evaluate(steps),
        keras.ops.convert_to_numpy(schedule(steps)),
    ):
        assert np.isfinite(rates).all(), rates
        assert (rates >= 0.0).all(), rates
    for step in (0, 10, MAX_STEP):
        assert np.isfinite(float(schedule(step)))
    assert schedule.constant_after is None or schedule.constant_after >= 0
