"""Keras's optimizers train with every schedule at the rate that `evaluate` returns.

The tests measure the rate with a model of one weight whose gradient is always 1. The
weight is set to 0 before each update, so its value afterwards is the update. Dividing
by the update of the same optimizer at a constant rate of 1 gives the rate.
"""

import keras
import numpy as np
import pytest
from support import BACKEND
from support import EXAMPLES
from support import SCHEDULES

from kerasched import Warmup

STEPS = [0, 1, 2, 99, 100, 250, 499, 500, 999, 1000, 1001, 2**24 + 1]
OPTIMIZERS = {
    "SGD": lambda rate: keras.optimizers.SGD(rate),
    "Adam": lambda rate: keras.optimizers.Adam(rate),
    "AdamW": lambda rate: keras.optimizers.AdamW(rate, weight_decay=0.0),
    "Lion": lambda rate: keras.optimizers.Lion(rate),
}
JIT = [True, False] if BACKEND == "tensorflow" else ["auto"]


class OneWeight(keras.layers.Layer):
    def build(self, input_shape):
        self.w = self.add_weight(shape=(), initializer="zeros", name="w")

    def call(self, inputs):
        return inputs * self.w


def trainer(optimizers, jit_compile):
    """Return a model with one weight for each optimizer, and the weights' layers."""
    layers = [OneWeight(name=f"of_{n}") for n in range(len(optimizers))]
    inputs = keras.layers.Input((1,))
    model = keras.Model(inputs, [layer(inputs) for layer in layers])

    def of(variable):
        return optimizers[int(variable.path.split("/")[0].removeprefix("of_"))]

    model.compile(
        keras.optimizers.MultiOptimizer(of),
        loss=[lambda y_true, y_pred: keras.ops.mean(y_pred, axis=-1)] * len(layers),
        jit_compile=jit_compile,
    )
    model.optimizer.build(model.trainable_variables)
    return model, layers


# Each schedule trains two of four optimizers with `jit_compile` and the other two
# without it.
PAIRS = [("SGD", "Lion"), ("Adam", "AdamW"), ("SGD", "AdamW"), ("Adam", "Lion")]
OTHERS = dict(zip(PAIRS, [PAIRS[1], PAIRS[0], PAIRS[3], PAIRS[2]], strict=True))


def kinds_of(name, jit_compile):
    """Return the optimizers that train with a schedule."""
    turn = list(EXAMPLES).index(name)
    pair = PAIRS[turn % len(PAIRS)]
    if not jit_compile:
        return OTHERS[pair]
    # XLA compiles slowly in TensorFlow, so only one of the two trains with it.
    return pair[turn // 4 % 2 :][:1] if BACKEND == "tensorflow" else pair


def updates(pairs, jit_compile, steps=STEPS):
    """Return what optimizers subtract from a weight with gradient 1 at each step.

    Args:
        pairs: the kind and the rate of each optimizer, by name. One model trains all of
            them, because compiling takes most of the time.
    """
    optimizers = [OPTIMIZERS[kind](rate) for kind, rate in pairs.values()]
    model, layers = trainer(optimizers, jit_compile)
    one, taken = np.ones((1, 1), "float32"), []
    for step in steps:
        for layer, optimizer in zip(layers, optimizers, strict=True):
            layer.w.assign(0.0)
            optimizer.iterations.assign(step)
        model.train_on_batch(one, [one] * len(layers))
        taken.append([-float(keras.ops.convert_to_numpy(x.w.value)) for x in layers])
        assert {int(optimizer.iterations) for optimizer in optimizers} == {step + 1}
    return dict(zip(pairs, np.array(taken).T, strict=True))


@pytest.fixture(scope="module")
def taken():
    """The updates with each schedule, and each optimizer's at a constant rate of 1."""
    found = {}
    for jit in JIT:
        pairs = {(1, kind): (kind, 1.0) for kind in OPTIMIZERS}
        for name, schedule in EXAMPLES.items():
            pairs |= {(name, k): (k, schedule) for k in kinds_of(name, jit)}
        found[jit] = updates(pairs, jit)
    return found


@pytest.mark.parametrize("jit_compile", JIT)
@pytest.mark.parametrize("name", EXAMPLES)
def test_the_rate_of_each_update_is_what_evaluate_gives(name, jit_compile, taken):
    expected = EXAMPLES[name].evaluate(STEPS)
    for kind in kinds_of(name, jit_compile):
        rates = taken[jit_compile][name, kind] / taken[jit_compile][1, kind]
        # The schedule's own tolerance of 2e-6 and some float32 roundings of the update.
        np.testing.assert_allclose(rates, expected, 5e-6, 1e-9, err_msg=kind)


def test_sgd_and_lion_subtract_a_rate_of_1(taken):
    for jit in JIT:
        np.testing.assert_array_equal(taken[jit][1, "SGD"], 1.0)
        np.testing.assert_array_equal(taken[jit][1, "Lion"], 1.0)


@pytest.mark.parametrize("name", ["nested", "cosine wholly", "warmup exponential"])
def test_the_learning_rate_of_the_optimizer_is_that_of_its_next_update(name):
    optimizer = keras.optimizers.SGD(SCHEDULES[name])
    for step in (0, 7, 30):
        optimizer.iterations.assign(step)
        expected = SCHEDULES[name].evaluate(step)
        assert float(optimizer.learning_rate) == pytest.approx(expected, rel=3e-6)


def test_a_nested_schedule_of_keras_trains_at_its_rate():
    theirs = keras.optimizers.schedules.CosineDecay(
        0.0, 90, warmup_target=0.1, warmup_steps=10
    )
    schedule = Warmup(theirs, 10, 0.01, "constant")
    steps = [0, 9, 10, 15, 20, 60, 110]
    taken = updates({"built-in": ("SGD", schedule)}, JIT[0], steps)["built-in"]
    np.testing.assert_allclose(taken[:2], 0.01, rtol=1e-6)
    expected = [float(theirs(step - 10)) for step in steps[2:]]
    np.testing.assert_allclose(taken[2:], expected, rtol=1e-6)


@pytest.mark.skipif(
    BACKEND == "torch", reason="Keras does not support steps_per_execution on torch"
)
def test_each_update_counts_with_several_steps_per_execution():
    schedule = EXAMPLES["step"].shift(197)  # It halves at the fourth update.
    layer = OneWeight()
    model = keras.Sequential([keras.layers.Input((1,)), layer])
    model.compile(
        keras.optimizers.SGD(schedule),
        loss=lambda y_true, y_pred: keras.ops.mean(y_pred, axis=-1),
        steps_per_execution=4,
    )
    ones = np.ones((4, 1), "float32")
    model.fit(ones, ones, batch_size=1, verbose=0)
    taken = -float(keras.ops.convert_to_numpy(layer.w.value))
    assert taken == pytest.approx(3 * 0.1 + 0.05, rel=1e-6)
