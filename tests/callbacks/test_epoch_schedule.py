"""EpochSchedule sets a numeric rate by epoch or by batch, from any initial epoch."""

import re

import keras
import numpy as np
import pytest
from one_weight import JIT
from one_weight import OneWeight
from one_weight import Rates
from one_weight import compiled
from one_weight import fit
from one_weight import fitted
from one_weight import next_update
from one_weight import output
from one_weight import sgd
from support import BACKEND

from kerasched import LinearDecay
from kerasched import MultiStepDecay
from kerasched.callbacks import EpochSchedule
from kerasched.callbacks import ReduceOnPlateau
from kerasched.callbacks import epoch_schedule

BY_EPOCH = MultiStepDecay(0.5, (1, 3), 0.5)


def rates_of(callback, steps=2, epochs=4, optimizer=None, **options):
    rates = Rates()
    model = compiled(optimizer or sgd(9.0))
    fit(model, steps, epochs=epochs, callbacks=[callback, rates], **options)
    return rates.taken


def test_each_epoch_has_its_rate():
    expected = np.repeat([0.5, 0.25, 0.25, 0.125], 2)
    np.testing.assert_allclose(rates_of(EpochSchedule(BY_EPOCH)), expected)


def test_a_run_that_begins_later_has_the_rates_of_its_epochs():
    taken = rates_of(EpochSchedule(BY_EPOCH), initial_epoch=2)
    np.testing.assert_allclose(taken, [0.25, 0.25, 0.125, 0.125])


def test_a_restart_has_the_rates_of_its_epochs(tmp_path):
    model = compiled(sgd(9.0))
    fit(model, 2, epochs=3, callbacks=[EpochSchedule(BY_EPOCH)])
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    rates = Rates()
    callbacks = [EpochSchedule(BY_EPOCH), rates]
    fit(loaded, 2, epochs=4, initial_epoch=3, callbacks=callbacks)
    np.testing.assert_allclose(rates.taken, [0.125, 0.125])


def test_each_batch_has_its_rate():
    # The rate is 1 - step / 8, with two steps per epoch.
    taken = rates_of(EpochSchedule(LinearDecay(1.0, 8), 2), initial_epoch=1, epochs=3)
    np.testing.assert_allclose(taken, [0.75, 0.625, 0.5, 0.375], rtol=1e-6)


def test_an_epoch_of_another_length_is_stretched():
    # An epoch has four steps of the schedule and two batches: steps 0, 2, 4 and 6.
    taken = rates_of(EpochSchedule(LinearDecay(1.0, 8), 4), epochs=2)
    np.testing.assert_allclose(taken, [1.0, 0.75, 0.5, 0.25], rtol=1e-6)


def test_every_step_of_an_epoch_is_reached_exactly():
    for steps in (3, 7, 49, 391):
        callback = EpochSchedule(LinearDecay(1.0, 10 * steps), steps)
        rates = [callback.rate_at(2, batch, steps) for batch in range(steps)]
        expected = LinearDecay(1.0, 10 * steps).evaluate(2 * steps + np.arange(steps))
        np.testing.assert_array_equal(rates, expected)


@pytest.mark.parametrize("known", [True, False])
def test_rates_computed_ahead_belong_to_the_right_batches(known, monkeypatch):
    monkeypatch.setattr(epoch_schedule, "BLOCK", 3)
    callback, one = EpochSchedule(LinearDecay(1.0, 32), 8), np.ones((1, 1), "float32")
    model, rates = compiled(sgd(9.0)), Rates()

    def batches():
        for _ in range(100):
            yield one, one

    if known:
        fit(model, 8, epochs=2, callbacks=[rates, callback])
    else:
        model.fit(batches(), verbose=0, epochs=1, callbacks=[rates, callback])
    expected = LinearDecay(1.0, 32).evaluate(np.arange(len(rates.taken)))
    np.testing.assert_allclose(rates.taken, expected, rtol=1e-5, atol=1e-6)
    assert len(rates.taken) == (16 if known else 100)


def test_each_of_several_optimizers_has_the_rate_of_the_batch():
    turn = iter([sgd(9.0), sgd(8.0)])
    model = compiled(keras.optimizers.MultiOptimizer(lambda v: next(turn)), layers=2)
    fit(model, 4, callbacks=[EpochSchedule(LinearDecay(1.0, 8), 4)])
    taken = 1 + 7 / 8 + 6 / 8 + 5 / 8
    np.testing.assert_allclose(model.get_weights(), [-taken, -taken], rtol=1e-6)


def test_a_function_is_given_the_epoch_or_its_fraction():
    taken = rates_of(EpochSchedule(lambda epoch: 0.5 / (1 + epoch)), epochs=2)
    np.testing.assert_allclose(taken, [0.5, 0.5, 0.25, 0.25])
    taken = rates_of(EpochSchedule(lambda epoch: 0.25 * (1 + epoch), 2), epochs=2)
    np.testing.assert_allclose(taken, [0.25, 0.375, 0.5, 0.625])


def test_a_schedule_of_keras_can_be_used():
    theirs = keras.optimizers.schedules.PiecewiseConstantDecay(
        [0, 2], [0.5, 0.25, 0.125]
    )
    taken = rates_of(EpochSchedule(theirs), steps=1)
    np.testing.assert_allclose(taken, [0.5, 0.25, 0.25, 0.125])


def test_wrapped_optimizers_are_set():
    scaled = keras.optimizers.LossScaleOptimizer(sgd(9.0), 1.0)
    taken = rates_of(EpochSchedule(BY_EPOCH), steps=1, optimizer=scaled)
    np.testing.assert_allclose(taken, [0.5, 0.25, 0.25, 0.125])
    turn = iter([sgd(9.0), sgd(8.0)])
    model = compiled(keras.optimizers.MultiOptimizer(lambda v: next(turn)), layers=2)
    fit(model, 1, epochs=2, callbacks=[EpochSchedule(BY_EPOCH)])
    np.testing.assert_allclose(next_update(model), [0.25, 0.25])


def test_nothing_is_recompiled():
    model = fitted(sgd(9.0))
    step = model.train_function
    fit(model, 2, epochs=4, callbacks=[EpochSchedule(BY_EPOCH)])
    assert model.train_function is step


def test_an_optimizer_with_a_schedule_is_refused_before_the_first_epoch():
    model = compiled(sgd(LinearDecay(1.0, 8), name="plain"))
    text = (
        "EpochSchedule needs an optimizer whose learning rate is a number; that of "
        "'plain' is a schedule or a function. Leave this callback out and give the "
        "schedule to the optimizer: PerEpoch(schedule, steps_per_epoch), or for a "
        "smooth curve the class's from_epochs."
    )
    with pytest.raises(ValueError, match=f"^{re.escape(text)}$"):
        fit(model, 1, callbacks=[EpochSchedule(BY_EPOCH)])
    assert int(model.optimizer.iterations) == 0


@pytest.mark.skipif(
    BACKEND != "tensorflow", reason="on other backends fit creates the weights"
)
@pytest.mark.parametrize("rate", [9.0, LinearDecay(1.0, 8)])
@pytest.mark.parametrize("steps_per_epoch", [None, 2])
def test_a_multi_optimizer_without_weights_is_refused(rate, steps_per_epoch):
    model = keras.Sequential([OneWeight()])
    model.compile(keras.optimizers.MultiOptimizer(lambda v: sgd(rate)), output)
    text = (
        "Argument `model` of EpochSchedule must be one with weights, without which a "
        "MultiOptimizer has no optimizers. Received: model=<Sequential .*>. Call it "
        "on data or give it an Input before fit"
    )
    with pytest.raises(ValueError, match=f"^{text}$"):
        fit(model, 1, callbacks=[EpochSchedule(BY_EPOCH, steps_per_epoch)])
    assert int(model.optimizer.iterations) == 0


def test_a_model_without_weights_has_the_rate_under_one_optimizer():
    model = keras.Sequential([OneWeight()])
    model.compile(sgd(9.0), output, jit_compile=JIT)
    fit(model, 2, callbacks=[EpochSchedule(BY_EPOCH)])
    np.testing.assert_allclose(model.get_weights(), -1.0)


@pytest.mark.parametrize(
    "plateau", [ReduceOnPlateau("loss"), keras.callbacks.ReduceLROnPlateau("loss")]
)
@pytest.mark.parametrize("order", [1, -1])
def test_a_plateau_beside_it_is_refused_in_any_order(plateau, order):
    # EpochSchedule sets the rate in each epoch, which would undo the reductions.
    callbacks = [EpochSchedule(BY_EPOCH), plateau][::order]
    with pytest.raises(ValueError, match="cannot be used with Reduce"):
        fit(compiled(sgd(9.0)), 1, callbacks=callbacks)


@pytest.mark.parametrize(
    ("kind", "arguments", "text"),
    [
        (TypeError, (0.1,), "Argument `schedule` of EpochSchedule must be a learning-"),
        (ValueError, (BY_EPOCH, 0), "Argument `steps_per_epoch` of EpochSchedule must"),
        (TypeError, (BY_EPOCH, 1.5), "Argument `steps_per_epoch` of EpochSchedule mus"),
    ],
)
def test_an_invalid_argument_raises(kind, arguments, text):
    with pytest.raises(kind, match=re.escape(text)):
        EpochSchedule(*arguments)


def test_a_rate_out_of_range_raises():
    with pytest.raises(ValueError, match="must be a non-negative finite number"):
        fit(compiled(sgd(9.0)), 1, callbacks=[EpochSchedule(lambda epoch: -1.0)])
