"""set_schedule changes the rate of a compiled model, and the change is saved.

Each update subtracts the rate from the weight: see one_weight.
"""

import re

import keras
import numpy as np
import pytest
from one_weight import JIT
from one_weight import OneWeight
from one_weight import compiled
from one_weight import fit
from one_weight import fitted
from one_weight import next_update
from one_weight import output
from one_weight import sgd
from support import BACKEND

import kerasched
from kerasched import Constant
from kerasched import LinearDecay
from kerasched import Scale
from kerasched import StepDecay
from kerasched import set_schedule

CHANGES = {
    "number to number": (0.5, 0.25, 0.25),
    "number to schedule": (0.5, LinearDecay(1.0, 4), 0.5),
    "schedule to schedule": (StepDecay(0.5, 100), LinearDecay(1.0, 4), 0.5),
    "schedule to number": (StepDecay(0.5, 100), 0.25, 0.25),
    "function to number": (lambda: 0.5, 0.25, 0.25),
    "number to integer": (0.5, 1, 1.0),
}
WRAPPERS = {
    "plain": lambda optimizer: optimizer,
    # The scale is always 1, so the gradients do not change.
    "loss scale": lambda optimizer: keras.optimizers.LossScaleOptimizer(optimizer, 1.0),
    "multi": lambda optimizer: keras.optimizers.MultiOptimizer(lambda v: optimizer),
}


@pytest.mark.parametrize("wrapper", WRAPPERS)
@pytest.mark.parametrize("change", CHANGES)
def test_the_next_update_has_the_new_rate(change, wrapper):
    before, after, rate = CHANGES[change]
    model = fitted(WRAPPERS[wrapper](sgd(before)))
    np.testing.assert_allclose(model.get_weights(), -1.0)
    set_schedule(model, after)  # The next step is 2, where LinearDecay(1, 4) is 0.5.
    np.testing.assert_allclose(next_update(model), rate, rtol=1e-6)


@pytest.mark.skipif(BACKEND != "tensorflow", reason="only TensorFlow has two compilers")
def test_the_next_update_has_the_new_rate_under_xla():
    model = compiled(sgd(StepDecay(0.5, 100)))
    model.compile(model.optimizer, output, jit_compile=True)
    fit(model, 2)
    set_schedule(model, Constant(0.25))
    np.testing.assert_allclose(next_update(model), 0.25)


def test_the_step_count_and_the_momentum_are_kept():
    pair = [fitted(keras.optimizers.SGD(0.5, momentum=0.5)) for _ in range(2)]
    set_schedule(pair[0], Constant(0.5))
    set_schedule(pair[1], 0.5)
    for model in pair:
        # With a rate and a momentum of 0.5 the velocities are 0.5, 0.75 and 0.875.
        np.testing.assert_allclose(next_update(model), 0.875, rtol=1e-6)
        assert int(model.optimizer.iterations) == 3


def test_adamw_continues_as_if_it_had_always_had_the_schedule():
    # Replacing a schedule by an equal one only recompiles the step.
    schedule = LinearDecay(0.5, 10)
    pair = [fitted(keras.optimizers.AdamW(schedule)) for _ in range(2)]
    set_schedule(pair[1], LinearDecay(0.5, 10))
    updates = [[next_update(model) for _ in range(3)] for model in pair]
    np.testing.assert_array_equal(updates[0], updates[1])


def test_it_takes_effect_from_a_callback_in_the_middle_of_an_epoch():
    model = fitted(sgd(0.5))

    class Change(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            if batch == 1:
                set_schedule(self.model, Constant(0.125))

    data = np.ones((4, 1), "float32")
    model.fit(data, data, batch_size=1, verbose=0, callbacks=[Change()])
    np.testing.assert_allclose(model.get_weights(), -(4 * 0.5 + 2 * 0.125))


@pytest.mark.parametrize("hook", ["on_train_batch_begin", "on_train_batch_end"])
@pytest.mark.parametrize("before", [0.5, StepDecay(0.5, 100)])
@pytest.mark.parametrize("after", [0.125, Constant(0.125)])
def test_it_takes_effect_from_a_callback_on_the_captured_model(before, after, hook):
    # On JAX, between two batches, the state is not in the variables.
    model = fitted(sgd(before))

    def change(batch, logs=None):
        if batch == (2 if hook == "on_train_batch_begin" else 1):
            set_schedule(model, after)

    callback = keras.callbacks.LambdaCallback(**{hook: change})
    data = np.ones((4, 1), "float32")
    model.fit(data, data, batch_size=1, verbose=0, callbacks=[callback])
    np.testing.assert_allclose(model.get_weights(), -(4 * 0.5 + 2 * 0.125))
    assert int(model.optimizer.iterations) == 6
    np.testing.assert_allclose(next_update(model), 0.125)


def test_a_number_for_a_number_compiles_nothing():
    model = fitted(sgd(0.5))
    step = model.train_function
    set_schedule(model, 0.25)
    assert model.train_function is step
    set_schedule(model, Constant(0.25))
    assert model.train_function is not step


def test_each_optimizer_is_given_its_own_rate():
    optimizers = [sgd(0.5), sgd(StepDecay(0.5, 100))]
    turn = iter(optimizers)
    model = fitted(keras.optimizers.MultiOptimizer(lambda v: next(turn)), layers=2)
    set_schedule(model, [Constant(0.25), 0.125])
    np.testing.assert_allclose(next_update(model), [0.25, 0.125])


def test_it_works_before_the_first_fit():
    optimizer = sgd(0.5)
    model = compiled(keras.optimizers.MultiOptimizer(lambda v: optimizer))
    set_schedule(model, Constant(0.25))
    np.testing.assert_allclose(next_update(model), 0.25)


@pytest.mark.parametrize(
    "optimizer",
    [
        lambda: keras.optimizers.SGD(0.5, momentum=0.9),
        lambda: keras.optimizers.AdamW(0.5),
        lambda: keras.optimizers.LossScaleOptimizer(keras.optimizers.AdamW(0.5), 1.0),
    ],
    ids=["sgd", "adamw", "loss scale"],
)
@pytest.mark.parametrize("rate", [Scale(LinearDecay(0.5, 10), 0.5), 0.25])
def test_a_saved_model_has_the_new_rate_and_the_old_state(optimizer, rate, tmp_path):
    model = fitted(optimizer())
    set_schedule(model, rate)
    next_update(model)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert int(loaded.optimizer.iterations) == 3
    for _ in range(3):
        np.testing.assert_array_equal(next_update(loaded), next_update(model))


def test_layerwise_rates_are_kept_in_proportion_by_a_list(tmp_path):
    layers = [OneWeight() for _ in range(3)]
    model = keras.Sequential([keras.layers.Input((1,)), *layers])
    optimizer = kerasched.layerwise(model, 0.5, 0.5, sgd)
    model.compile(optimizer, output, jit_compile=JIT)
    fit(model, 2)
    set_schedule(model, [Scale(LinearDecay(1.0, 4), 0.5**depth) for depth in range(3)])
    np.testing.assert_allclose(next_update(model), [0.125, 0.25, 0.5])
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(next_update(loaded), [0.0625, 0.125, 0.25])


OWNER = "of set_schedule must be"


@pytest.mark.parametrize(
    ("kind", "arguments", "text"),
    [
        (TypeError, {"model": 3}, f"Argument `model` {OWNER} a keras.Model."),
        (
            ValueError,
            {"model": keras.Sequential([OneWeight()])},
            f"Argument `model` {OWNER} a compiled model.",
        ),
        (TypeError, {"schedule": "0.1"}, f"Argument `schedule` {OWNER} a non-neg"),
        (TypeError, {"schedule": True}, f"Argument `schedule` {OWNER} a non-negative"),
        (ValueError, {"schedule": -0.1}, f"Argument `schedule` {OWNER} a non-negative"),
        (
            ValueError,
            {"schedule": [0.1, 0.1]},
            f"Argument `schedule` {OWNER} one for each of the 1 optimizers.",
        ),
    ],
)
def test_an_invalid_argument_raises(kind, arguments, text):
    model = fitted(sgd(0.5))
    with pytest.raises(kind, match=re.escape(text)):
        set_schedule(**{"model": model, "schedule": 0.1, **arguments})
    np.testing.assert_allclose(next_update(model), 0.5)
