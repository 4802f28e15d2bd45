"""Keras's optimizers train under every schedule, at the rate that `evaluate` gives.

The rate is read off a model of one weight whose gradient is always 1: the weight is
set to 0 before each update, so that what it holds afterwards is the update. That of
the same optimizer at a constant rate of 1 is what a rate multiplies.
"""

import keras
import numpy as np
import pytest
from support import BACKEND
from support import EXAMPLES
from support import SCHEDULES

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
        self.w = self.add_weight(shape=(), initializer="zeros")

    def call(self, inputs):
        return inputs * self.w


def updates(optimizer, jit_compile, steps=STEPS):
    """Return what an optimizer takes off a weight of gradient 1 at each step."""
    layer = OneWeight()
    model = keras.Sequential([keras.layers.Input((1,)), layer])
    model.compile(
        optimizer,
        loss=lambda y_true, y_pred: keras.ops.mean(y_pred, axis=-1),
        jit_compile=jit_compile,
    )
    optimizer.build(model.trainable_variables)
    one, taken = np.ones((1, 1), "float32"), []
    for step in steps:
        layer.w.assign(0.0)
        model.optimizer.iterations.assign(step)
        model.train_on_batch(one, one)
        taken.append(-float(keras.ops.convert_to_numpy(layer.w.value)))
    return np.array(taken)


@pytest.fixture(scope="module")
def at_rate_1():
    """The updates of each optimizer at a constant rate of 1."""
    return {
        (name, jit): updates(make(1.0), jit)
        for name, make in OPTIMIZERS.items()
        for jit in JIT
    }


@pytest.mark.parametrize("jit_compile", JIT)
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("name", EXAMPLES)
def test_the_rate_of_each_update_is_what_evaluate_gives(
    name, optimizer, jit_compile, at_rate_1
):
    schedule = EXAMPLES[name]
    taken = updates(OPTIMIZERS[optimizer](schedule), jit_compile)
    rates = taken / at_rate_1[optimizer, jit_compile]
    expected = schedule.evaluate(STEPS)
    # The schedule's own tolerance, 2e-6, and a few float32 roundings of the update.
    np.testing.assert_allclose(rates, expected, rtol=5e-6, atol=1e-9)


def test_a_rate_of_1_is_taken_off_by_sgd_and_lion(at_rate_1):
    for jit in JIT:
        np.testing.assert_array_equal(at_rate_1["SGD", jit], 1.0)
        np.testing.assert_array_equal(at_rate_1["Lion", jit], 1.0)


@pytest.mark.parametrize("name", ["nested", "cosine wholly", "warmup exponential"])
def test_the_optimizer_tells_the_rate_of_its_next_update(name):
    optimizer = keras.optimizers.SGD(SCHEDULES[name])
    for step in (0, 7, 30):
        optimizer.iterations.assign(step)
        expected = SCHEDULES[name].evaluate(step)
        assert float(optimizer.learning_rate) == pytest.approx(expected, rel=3e-6)


def test_a_built_in_inside_trains_at_its_rate():
    theirs = keras.optimizers.schedules.CosineDecay(
        0.0, 90, warmup_target=0.1, warmup_steps=10
    )
    from kerasched import Warmup

    schedule = Warmup(theirs, 10, 0.01, "constant")
    steps = [0, 9, 10, 15, 20, 60, 110]
    taken = updates(keras.optimizers.SGD(schedule), JIT[0], steps)
    np.testing.assert_allclose(taken[:2], 0.01, rtol=1e-6)
    expected = [float(theirs(step - 10)) for step in steps[2:]]
    np.testing.assert_allclose(taken[2:], expected, rtol=1e-6)


def test_accumulated_steps_of_one_execution_count_each_update():
    if BACKEND == "torch":
        pytest.skip("Keras refuses steps_per_execution above 1 on torch")
    schedule = EXAMPLES["step"].shift(197)  # Halved at the third update from here.
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
