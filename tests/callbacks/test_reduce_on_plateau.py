"""ReduceOnPlateau in `fit`, with numbers and schedules as learning rates."""

import json
import re

import keras
import numpy as np
import pytest
from one_weight import Metric
from one_weight import Rates
from one_weight import compiled
from one_weight import fit
from one_weight import next_update
from one_weight import sgd

from kerasched import FromFunction
from kerasched import LinearDecay
from kerasched import Scale
from kerasched import StepDecay
from kerasched import load_training_state
from kerasched import set_schedule
from kerasched.callbacks import ReduceOnPlateau
from kerasched.callbacks.best_weights import BestWeights
from kerasched.training.leaves import schedule_of

WRAPPERS = {
    "plain": lambda optimizer: optimizer,
    "loss scale": lambda optimizer: keras.optimizers.LossScaleOptimizer(optimizer, 1.0),
    "multi": lambda optimizer: keras.optimizers.MultiOptimizer(lambda v: optimizer),
}


def plateau(values, **options):
    """Return a callback that logs a metric, and a plateau that monitors the metric."""
    options = {"mode": "min", "factor": 0.5, "patience": 1, **options}
    return [Metric(values), ReduceOnPlateau("metric", **options)]


def rates_in(model, callbacks, epochs, steps=1, **options):
    """Return the rate of each update."""
    rates = Rates()
    callbacks = [*callbacks, rates]
    fit(model, steps, epochs=epochs, callbacks=callbacks, **options)
    return rates.taken


@pytest.mark.parametrize("wrapper", WRAPPERS)
@pytest.mark.parametrize("number", [True, False])
def test_a_flat_metric_halves_the_rate_of_the_updates(number, wrapper):
    rate = 0.5 if number else LinearDecay(1.0, 16)
    model = compiled(WRAPPERS[wrapper](sgd(rate)))
    taken = rates_in(model, plateau([1.0] * 4), epochs=4, steps=2)
    # Only epoch 0 improves, so the rate is halved after epochs 1, 2 and 3.
    scales = np.repeat([1.0, 1.0, 0.5, 0.25], 2)
    base = 0.5 if number else LinearDecay(1.0, 16).evaluate(np.arange(8))
    np.testing.assert_allclose(taken, base * scales, rtol=1e-5)


def test_the_factor_is_one_scale_around_the_schedule_and_is_saved(tmp_path):
    model = compiled(sgd(LinearDecay(1.0, 16)))
    rates_in(model, plateau([1.0] * 3), epochs=3)
    assert schedule_of(model.optimizer) == Scale(LinearDecay(1.0, 16), 0.25)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert schedule_of(loaded.optimizer) == Scale(LinearDecay(1.0, 16), 0.25)
    np.testing.assert_allclose(next_update(loaded), 0.25 * 13 / 16, rtol=1e-6)


def test_the_step_is_recompiled_only_if_a_schedule_changes():
    class Steps(keras.callbacks.Callback):
        def on_train_begin(self, logs=None):
            self.seen = []

        def on_epoch_begin(self, epoch, logs=None):
            self.seen.append(self.model.train_function)

    for rate, expected in ((0.5, 1), (StepDecay(0.5, 99), 2)):
        steps = Steps()
        callbacks = [*plateau([1.0, 0.9, 0.9, 0.8]), steps]
        fit(compiled(sgd(rate)), 1, epochs=4, callbacks=callbacks)
        assert len({id(step) for step in steps.seen}) == expected


def test_each_optimizer_of_several_is_reduced_within_its_own_bounds():
    optimizers = [sgd(0.5), sgd(StepDecay(0.25, 99))]
    turn = iter(optimizers)
    model = compiled(keras.optimizers.MultiOptimizer(lambda v: next(turn)), layers=2)
    rates_in(model, plateau([1.0] * 4, min_lr=0.125), epochs=4)
    np.testing.assert_allclose(next_update(model), [0.125, 0.125])


def test_a_schedule_is_not_reduced_below_the_lowest_rate():
    model = compiled(sgd(LinearDecay(1.0, 4)))
    callbacks = plateau([1.0] * 4, factor=0.1, min_lr=0.3)
    taken = rates_in(model, callbacks, epochs=4)
    # After epoch 1 the scheduled rate is 0.5. It is reduced to the limit of 0.3, which
    # is a scale of 0.6. After epoch 2 the rate of 0.25 * 0.6 is already below the limit
    # and is not reduced.
    np.testing.assert_allclose(taken, [1.0, 0.75, 0.3, 0.15], rtol=1e-5)


def test_a_scale_is_not_reduced_below_its_limit():
    for rate in (0.5, StepDecay(0.5, 99)):
        callbacks = plateau([1.0] * 5, min_scale=0.4)
        taken = rates_in(compiled(sgd(rate)), callbacks, epochs=5)
        np.testing.assert_allclose(taken, [0.5, 0.5, 0.25, 0.2, 0.2], rtol=1e-6)


def test_improvements_increase_the_rate_up_to_its_limit():
    for rate in (0.5, StepDecay(0.5, 99)):
        values = [5.0, 4.0, 3.0, 3.0, 3.0]
        up = {"increase_factor": 2.0, "max_lr": 1.5, "patience": 1}
        taken = rates_in(compiled(sgd(rate)), plateau(values, **up), epochs=5)
        np.testing.assert_allclose(taken, [0.5, 1.0, 1.5, 1.5, 0.75], rtol=1e-6)


def test_reductions_at_the_limit_reset_the_rate():
    for rate in (0.5, StepDecay(0.5, 99)):
        callbacks = plateau([1.0] * 8, min_lr=0.25, reset_after=3)
        taken = rates_in(compiled(sgd(rate)), callbacks, epochs=8)
        # The rate is reduced to the limit after epoch 1 and cannot be after epoch 2.
        # After epoch 3 it is reset, so the value of epoch 4 counts as an improvement.
        expected = [0.5, 0.5, 0.25, 0.25, 0.5, 0.5, 0.25, 0.25]
        np.testing.assert_allclose(taken, expected, rtol=1e-6)


def test_a_small_change_is_not_made():
    for rate in (0.5, StepDecay(0.5, 99)):
        taken = rates_in(compiled(sgd(rate)), plateau([1.0] * 4, eps=0.2), epochs=4)
        np.testing.assert_allclose(taken, [0.5, 0.5, 0.25, 0.25], rtol=1e-6)


def test_epochs_before_start_from_epoch_are_ignored():
    values = [0.0, 0.0, 5.0, 4.0, 3.0]
    callbacks = plateau(values, start_from_epoch=2)
    assert rates_in(compiled(sgd(0.5)), callbacks, epochs=5) == [0.5] * 5
    # The number of the epoch decides.
    callbacks = plateau([0.0] * 6, start_from_epoch=4)
    taken = rates_in(compiled(sgd(0.5)), callbacks, epochs=6, initial_epoch=3)
    assert taken == [0.5, 0.5, 0.5]


class Bad(keras.callbacks.Callback):
    """Sets weights and momentum to bad values after one epoch, as divergence would."""

    def __init__(self, epoch):
        super().__init__()
        self.epoch = epoch

    def on_epoch_end(self, epoch, logs=None):
        if epoch == self.epoch:
            self.model.set_weights([np.array(np.nan)] * len(self.model.get_weights()))
            for variable in self.model.optimizer.variables[-1:]:
                variable.assign(np.nan * np.array(variable))


@pytest.mark.parametrize("rate", [0.5, StepDecay(0.5, 99)])
def test_a_diverged_run_restores_the_best_weights_and_lowers_the_rate(rate):
    model = compiled(sgd(rate, momentum=0.5))
    values = [2.0, 1.0, np.nan, 0.5]
    options = {"on_nan": "reduce", "restore_best_weights": True, "patience": 9}
    fit(model, 1, epochs=2, callbacks=plateau(values, **options))
    best = model.get_weights()
    callbacks = plateau(values, **options)
    model = compiled(sgd(rate, momentum=0.5))
    fit(model, 1, epochs=3, callbacks=[Bad(2), *callbacks])
    np.testing.assert_array_equal(model.get_weights(), best)
    # The velocities until the best epoch are 0.5 and 0.75. With half the rate the next
    # one is 0.25 + 0.375.
    np.testing.assert_allclose(next_update(model), 0.625)
    assert int(model.optimizer.iterations) == 4


def test_the_best_weights_of_another_model_are_refused():
    best, model = BestWeights(), compiled(sgd(0.5))
    best.take(model)
    best.set_arrays({**best.get_arrays(), "weights/1": np.ones(3)})
    before, expected = model.get_weights(), "with 2 weights. Received: a model with 1."
    with pytest.raises(ValueError, match=expected):
        best.restore(model)
    np.testing.assert_array_equal(model.get_weights(), before)


def test_the_best_weights_are_restored_when_the_rate_is_reduced():
    model = compiled(sgd(0.5))
    callbacks = plateau([2.0, 1.0, 3.0, 3.0], patience=2, restore_best_weights=True)
    fit(model, 1, epochs=4, callbacks=callbacks)
    np.testing.assert_allclose(model.get_weights(), -1.0)  # After two updates of 0.5.
    model = compiled(sgd(0.5))
    fit(model, 1, epochs=4, callbacks=plateau([2.0, 1.0, 3.0, 3.0], patience=2))
    np.testing.assert_allclose(model.get_weights(), -2.0)


VALUES = [5.0, 4.0, 4.0, 4.0, 3.0, 3.0, 3.0, 3.0, 3.0, 3.0]
OPTIONS = {"patience": 2, "cooldown": 2, "window": 2, "min_delta": 0.1}


# After epoch 4 the plateau has counted one epoch, and after 8 it has reduced the rate.
STOPS = [4, 8, *(pytest.param(stop, marks=pytest.mark.slow) for stop in (1, 3, 6))]


@pytest.mark.parametrize("stop", STOPS)
@pytest.mark.parametrize("number", [True, False])
def test_a_restart_after_any_epoch_changes_nothing(number, stop, tmp_path):
    def optimizer():
        return sgd(0.5 if number else LinearDecay(1.0, 40), momentum=0.5)

    whole = compiled(optimizer())
    fit(whole, 1, epochs=10, callbacks=plateau(VALUES, **OPTIONS))
    first, (metric, callback) = compiled(optimizer()), plateau(VALUES, **OPTIONS)
    fit(first, 1, epochs=stop, callbacks=[metric, callback])
    first.save_weights(tmp_path / "model.weights.h5")
    state = json.dumps(callback.get_state(), allow_nan=False)

    second, (metric, callback) = compiled(optimizer()), plateau(VALUES, **OPTIONS)
    load_training_state(second, tmp_path / "model.weights.h5")
    callback.set_state(json.loads(state))
    options = {"epochs": 10, "initial_epoch": stop, "callbacks": [metric, callback]}
    fit(second, 1, **options)
    np.testing.assert_array_equal(second.get_weights(), whole.get_weights())


def test_a_loaded_model_keeps_its_factor(tmp_path):
    model, (metric, callback) = compiled(sgd(StepDecay(0.5, 99))), plateau([1.0] * 4)
    fit(model, 1, epochs=2, callbacks=[metric, callback])
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    _, other = plateau([])
    other.set_state(callback.get_state())
    assert rates_in(loaded, [Metric([1.0]), other], epochs=1) == [0.25]


def test_a_state_saved_before_the_first_fit_changes_no_rate():
    model, (metric, callback) = compiled(sgd(0.5)), plateau([1.0])
    callback.set_state(plateau([])[1].get_state())
    assert rates_in(model, [metric, callback], epochs=1) == [0.5]


def test_a_state_saved_before_the_first_fit_keeps_a_later_change_of_the_schedule():
    rate = LinearDecay(1.0, 16)
    model, callbacks = compiled(sgd(rate)), plateau([1.0, 1.0])
    callbacks[1].set_state(plateau([])[1].get_state())

    class Changes(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            set_schedule(model, Scale(rate, 0.25))

    fit(model, 1, epochs=2, callbacks=[Changes(), *callbacks])
    assert schedule_of(model.optimizer) == Scale(rate, 0.125)


def test_a_state_of_another_number_of_optimizers_is_refused():
    _, callback = plateau([])
    callback.set_state({**callback.get_state(), "bases": [1.0, 1.0], "levels": [1, 2]})
    text = r"a model whose number of optimizers is 1. Received: state=\[1, 2\]"
    with pytest.raises(ValueError, match=text):
        fit(compiled(sgd(0.5)), 1, callbacks=[Metric([1.0]), callback])


def test_counters_continue_in_the_next_fit_and_restart_for_another_model():
    model, callbacks = compiled(sgd(0.5)), plateau([1.0] * 4, patience=2)
    fit(model, 1, epochs=2, callbacks=callbacks)
    assert callbacks[1].get_state()["wait"] == 1
    fit(model, 1, epochs=3, initial_epoch=2, callbacks=callbacks)
    np.testing.assert_allclose(next_update(model), 0.25)
    fit(compiled(sgd(0.5)), 1, epochs=1, callbacks=callbacks)
    assert callbacks[1].get_state()["wait"] == 0


def test_reset_clears_the_counters():
    model, callbacks = compiled(sgd(0.5)), plateau([1.0] * 4, patience=2)
    fit(model, 1, epochs=2, callbacks=callbacks)
    callbacks[1].reset()
    fit(model, 1, epochs=3, initial_epoch=2, callbacks=callbacks)
    np.testing.assert_allclose(next_update(model), 0.5)


def test_a_change_is_printed_if_verbose(capsys):
    for verbose in (0, 1):
        callbacks = plateau([1.0] * 2, verbose=verbose)
        model = compiled(sgd(StepDecay(0.5, 99), name="plain"))
        fit(model, 1, epochs=2, callbacks=callbacks)
    expected = "Epoch 2: ReduceOnPlateau sets the learning rate of plain to 0.25."
    assert capsys.readouterr().out.strip() == expected


def with_metrics(*metrics, loss="mse"):
    model = keras.Sequential([keras.layers.Input((1,)), keras.layers.Dense(1)])
    model.compile(sgd(0.5), loss, metrics=list(metrics), jit_compile=False)
    return model


def test_the_direction_is_known_from_the_metric():
    auc = keras.metrics.AUC(name="auc")
    model = with_metrics("mean_absolute_error", auc, "binary_accuracy")
    expected = {
        "loss": "min",
        "val_loss": "min",
        "val_mean_absolute_error": "min",
        "auc": "max",
        "val_binary_accuracy": "max",
    }
    callbacks = {monitor: ReduceOnPlateau(monitor) for monitor in expected}
    data = np.array([[0.0], [1.0]], "float32")
    validation = {"validation_data": (data, data), "verbose": 0}
    model.fit(data, data, callbacks=list(callbacks.values()), **validation)
    found = {monitor: callback.rule.mode for monitor, callback in callbacks.items()}
    assert found == expected


def test_a_model_that_is_built_by_its_first_batch_can_be_reduced():
    optimizer = sgd(0.5)
    model = keras.Sequential([keras.layers.Dense(1)])
    several = keras.optimizers.MultiOptimizer(lambda v: optimizer)
    model.compile(several, "mse", jit_compile=False)
    fit(model, 1, epochs=3, callbacks=plateau([1.0] * 3))
    assert float(keras.ops.convert_to_numpy(optimizer.learning_rate)) == 0.125


@pytest.mark.parametrize("first", [True, False])
def test_a_metric_of_another_callback_may_be_missing(first):
    model, metric = compiled(sgd(0.5)), Metric([1.0] * 3)
    callbacks = [metric, ReduceOnPlateau("metric", 0.5, 1, mode="min")]
    if first:
        fit(model, 1, epochs=3, callbacks=callbacks)
        np.testing.assert_allclose(next_update(model), 0.125)
        return
    text = "ReduceOnPlateau finds no 'metric' in the logs of an epoch, but loss. It "
    with pytest.warns(UserWarning, match=re.escape(text)) as caught:
        fit(model, 1, epochs=3, callbacks=callbacks[::-1])
    assert len([one for one in caught if "ReduceOnPlateau" in str(one.message)]) == 1


def test_an_occasional_validation_is_accepted():
    model = with_metrics()
    data = np.zeros((2, 1), "float32")
    callback = ReduceOnPlateau("val_loss", 0.5, 1)
    options = {"validation_data": (data, data), "validation_freq": 2, "verbose": 0}
    with pytest.warns(UserWarning, match="It looks again after each epoch"):
        model.fit(data, data, epochs=6, callbacks=[callback], **options)
    # The loss is the same at epochs 1, 3 and 5, so the rate is reduced twice.
    assert float(model.optimizer.learning_rate) == 0.125


def test_a_relative_delta_of_a_negative_value_causes_a_warning():
    callbacks = plateau([-1.0, -2.0], relative_delta=0.1)
    with pytest.warns(UserWarning, match="compares a negative 'metric' by a fraction"):
        fit(compiled(sgd(0.5)), 1, epochs=2, callbacks=callbacks)


class Unregistered(keras.optimizers.schedules.LearningRateSchedule):
    def __call__(self, step):
        return 0.5


@pytest.mark.parametrize(
    ("rate", "kind", "text"),
    [
        (Unregistered(), ValueError, "a schedule whose class is registered with Keras"),
        (lambda: 0.5, TypeError, "must be a number or a learning-rate schedule"),
    ],
)
def test_a_rate_that_cannot_be_reduced_raises_before_the_first_epoch(rate, kind, text):
    model = compiled(sgd(rate))
    with pytest.raises(kind, match=text):
        fit(model, 1, callbacks=plateau([1.0]))
    assert int(model.optimizer.iterations) == 0


def test_a_schedule_of_keras_is_reduced():
    theirs = keras.optimizers.schedules.PolynomialDecay(1.0, 8, 0.0)
    taken = rates_in(compiled(sgd(theirs)), plateau([1.0] * 3), epochs=3)
    np.testing.assert_allclose(taken, [1.0, 7 / 8, 3 / 8], rtol=1e-5)


def test_an_invalid_state_raises():
    callback = ReduceOnPlateau("loss")
    for state in ({}, {"best": 1.0}, 3):
        with pytest.raises(ValueError, match="ReduceOnPlateau.set_state must be a"):
            callback.set_state(state)


def test_no_batch_hook_is_used():
    for name in ("on_train_batch_begin", "on_train_batch_end", "on_batch_end"):
        inherited = getattr(keras.callbacks.Callback, name)
        assert getattr(ReduceOnPlateau, name) is inherited


@pytest.mark.host
@pytest.mark.parametrize(
    ("kind", "argument", "value", "text"),
    [
        (TypeError, "monitor", 3, "a string"),
        (ValueError, "factor", 1.0, "a number above 0 and below 1"),
        (ValueError, "factor", 0, "a number above 0 and below 1"),
        (ValueError, "patience", -1, "a non-negative integer"),
        (TypeError, "patience", 1.5, "a non-negative integer"),
        (ValueError, "mode", "maximum", "one of 'auto', 'min', 'max'"),
        (ValueError, "min_delta", -0.1, "a non-negative finite number"),
        (ValueError, "cooldown", -1, "a non-negative integer"),
        (ValueError, "min_lr", -1.0, "a non-negative finite number"),
        (ValueError, "relative_delta", 1.0, "a number from 0 to below 1"),
        (ValueError, "min_scale", 1, "a number from 0 to below 1"),
        (ValueError, "max_lr", -1, "a non-negative finite number"),
        (ValueError, "increase_factor", 1.0, "a finite number above 1"),
        (ValueError, "increase_cooldown", -1, "a non-negative integer"),
        (ValueError, "reset_after", 0, "a positive integer"),
        (ValueError, "eps", -1, "a non-negative finite number"),
        (ValueError, "window", 0, "a positive integer"),
        (ValueError, "accumulation_size", 0, "a positive integer"),
        (TypeError, "watch_in_cooldown", 1, "True or False"),
        (ValueError, "start_from_epoch", -1, "a non-negative integer"),
        (ValueError, "on_nan", "stop", "one of 'count', 'reduce', 'ignore'"),
        (TypeError, "restore_best_weights", None, "True or False"),
    ],
)
def test_an_invalid_argument_raises(kind, argument, value, text):
    expected = f"Argument `{argument}` of ReduceOnPlateau must be {text}. Received: "
    with pytest.raises(kind, match=re.escape(expected)):
        ReduceOnPlateau(**{argument: value})


@pytest.mark.host
def test_bounds_in_the_wrong_order_raise():
    text = "`max_lr` of ReduceOnPlateau must be at least `min_lr`, which is 0.5."
    with pytest.raises(ValueError, match=re.escape(text)):
        ReduceOnPlateau(min_lr=0.5, max_lr=0.1)


def test_a_function_of_the_step_can_be_reduced():
    rate = FromFunction(quarter)
    model = compiled(sgd(rate))
    taken = rates_in(model, plateau([1.0] * 3), epochs=3)
    np.testing.assert_allclose(taken, [0.25, 0.25, 0.125])


@keras.saving.register_keras_serializable("plateau")
def quarter(step):
    return 0.25
