"""LearningRateFinder finds a rate at the start of `fit`, which trains with it."""

import keras
import numpy as np
import pytest
from one_weight import JIT
from one_weight import compiled
from one_weight import fit
from one_weight import sgd
from support import BACKEND

from kerasched import LinearDecay
from kerasched import find_learning_rate
from kerasched.callbacks import BackupAndRestore
from kerasched.callbacks import LearningRateFinder
from kerasched.callbacks import LearningRateLogger
from kerasched.callbacks import ReduceOnPlateau

X = np.random.default_rng(1).normal(size=(64, 4)).astype("float32")
Y = X[:, :1] - X[:, 1:2]
OPTIONS = {"steps": 40, "verbose": 0}


def trained(rate, *callbacks, epochs=2, **options):
    keras.utils.set_random_seed(2)
    model = keras.Sequential([keras.layers.Input((4,)), keras.layers.Dense(1)])
    model.compile(keras.optimizers.SGD(rate), "mse", jit_compile=JIT)
    model.fit(X, Y, verbose=0, epochs=epochs, callbacks=list(callbacks), **options)
    return model


@pytest.mark.parametrize("suggestion", ["valley", "steepest"])
def test_fit_trains_with_the_suggested_rate(suggestion):
    finder = LearningRateFinder(X, Y, suggestion=suggestion, **OPTIONS)
    model = trained(0.5, finder, LearningRateLogger())
    rate = finder.result.suggestions[suggestion]
    # The tolerance is 1e-6 because the optimizer stores its rate as float32.
    shown = model.history.history["learning_rate"]
    np.testing.assert_allclose(shown, [rate, rate], rtol=1e-6)
    expected = trained(rate)
    for one, other in zip(model.get_weights(), expected.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_it_finds_the_same_as_the_function_and_sets_its_suggestion():
    finder = LearningRateFinder(X, Y, batch_size=16, mode="linear", **OPTIONS)
    rate = trained(0.5, finder).optimizer.learning_rate
    keras.utils.set_random_seed(2)
    model = keras.Sequential([keras.layers.Input((4,)), keras.layers.Dense(1)])
    model.compile(keras.optimizers.SGD(0.5), "mse", jit_compile=JIT)
    expected = find_learning_rate(model, X, Y, batch_size=16, mode="linear", **OPTIONS)
    assert finder.result == expected
    assert keras.ops.convert_to_numpy(rate) == np.float32(expected.suggestion)


@pytest.mark.parametrize("rate", [0.05, LinearDecay(0.05, 100)])
def test_without_an_update_fit_is_as_without_the_callback(rate):
    finder = LearningRateFinder(X, Y, update=False, **OPTIONS)
    models = trained(rate, finder), trained(rate)
    assert finder.result.suggestion is not None
    for one, other in zip(*(model.get_weights() for model in models), strict=True):
        np.testing.assert_array_equal(one, other)
    histories = [model.history.history for model in models]
    assert histories[0] == histories[1]


def test_an_update_of_a_schedule_is_refused_before_the_sweep():
    finder = LearningRateFinder(X, Y, **OPTIONS)
    text = (
        "LearningRateFinder needs an optimizer whose learning rate is a number; that "
        "of 'sgd.*' is a schedule or a function. Call find_learning_rate before and "
        "give the schedule the rate that it suggests, or pass update=False"
    )
    with pytest.raises(ValueError, match=text):
        trained(LinearDecay(0.1, 100), finder)
    assert finder.result is None


def test_all_optimizers_are_given_the_rate():
    optimizers = [sgd(0.5), sgd(0.25)]
    turn = iter(optimizers)
    model = compiled(keras.optimizers.MultiOptimizer(lambda v: next(turn)), layers=2)
    ones = np.ones((4, 1), "float32")
    finder = LearningRateFinder(ones, ones, divergence=None, **OPTIONS)
    fit(model, 1, callbacks=[finder])
    rates = [float(keras.ops.convert_to_numpy(o.learning_rate)) for o in optimizers]
    np.testing.assert_allclose(rates, finder.result.suggestion, rtol=1e-6)


def test_the_rate_does_not_change_without_a_suggestion():
    finder = LearningRateFinder(X, Y, steps=20, suggestion="slide", verbose=0)
    with pytest.warns(UserWarning, match="leaves the learning rate as it is: 'slide'"):
        model = trained(0.05, finder)
    assert finder.result.suggestions["slide"] is None
    rate = keras.ops.convert_to_numpy(model.optimizer.learning_rate)
    assert rate == np.float32(0.05)


@pytest.mark.parametrize("order", [1, -1])
def test_a_restarted_run_resumes_with_the_rate_found_at_first(order, tmp_path):
    def run(folder, epochs):
        finder = LearningRateFinder(X, Y, suggestion="steepest", **OPTIONS)
        backup = BackupAndRestore(tmp_path / folder, delete_checkpoint=False)
        model = trained(0.5, *[backup, finder][::order], epochs=epochs)
        rate = keras.ops.convert_to_numpy(model.optimizer.learning_rate)
        return rate, finder.result.losses, *model.get_weights()

    whole = run("whole", 3)
    run("restarted", 2)
    for one, other in zip(run("restarted", 3), whole, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("order", [1, -1])
def test_a_plateau_starts_from_the_rate_that_was_found(order):
    finder, plateau = LearningRateFinder(X, Y, **OPTIONS), ReduceOnPlateau("loss")
    trained(0.5, *[finder, plateau][::order])
    assert plateau.get_state()["bases"] == [np.float32(finder.result.suggestion)]


def test_the_last_of_two_finders_sets_the_rate():
    options = {**OPTIONS, "suggestion": "steepest"}
    finders = [LearningRateFinder(X, Y, **OPTIONS), LearningRateFinder(X, Y, **options)]
    model = trained(0.5, *finders)
    first, second = (one.result.suggestions[one.suggestion] for one in finders)
    rate = keras.ops.convert_to_numpy(model.optimizer.learning_rate)
    assert first != second
    assert rate == np.float32(second)


@pytest.mark.skipif(
    BACKEND == "torch", reason="Keras does not support steps_per_execution on torch"
)
def test_it_works_where_several_steps_are_executed_at_once():
    model = compiled(sgd(0.5), steps_per_execution=2)
    ones = np.ones((4, 1), "float32")
    finder = LearningRateFinder(ones, ones, divergence=None, **OPTIONS)
    fit(model, 4, callbacks=[finder])
    taken = -model.get_weights()[0]
    np.testing.assert_allclose(taken, 4 * finder.result.suggestion, rtol=1e-5)


@pytest.mark.host
@pytest.mark.parametrize(
    ("options", "kind", "text"),
    [
        ({"update": 1}, TypeError, "`update` of LearningRateFinder must be True or F"),
        ({"suggestion": "best"}, ValueError, "`suggestion` .* must be one of 'middle'"),
        ({"steps": 0}, ValueError, "`steps` of LearningRateFinder must be an integer"),
        ({"min_lr": 20.0}, ValueError, "`max_lr` of LearningRateFinder must be above"),
        ({"rates": 3}, TypeError, "unexpected keyword argument 'rates'"),
    ],
)
def test_an_invalid_option_raises_at_construction(options, kind, text):
    with pytest.raises(kind, match=text):
        LearningRateFinder(X, Y, **options)
