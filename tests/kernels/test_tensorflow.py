"""The kernel in TensorFlow updates in place: eagerly, in a graph and under XLA."""

import functools
import re
import sys

import keras
import numpy as np
import pytest
from support import built
from support import run_json
from support import sampled

import kerasched
from kerasched import SGD
from kerasched.kernels import dispatch
from kernels.arrays import needs_extension

pytestmark = [
    needs_extension,
    pytest.mark.skipif(
        keras.backend.backend() != "tensorflow",
        reason="the kernel of TensorFlow runs on TensorFlow",
    ),
]
OPTIONS = {
    "none": {},
    "momentum": {"momentum": 0.9},
    "clipnorm": {"momentum": 0.9, "clipnorm": 1.0},
    "adamw": {"cls": "AdamW", "amsgrad": True, "global_clipnorm": 1.0},
    "lion": {"cls": "Lion", "gradient_accumulation_steps": 2},
    "all": {
        "momentum": 0.9,
        "nesterov": True,
        "weight_decay": 0.01,
        "global_clipnorm": 1.0,
        "use_ema": True,
        "gradient_accumulation_steps": 2,
    },
}
STEPS = 5
MODES = {
    "eager": {"run_eagerly": True},
    "graph": {"jit_compile": False},
    "xla": {"jit_compile": True},
}
# With XLA, the first tier has only the case with most options and the one that clips.
MODES_AND_OPTIONS = {
    f"{mode}-{name}": (mode, name) for mode in MODES for name in OPTIONS
}
each_mode_and_option = pytest.mark.parametrize(
    ("mode", "option"),
    sampled(
        MODES_AND_OPTIONS,
        set(MODES_AND_OPTIONS) - {"xla-none", "xla-momentum", "xla-lion"},
    ),
)


def optimizer_of(package, options, **more):
    """Return an optimizer of kerasched or keras.optimizers, by default SGD."""
    options = dict(options)
    cls = getattr(package, options.pop("cls", "SGD"))
    return cls(0.01, **options, **more)


def network(optimizer, mode):
    keras.utils.set_random_seed(0)
    layers = [keras.layers.Input((64,)), keras.layers.Dense(128, activation="relu")]
    model = keras.Sequential([*layers, keras.layers.Dense(32)])
    model.compile(optimizer, loss="mse", **mode)
    return built(model)


def data():
    random = np.random.default_rng(0)
    x = random.standard_normal((8, 64)).astype("float32")
    return x, random.standard_normal((8, 32)).astype("float32")


def at(variable):
    """Return the address of a variable's buffer, without a copy of it."""
    return np.asarray(memoryview(variable.read_value())).ctypes.data


def addresses(variables):
    return [at(v.value) for v in variables if len(v.shape)]


@functools.cache
def weights_of_keras(mode, option):
    """Return the weights that Keras's optimizer leaves after STEPS steps."""
    model = network(optimizer_of(keras.optimizers, OPTIONS[option]), MODES[mode])
    for _ in range(STEPS):
        model.train_on_batch(*data())
    return model.get_weights()


def assert_as_keras(model, mode, option):
    # Steps of float32; XLA contracts products and sums, the kernel does not.
    for ours, theirs in zip(
        model.get_weights(), weights_of_keras(mode, option), strict=True
    ):
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=2e-6)


@each_mode_and_option
def test_results_are_those_of_keras_in_the_same_memory_from_the_second_step_on(
    mode, option
):
    model = network(optimizer_of(kerasched, OPTIONS[option], fused=True), MODES[mode])
    kept = []
    for _ in range(STEPS):
        model.train_on_batch(*data())
        variables = [*model.trainable_variables, *model.optimizer.variables]
        kept.append(addresses(variables))
    assert kept[1] == kept[2] == kept[3] == kept[4]
    assert_as_keras(model, mode, option)


@pytest.fixture
def small_threshold(monkeypatch):
    """Give gradients persistent memory, as in a large model."""
    monkeypatch.setattr("kerasched.kernels.scratch.MIN_BYTES", 0)


def gradient_variables(optimizer):
    """Return the variables for the gradients."""
    cache = optimizer._step_cache.entries
    return [cache[key] for key in cache if key[0] == "scratch"]


@pytest.mark.parametrize("option", OPTIONS)
def test_results_with_persistent_gradients_are_those_of_keras(option, small_threshold):
    model = network(optimizer_of(kerasched, OPTIONS[option], fused=True), MODES["xla"])
    kept = []
    for _ in range(STEPS):
        model.train_on_batch(*data())
        kept.append([at(v) for v in gradient_variables(model.optimizer)])
    assert len(kept[0]) == 4
    assert kept[1] == kept[2] == kept[3] == kept[4]
    assert all(np.any(v) for v in gradient_variables(model.optimizer))
    assert_as_keras(model, "xla", option)


@pytest.mark.parametrize("mode", ["eager", "graph"])
def test_outside_of_xla_gradients_are_not_persistent(mode, small_threshold):
    model = network(SGD(0.01, momentum=0.9, fused=True), MODES[mode])
    model.fit(*data(), verbose=0)
    assert gradient_variables(model.optimizer) == []


def test_a_gradient_argument_is_not_copied(small_threshold):
    import tensorflow as tf

    optimizer = SGD(0.5, fused=True)
    weight = keras.Variable(np.ones((3, 2), "float32"))
    given = tf.Variable(tf.ones((3, 2)))
    optimizer.build([weight])

    traced = []

    @tf.function(jit_compile=True)
    def step(gradient, twice):
        traced.append(twice)
        optimizer.apply([gradient])
        optimizer.apply([given.read_value()])
        if twice:
            optimizer.apply([gradient * 2])

    step(tf.ones((3, 2)), False)
    assert gradient_variables(optimizer) == []
    step(tf.ones((3, 2)), True)
    assert np.array_equal(gradient_variables(optimizer)[0], np.full((3, 2), 2))
    assert np.array_equal(weight, np.full((3, 2), -2))
    assert traced == [False, True]  # The variable caused no third trace.


FAULTS = """
import resource
import keras, numpy as np
import kerasched
from kerasched import SGD
layers = [keras.layers.Dense(n, use_bias=False) for n in (3072, 3072, 1)]
model = keras.Sequential([keras.Input((1024,)), *layers])
model.compile(SGD(1e-3, momentum=0.9), "mse", jit_compile=True)
data = np.ones((64, 1024), "float32"), np.ones((64, 1), "float32")
faults = []
class Count(keras.callbacks.Callback):
    def on_train_batch_begin(self, batch, logs=None):
        faults.append(resource.getrusage(resource.RUSAGE_SELF).ru_minflt)
model.fit(*data, batch_size=8, verbose=0, callbacks=[Count()])
print(np.median(np.diff(faults[1:])) / (model.count_params() * 4 / 4096))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="depends on the C library")
def test_a_large_step_allocates_no_memory_for_its_gradients():
    assert run_json(FAULTS) < 0.05


# With a momentum, TensorFlow's graph optimizer reorders Keras's products of decay and
# rate, so that Keras's graph differs from Keras's eager steps.
EXACT = {
    "eager": {"momentum": 0.9, "nesterov": True, "weight_decay": 0.01},
    "graph": {"momentum": 0.9, "nesterov": True},
}


@pytest.mark.parametrize("mode", EXACT)
def test_without_a_norm_and_without_xla_results_equal_keras_bit_for_bit(mode):
    models = [
        network(SGD(0.01, **EXACT[mode], fused=True), MODES[mode]),
        network(keras.optimizers.SGD(0.01, **EXACT[mode]), MODES[mode]),
    ]
    for model in models:
        model.fit(*data(), epochs=5, verbose=0)
    assert all(map(np.array_equal, *(model.get_weights() for model in models)))


WORDS = np.array([[1, 2, 2, 0], [5, 1, 1, 1], [3, 3, 2, 4]], "int32")
LABELS = np.array([0, 2, 1])


def of_words(optimizer, mode):
    """Train an embedding table, whose sparse gradient has repeated rows."""
    keras.utils.set_random_seed(0)
    layers = [keras.layers.Input((4,), dtype="int32"), keras.layers.Embedding(9, 8)]
    layers += [keras.layers.GlobalAveragePooling1D(), keras.layers.Dense(3)]
    model = keras.Sequential(layers)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optimizer, loss, **mode)
    built(model).fit(WORDS, LABELS, batch_size=2, epochs=5, shuffle=False, verbose=0)
    return model


DENSE = {
    "plain": {},
    "nesterov": {"nesterov": True},
    "decay and average": {"weight_decay": 0.01, "use_ema": True},
    "accumulation": {"gradient_accumulation_steps": 2},
}


# The first tier has each option, and persistent gradients in every second case.
LASTING = [
    pytest.param(
        options,
        lasts,
        id=f"{lasts}-{name}",
        marks=[pytest.mark.slow] * ((place % 2 == 0) != (lasts == 0)),
    )
    for place, (name, options) in enumerate(DENSE.items())
    for lasts in (0, 10**9)
]


@pytest.mark.parametrize(("options", "bytes_that_last"), LASTING)
def test_under_xla_a_sparse_gradient_goes_to_the_kernel(
    options, bytes_that_last, monkeypatch
):
    monkeypatch.setattr("kerasched.kernels.scratch.MIN_BYTES", bytes_that_last)
    given = {"learning_rate": 0.1, "momentum": 0.9, **options}
    ours = of_words(SGD(**given, fused=True), MODES["xla"])
    theirs = of_words(keras.optimizers.SGD(**given), MODES["xla"])
    assert ours.optimizer._step_cache.path == ("kernel", "")
    assert len(gradient_variables(ours.optimizer)) == (0 if bytes_that_last else 3)
    pairs = zip(ours.weights, theirs.weights, strict=True)
    # Ten steps in float32; XLA fuses products and sums, the kernel does not.
    assert all(np.allclose(a, b, atol=2e-6) for a, b in pairs)


def test_outside_of_xla_keras_applies_a_sparse_gradient():
    ours = of_words(SGD(0.1, momentum=0.9), MODES["graph"])
    theirs = of_words(keras.optimizers.SGD(0.1, momentum=0.9), MODES["graph"])
    assert ours.optimizer._step_cache.path == ("keras", "a gradient is sparse")
    assert all(map(np.array_equal, ours.get_weights(), theirs.get_weights()))


# Keras updates only the rows of the gradient, or clips repeated rows before their sum.
ROWS = {
    "no momentum": {},
    "clipvalue": {"momentum": 0.9, "clipvalue": 0.01},
    "clipnorm": {"momentum": 0.9, "clipnorm": 0.1},
    "global_clipnorm": {"momentum": 0.9, "global_clipnorm": 0.1},
}
FIRST_ROWS = {"no momentum", "global_clipnorm"}


@pytest.mark.parametrize(
    "options",
    sampled({name: (row,) for name, row in ROWS.items()}, FIRST_ROWS),
)
def test_keras_applies_a_sparse_gradient_that_it_does_not_densify(options):
    ours = of_words(SGD(0.1, **options), MODES["xla"])
    theirs = of_words(keras.optimizers.SGD(0.1, **options), MODES["xla"])
    assert ours.optimizer._step_cache.path == ("keras", "a gradient is sparse")
    assert all(map(np.array_equal, ours.get_weights(), theirs.get_weights()))


# The rows 1, 3 and 1 of a gradient are (3, 4), (6, 8) and (3, 4). Keras takes the norm
# before it adds the repeated row, which is the square root of 25 + 100 + 25. After the
# sum it would be the root of 200. Keras also clips values before it adds row 1.
CLIPPED = {
    "clipnorm": [[6.0 * 5 / 150**0.5, 8.0 * 5 / 150**0.5]] * 2,
    "global_clipnorm": [[6.0 * 5 / 150**0.5, 8.0 * 5 / 150**0.5]] * 2,
    "clipvalue": [[6.0, 8.0], [5.0, 5.0]],
}


@pytest.mark.parametrize("clip", CLIPPED)
@pytest.mark.parametrize("momentum", [0.0, 0.9])
@pytest.mark.parametrize("xla", [None, False, True], ids=["eager", "graph", "xla"])
def test_a_sparse_gradient_is_clipped_row_by_row_as_by_keras(clip, momentum, xla):
    import tensorflow as tf

    found = []
    for cls in (SGD, keras.optimizers.SGD):
        weight = keras.Variable(np.zeros((5, 2), "float32"))
        optimizer = cls(1.0, momentum=momentum, **{clip: 5.0})
        optimizer.build([weight])
        numbers = tf.constant([[3.0, 4.0], [6.0, 8.0], [3.0, 4.0]])
        gradient = tf.IndexedSlices(numbers, tf.constant([1, 3, 1]), (5, 2))
        step = lambda: optimizer.apply([gradient], [weight])  # noqa: B023, E731
        (step if xla is None else tf.function(step, jit_compile=xla))()
        found.append(weight.numpy())
    np.testing.assert_array_equal(*found)
    np.testing.assert_allclose(-found[0][[1, 3]], CLIPPED[clip], rtol=1e-6)


def copies_of_weights(optimizer):
    """Return the number of copies of weight-shaped arrays in a step under XLA."""
    import tensorflow as tf

    weights = [keras.Variable(np.ones((n, 33), "float32")) for n in range(50, 58)]
    optimizer.build(weights)

    @tf.function(jit_compile=True)
    def step(x):
        with tf.GradientTape() as tape:
            products = [tf.matmul(x, w.value, transpose_b=True) for w in weights]
            loss = tf.add_n([tf.reduce_sum(tf.square(p)) for p in products])
        gradients = tape.gradient(loss, [w.value for w in weights])
        optimizer.apply(gradients, weights)

    ir = step.experimental_get_compiler_ir(tf.ones((4, 33)))
    return len(re.findall(r"= f32\[5\d,33\]\S* copy\(", ir(stage="optimized_hlo")))


@pytest.mark.parametrize("options", [{}, {"momentum": 0.9}, {"cls": "AdamW"}], ids=str)
def test_under_xla_accumulation_copies_no_array(options):
    options = {**options, "gradient_accumulation_steps": 4}
    assert copies_of_weights(optimizer_of(kerasched, options)) == 0
    # The step has arrays of that shape: a sum for each weight and a slot.
    of_keras = copies_of_weights(optimizer_of(keras.optimizers, options))
    assert of_keras >= 8


def test_a_model_that_ran_the_kernel_can_be_exported(tmp_path):
    import tensorflow as tf

    model = network(SGD(0.01, momentum=0.9, fused=True), MODES["xla"])
    model.fit(*data(), verbose=0)
    model.export(tmp_path / "exported", verbose=False)
    loaded = tf.saved_model.load(str(tmp_path / "exported"))
    served = loaded.serve(data()[0])
    assert np.allclose(served, model.predict(data()[0], verbose=0), atol=1e-5)


def test_the_first_step_may_be_in_a_second_trace():
    code = """
import json, keras, numpy as np, tensorflow as tf
import kerasched
from kerasched import SGD
weight = keras.Variable(np.ones((2, 3), "float32"))
optimizer = SGD(0.5, fused=True)
optimizer.build([weight])

@tf.function
def step(gradient, trains):
    if trains:
        optimizer.apply([gradient])

step(tf.ones((2, 3)), False)
step(tf.ones((2, 3)), True)
print(json.dumps(weight.numpy().tolist()))
"""
    assert run_json(code) == [[0.5] * 3] * 2


def test_a_gradient_from_outside_of_the_function_is_accepted(small_threshold):
    import tensorflow as tf

    weight = keras.Variable(np.ones((2, 3), "float32"))
    optimizer = SGD(0.5, fused=True)
    optimizer.build([weight])
    gradient = tf.ones((2, 3))
    tf.function(lambda: optimizer.apply([gradient], [weight]), jit_compile=True)()
    assert weight.numpy().tolist() == [[0.5] * 3] * 2


def test_a_strategy_with_one_device_uses_the_kernel():
    import tensorflow as tf

    with tf.distribute.MirroredStrategy(["CPU:0"]).scope():
        model = network(SGD(0.01, momentum=0.9, fused=True), MODES["graph"])
        model.fit(*data(), verbose=0)
    alone = network(SGD(0.01, momentum=0.9, fused=True), MODES["graph"])
    alone.fit(*data(), verbose=0)
    assert model.optimizer._step_cache.path == ("kernel", "")
    assert all(map(np.array_equal, model.get_weights(), alone.get_weights()))


def test_a_refusal_by_tensorflow_is_a_warning_not_an_error(monkeypatch):
    from kerasched.kernels import tensorflow as kernel
    from kerasched.kernels import tensorflow_program

    monkeypatch.setattr(tensorflow_program, "CALL_VERSION", 1)
    kernel.unavailable.cache_clear()
    dispatch._warn.cache_clear()
    model = network(SGD(0.01, momentum=0.9), MODES["graph"])
    with pytest.warns(RuntimeWarning, match="TensorFlow refused it") as warned:
        model.fit(*data(), batch_size=4, verbose=0)
    monkeypatch.undo()
    kernel.unavailable.cache_clear()
    assert len([w for w in warned if w.category is RuntimeWarning]) == 1
    assert model.optimizer._step_cache.path[0] == "keras"
