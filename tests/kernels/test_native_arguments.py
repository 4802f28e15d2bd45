"""The compiled update refuses invalid arguments with a message and writes nothing."""

import re

import numpy as np
import pytest

from kerasched.kernels import native
from kerasched.kernels.options import Options
from kernels.arrays import BFLOAT16
from kernels.arrays import needs_extension

pytestmark = [needs_extension, pytest.mark.host]

MOMENTUM = Options("sgd_momentum")


def ones(dtype="float32", shape=6):
    return np.ones(shape, dtype)


def given(options=MOMENTUM, **changes):
    """Return arguments of a momentum update of 6 float32 numbers, with some changes."""
    lists = {"weights": [ones()], "gradients": [ones()], "slots": [[ones()]]}
    numbers = {"learning_rate": 0.1, "hyperparameters": [0.5] * options.slots}
    return {"options": options, **numbers, **lists, **changes}


def one(name, array, options=MOMENTUM):
    return given(options, **changed(name, array))


def clipping(**bounds):
    return Options("sgd_momentum", **bounds)


def changed(name, value):
    return {name: [[value]] if name == "slots" else [value]}


def place_of(name):
    return "slots[0][0]" if name == "slots" else f"{name}[0]"


def read_only():
    array = ones()
    array.flags.writeable = False
    return array


def text(argument, requirement, received):
    return (
        f"Argument `{argument}` of update must be {requirement}. "
        f"Received: {argument}={received}"
    )


LINE = np.arange(18, dtype="float32")
SWAPPED = np.dtype("float32").newbyteorder()
TYPES = "float32, float64 or bfloat16"
SHARED = "Arrays of an update must not share memory"
SUMMING = Options("sgd_momentum", gradient_accumulation_steps=2)
AVERAGING = Options("sgd_momentum", use_ema=True)
ALL = "Only one of `clipvalue`, `clipnorm` and `global_clipnorm` can be set"

VALUES = {
    "gradient-shape": (
        one("gradients", ones(shape=5)),
        text("gradients[0].shape", "(6,), as of its weight", "(5,)"),
    ),
    "slot-shape": (
        one("slots", ones(shape=(6, 1))),
        text("slots[0][0].shape", "(6,), as of its weight", "(6, 1)"),
    ),
    "same-size-in-another-shape": (
        one("gradients", ones(shape=(2, 3))),
        text("gradients[0].shape", "(6,), as of its weight", "(2, 3)"),
    ),
    "sum-shape": (
        given(SUMMING, sums=[ones(shape=7)]),
        text("sums[0].shape", "(6,), as of its weight", "(7,)"),
    ),
    "average-shape": (
        given(AVERAGING, averages=[ones(shape=7)]),
        text("averages[0].shape", "(6,), as of its weight", "(7,)"),
    ),
    "the-second-shape": (
        given(
            weights=[ones(), ones(shape=2)],
            gradients=[ones(), ones(shape=3)],
            slots=[[ones(), ones(shape=2)]],
        ),
        text("gradients[1].shape", "(2,), as of its weight", "(3,)"),
    ),
    "weight-float16": (
        one("weights", ones("float16")),
        text("weights[0].dtype", TYPES, "dtype('float16')"),
    ),
    "gradient-int32": (
        one("gradients", ones("int32")),
        text("gradients[0].dtype", TYPES, "dtype('int32')"),
    ),
    "slot-complex64": (
        one("slots", ones("complex64")),
        text("slots[0][0].dtype", TYPES, "dtype('complex64')"),
    ),
    "objects": (
        one("weights", ones("object")),
        text("weights[0].dtype", TYPES, "dtype('O')"),
    ),
    "gradient-of-swapped-bytes": (
        one("gradients", ones(SWAPPED)),
        text("gradients[0].dtype", TYPES, repr(SWAPPED)),
    ),
    "gradient-type-differs": (
        one("gradients", ones("float64")),
        text("gradients[0].dtype", "float32, as of its weight", "dtype('float64')"),
    ),
    "slot-type-differs": (
        one("slots", ones(BFLOAT16)),
        text("slots[0][0].dtype", "float32, as of its weight", "dtype(bfloat16)"),
    ),
    "weight-strides": (
        one("weights", ones(shape=12)[::2]),
        text("weights[0].flags.c_contiguous", "True", "False"),
    ),
    "gradient-backwards": (
        one("gradients", ones()[::-1]),
        text("gradients[0].flags.c_contiguous", "True", "False"),
    ),
    "slot-strides": (
        one("slots", ones(shape=(6, 2))[:, 0]),
        text("slots[0][0].flags.c_contiguous", "True", "False"),
    ),
    "gradient-broadcast": (
        one("gradients", np.broadcast_to(np.float32(1), 6)),
        text("gradients[0].flags.c_contiguous", "True", "False"),
    ),
    "columns-first": (
        given(
            **changed("weights", np.ones((2, 3), "float32", order="F")),
        ),
        text("weights[0].flags.c_contiguous", "True", "False"),
    ),
    "gradient-unaligned": (
        one("gradients", np.frombuffer(bytes(25), "float32", 6, offset=1)),
        text("gradients[0].flags.aligned", "True", "False"),
    ),
    "bfloat16-unaligned": (
        given(
            weights=[np.frombuffer(bytearray(13), BFLOAT16, 6, offset=1)],
            gradients=[ones(BFLOAT16)],
            slots=[[ones(BFLOAT16)]],
        ),
        text("weights[0].flags.aligned", "True", "False"),
    ),
    **{
        f"{name}-read-only": (
            one(name, read_only(), options),
            text(f"{place_of(name)}.flags.writeable", "True", "False"),
        )
        for name, options in zip(
            ("weights", "slots", "sums", "averages"),
            (MOMENTUM, MOMENTUM, SUMMING, AVERAGING),
            strict=True,
        )
    },
    "too-few-gradients": (
        given(gradients=[]),
        text("len(gradients)", "1, as of `weights`", "0"),
    ),
    "too-many-velocities": (
        given(slots=[[ones(), ones()]]),
        text("len(slots[0])", "1, as of `weights`", "2"),
    ),
    "too-few-sums": (
        given(SUMMING, sums=[]),
        text("len(sums)", "1, as of `weights`", "0"),
    ),
    "too-many-averages": (
        given(AVERAGING, averages=[ones(), ones()]),
        text("len(averages)", "1, as of `weights`", "2"),
    ),
    "too-many-decays": (
        given(decays=[True, False]),
        text("len(decays)", "1, as of `weights`", "2"),
    ),
    "slot-for-nothing": (
        given(Options(), slots=[[np.float32(1)]]),
        text("len(slots)", "0, for the rule sgd", "1"),
    ),
    "too-few-slots": (
        given(slots=()),
        text("len(slots)", "1, for the rule sgd_momentum", "0"),
    ),
    "sums-for-nothing": (
        given(sums=[1]),
        text("sums", "None, as the options do not use it", "[1]"),
    ),
    "rate-not-finite": (
        given(learning_rate=float("nan")),
        text("learning_rate", "a finite number", "nan"),
    ),
    "momentum-not-finite": (
        given(hyperparameters=[float("inf")]),
        text("hyperparameters[0]", "a finite number", "inf"),
    ),
    "decay-not-finite": (
        given(weight_decay=-float("inf")),
        text("weight_decay", "a finite number", "-inf"),
    ),
    "iterations-negative": (
        given(iterations=-1),
        text("iterations", "a non-negative integer", "-1"),
    ),
    "two-clips": (given(Options("sgd_momentum", clipvalue=1.0, clipnorm=1.0)), ALL),
    "two-norms": (
        given(Options("sgd_momentum", clipnorm=1.0, global_clipnorm=1.0)),
        ALL,
    ),
    "weight-is-gradient": (given(weights=[LINE[:6]], gradients=[LINE[:6]]), SHARED),
    "weight-is-velocity": (given(weights=[LINE[:6]], slots=[[LINE[:6]]]), SHARED),
    "gradient-is-velocity": (
        given(gradients=[LINE[:6]], slots=[[LINE[:6]]]),
        SHARED,
    ),
    "weight-ends-in-gradient": (
        given(weights=[LINE[:6]], gradients=[LINE[5:11]]),
        SHARED,
    ),
    "gradient-ends-in-weight": (
        given(weights=[LINE[5:11]], gradients=[LINE[:6]]),
        SHARED,
    ),
    "weight-ends-in-velocity": (
        given(weights=[LINE[:6]], slots=[[LINE[5:11]]]),
        SHARED,
    ),
    "slot-ends-in-gradient": (
        given(gradients=[LINE[5:11]], slots=[[LINE[:6]]]),
        SHARED,
    ),
    "gradient-around-a-weight": (
        given(
            Options(),
            weights=[ones(shape=12), LINE[5:7]],
            gradients=[LINE[:12], ones(shape=2)],
            slots=(),
        ),
        SHARED,
    ),
    "sum-is-velocity": (
        given(SUMMING, slots=[[LINE[:6]]], sums=[LINE[:6]]),
        SHARED,
    ),
    "average-is-weight": (
        given(AVERAGING, weights=[LINE[:6]], averages=[LINE[:6]]),
        SHARED,
    ),
    "one-weight-twice": (
        given(
            Options(),
            weights=[LINE[:6], LINE[:6]],
            gradients=[ones(), ones()],
            slots=(),
        ),
        SHARED,
    ),
}

KINDS = {
    **{
        f"{name}-of-{value!r}": (
            {**given(SUMMING, sums=[ones()]), **changed(name, value)},
            text(place_of(name), "a NumPy array", repr(value)),
        )
        for name in ("weights", "gradients", "slots", "sums")
        for value in ([1.0, 2.0], np.float32(1), None, "text")
    },
    "an-array-for-a-list": (
        given(gradients=ones(shape=1)),
        text("gradients", "a list of arrays", "array([1.], dtype=float32)"),
    ),
    "no-weights": (given(weights=None), text("weights", "a list of arrays", "None")),
    "a-slot-of-nothing": (
        given(slots=[None]),
        text("slots[0]", "a list of arrays", "None"),
    ),
    "no-sums": (given(SUMMING), text("sums", "a list of arrays", "None")),
    "no-averages": (given(AVERAGING), text("averages", "a list of arrays", "None")),
    "a-dictionary-for-nothing": (
        given(sums={}),
        text("sums", "None, as the options do not use it", "{}"),
    ),
    "rate-of-text": (
        given(learning_rate="0.1"),
        text("learning_rate", "a finite number", "'0.1'"),
    ),
    "iterations-real": (
        given(iterations=0.5),
        text("iterations", "a non-negative integer", "0.5"),
    ),
    "decays-of-numbers": (
        given(decays=[1]),
        text("decays[0]", "True or False", "1"),
    ),
}

REFUSED = {
    **{name: (*row, ValueError) for name, row in VALUES.items()},
    **{name: (*row, TypeError) for name, row in KINDS.items()},
}
each_refused = pytest.mark.parametrize(
    ("arguments", "words", "kind"), REFUSED.values(), ids=REFUSED
)


def bytes_of(arguments):
    """Return the bytes of all arrays."""
    names = ("weights", "gradients", "averages")
    lists = [arguments.get(name) or () for name in names]
    lists += [slot or () for slot in arguments["slots"]]
    return [a.tobytes() for items in lists for a in items if hasattr(a, "tobytes")]


@each_refused
def test_arguments_that_do_not_match_are_refused(arguments, words, kind):
    with pytest.raises(kind, match=f"^{re.escape(words)}$"):
        native.update(**arguments)


@each_refused
def test_a_refused_call_writes_nothing(arguments, words, kind):
    before = bytes_of(arguments)
    with pytest.raises(kind):
        native.update(**arguments)
    assert bytes_of(arguments) == before


def test_a_read_only_gradient_is_accepted():
    arguments = given(gradients=[read_only()])
    native.update(**arguments)
    # 1 * 0.5 - 1 * 0.1 in float32.
    assert arguments["slots"][0][0][0] == np.float32(0.5) - np.float32(0.1)


# The last byte of an array is directly before the first byte of the next.
@pytest.mark.parametrize("order", [(0, 1, 2), (0, 2, 1), (1, 0, 2), (2, 1, 0)], ids=str)
def test_neighbours_in_one_buffer_do_not_share_memory(order):
    buffer = np.ones(18, "float32")
    weight, gradient, velocity = (buffer[6 * n : 6 * n + 6] for n in order)
    numbers = {"learning_rate": 0.25, "hyperparameters": (0.0,)}
    native.update(MOMENTUM, [weight], [gradient], [[velocity]], **numbers)
    assert weight.tolist() == [0.75] * 6


def test_two_weights_may_have_the_same_gradient():
    weights, gradient = [ones(), ones()], ones()
    native.update(Options(), weights, [gradient, gradient], learning_rate=0.25)
    assert [weight.tolist() for weight in weights] == [[0.75] * 6] * 2


def test_empty_arrays_do_not_count_as_shared_memory():
    nothing = LINE[3:3]
    native.update(
        Options(),
        [LINE[:6].copy(), nothing, nothing],
        [ones(), nothing, nothing],
        learning_rate=0.1,
    )


# The entry point of the frameworks' kernels, which takes addresses instead of arrays.
def program(
    types=("float32",), sizes=(6,), decays=(True,), weights=(4096,), velocities=(16384,)
):
    lists = (list(weights), list(velocities))
    return native.Update(MOMENTUM, types, sizes, decays, lists)


def run(gradients, **arguments):
    program(**arguments).run(0.1, 0.0, 1.0, 0, [0.9], gradients)


def test_a_type_that_no_weight_has_is_refused():
    words = "Weights must be float32, float64 or bfloat16. Received: float16"
    with pytest.raises(ValueError, match=f"^{words}$"):
        program(types=("float16",))


def test_lists_of_different_lengths_are_refused():
    words = "`types`, `sizes` and `decays` must have one length"
    with pytest.raises(ValueError, match=f"^{words}$"):
        program(sizes=(6, 6))


def test_too_few_addresses_are_refused():
    words = "The list of the array `slot` must have 1 addresses. Received: 0"
    with pytest.raises(ValueError, match=f"^{words}$"):
        program(velocities=())


def test_a_missing_list_is_refused():
    words = "`arrays` must have 2 lists. Received: 1"
    with pytest.raises(ValueError, match=f"^{words}$"):
        native.Update(MOMENTUM, ["float32"], [6], [True], [[4096]])


def test_too_few_hyperparameters_are_refused():
    words = "Argument `hyperparameters` must have 1 numbers. Received: 0"
    with pytest.raises(ValueError, match=f"^{words}$"):
        program().run(0.1, 0.0, 1.0, 0, [], [8192])


def test_an_unknown_rule_is_refused():
    with pytest.raises(ValueError, match="^There is no rule named adagrad$"):
        native._native.Options(**{**vars(Options()), "rule": "adagrad"})


def test_a_null_address_is_refused():
    with pytest.raises(ValueError, match=r"^The gradient of tensor 0 is missing$"):
        run([0])


def test_a_misaligned_address_is_refused():
    words = "The slot of tensor 0 must be aligned for float32"
    with pytest.raises(ValueError, match=f"^{words}$"):
        run([8192], velocities=(16386,))


def test_a_negative_size_is_refused():
    words = r"^The size of tensor 0 must not be negative$"
    with pytest.raises(ValueError, match=words):
        run([8192], sizes=(-1,))
