"""A running call of `fit` and its arguments can be found by its model."""

import threading

import keras
import numpy as np
import pytest

from kerasched.training.fit_call import fit_call_of
from kerasched.training.fit_call import record_fit_calls

X = np.arange(20.0, dtype="float32").reshape(10, 2)
Y = X[:, :1]


@pytest.fixture(autouse=True)
def recording():
    record_fit_calls()


def compiled(kind=keras.Sequential):
    model = kind([keras.layers.Input((2,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse", run_eagerly=True, jit_compile=False)
    return model


class Do(keras.callbacks.Callback):
    """Calls a function at the end of each epoch."""

    def __init__(self, function):
        super().__init__()
        self._function = function

    def on_epoch_end(self, epoch, logs=None):
        self._function()


def fit(model, function, **options):
    given = {"epochs": 1, "verbose": 0, "batch_size": 4, **options}
    model.fit(X, Y, callbacks=[Do(function)], **given)


def test_arguments_are_known_with_their_defaults_until_the_end():
    model, calls = compiled(), []
    fit(model, lambda: calls.append((fit_call_of(model), fit_call_of(model).data())))
    ((call, (x, y, weights)),) = calls
    assert x is X
    assert y is Y
    assert weights is None
    assert call.is_seen
    assert call.argument("x") is None  # A call that has ended keeps no data.
    assert not fit_call_of(model).is_seen


def test_a_fit_within_a_fit_is_found_by_its_model():
    outer, inner, seen = compiled(), compiled(), []

    def look():
        seen.append([fit_call_of(m).argument("batch_size") for m in (outer, inner)])

    fit(outer, lambda: (fit(inner, look, batch_size=5), look()), batch_size=2)
    assert seen == [[2, 5], [2, None]]


def test_a_fit_of_the_same_model_within_its_fit_is_the_innermost():
    model, seen = compiled(), []

    def look():
        seen.append(fit_call_of(model).argument("batch_size"))

    fit(model, lambda: (fit(model, look, batch_size=5), look()), batch_size=2)
    assert seen == [5, 2]


def test_a_thread_sees_its_own_calls_only():
    model, seen = compiled(), []

    def in_a_thread():
        look = threading.Thread(target=lambda: seen.append(fit_call_of(model).is_seen))
        look.start()
        look.join()
        seen.append(fit_call_of(model).is_seen)

    fit(model, in_a_thread)
    assert seen == [False, True]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_exit_functions_run_in_reverse_order_when_fit_raises(error):
    model, called = compiled(), []

    def fail():
        for number in (1, 2):
            fit_call_of(model).on_end(called.append, number)
        raise error

    with pytest.raises(error):
        fit(model, fail)
    assert called == [2, 1]
    assert not fit_call_of(model).is_seen


class Passes(keras.Sequential):
    def fit(self, *arguments, **options):
        return super().fit(*arguments, **{**options, "batch_size": 3})


class Replaces(keras.Sequential):
    def fit(self, *arguments, callbacks=(), **options):
        for callback in callbacks:
            callback.on_epoch_end(0)


def test_an_overridden_fit_is_found_with_the_arguments_for_keras():
    model, seen = compiled(Passes), []
    fit(model, lambda: seen.append(fit_call_of(model).argument("batch_size")))
    assert seen == [3]


def test_a_fit_that_does_not_call_keras_is_not_found():
    model, seen = compiled(Replaces), []
    fit(model, lambda: seen.append(fit_call_of(model).is_seen))
    assert seen == [False]


def test_wrong_arguments_raise_as_in_keras():
    with pytest.raises(TypeError, match="unexpected keyword argument 'batches'"):
        fit(compiled(), lambda: None, batches=2)


def test_the_data_are_those_after_the_validation_split():
    model, seen = compiled(), []

    def look():
        call = fit_call_of(model)
        seen.extend([call.data(), call.validation_data()])

    fit(model, look, validation_split=0.25)
    for (x, y, weights), rows in zip(seen, (slice(0, 7), slice(7, 10)), strict=True):
        np.testing.assert_array_equal(x, X[rows])
        np.testing.assert_array_equal(y, Y[rows])
        assert weights is None


def test_the_epoch_iterator_is_that_of_training_and_not_of_validation():
    model, steps = compiled(), []

    def look():
        steps.append(fit_call_of(model)._iterator.num_batches)

    fit(model, look, validation_data=(X, Y), validation_batch_size=10, epochs=2)
    assert steps == [3, 3]
