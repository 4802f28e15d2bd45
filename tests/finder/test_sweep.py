"""Each step of a sweep uses its own rate, in one compiled function, until divergence.

With the loss of one_weight, an update subtracts the rate from the weight, so the loss
decreases by the rate in each step. The rates are powers of 2, so the sums are exact.
"""

import math

import keras
import numpy as np
import pytest
from one_weight import JIT
from one_weight import OneWeight
from one_weight import compiled
from one_weight import fit
from one_weight import output
from one_weight import sgd
from support import BACKEND

import kerasched
from kerasched import LinearDecay
from kerasched import PerUpdate
from kerasched import find_learning_rate
from kerasched.finder.sweep import Smoothing
from kerasched.finder.sweep import sweep
from kerasched.training import progress

ONES = np.ones((4, 1), "float32")
POWERS = {"min_lr": 2.0**-6, "max_lr": 8.0, "steps": 10, "divergence": None}
SCHEDULE = LinearDecay(0.5, 100)


def taken(result):
    """Return what each update except the last subtracted from the weight."""
    return -np.diff(result.losses)


def accumulating(kind, rate):
    return kind(rate, gradient_accumulation_steps=2)


OPTIMIZERS = {
    "number": lambda: sgd(0.5),
    "schedule": lambda: sgd(SCHEDULE),
    "function": lambda: sgd(lambda: 0.5),
    "loss scale": lambda: keras.optimizers.LossScaleOptimizer(sgd(SCHEDULE), 1.0),
    "multi": lambda: keras.optimizers.MultiOptimizer(lambda v: sgd(SCHEDULE)),
    "ours": lambda: kerasched.SGD(0.5),
    "ours, schedule": lambda: kerasched.SGD(SCHEDULE),
}
ACCUMULATING = {
    "number": lambda: accumulating(keras.optimizers.SGD, 0.5),
    "schedule": lambda: accumulating(keras.optimizers.SGD, PerUpdate(SCHEDULE, 2)),
    "ours": lambda: accumulating(kerasched.SGD, 0.5),
    "ours, schedule": lambda: accumulating(kerasched.SGD, SCHEDULE),
}


@pytest.mark.parametrize("before", [0, 3])
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_each_step_has_its_rate(name, before):
    model = compiled(OPTIMIZERS[name]())
    if before:
        fit(model, before)
    result = find_learning_rate(model, ONES, ONES, batch_size=4, **POWERS)
    # 1e-6 allows for rounding; otherwise the rates are powers of 2.
    np.testing.assert_allclose(result.rates, 2.0 ** np.arange(-6, 4), rtol=1e-12)
    np.testing.assert_allclose(taken(result), result.rates[:-1], rtol=1e-6)


@pytest.mark.parametrize("before", [0, 3])
@pytest.mark.parametrize("name", ACCUMULATING)
def test_a_step_is_an_update_of_accumulated_gradients(name, before):
    model = compiled(ACCUMULATING[name]())
    if before:
        fit(model, before)
    result = find_learning_rate(model, ONES, ONES, batch_size=4, **POWERS)
    # A step of two batches updates after the second batch, or after the first one if a
    # batch was pending. Its loss is the mean of both batches.
    rates = np.array(result.rates)
    expected = (rates[:-1] + rates[1:]) / 2 if before else rates[:-1]
    np.testing.assert_allclose(taken(result), expected, rtol=1e-6)


def test_all_optimizers_have_the_rate_of_the_step():
    optimizers = iter([sgd(0.5), sgd(SCHEDULE)])
    model = compiled(
        keras.optimizers.MultiOptimizer(lambda v: next(optimizers)), layers=2
    )
    result = find_learning_rate(model, ONES, ONES, batch_size=4, **POWERS)
    # The loss contains both weights.
    np.testing.assert_allclose(taken(result) / 2, result.rates[:-1], rtol=1e-6)


@pytest.mark.skipif(
    BACKEND == "torch", reason="Keras does not support steps_per_execution on torch"
)
def test_each_step_has_its_rate_with_several_steps_per_execution():
    model = compiled(sgd(SCHEDULE), steps_per_execution=4)
    result = find_learning_rate(model, ONES, ONES, batch_size=4, **POWERS)
    np.testing.assert_allclose(taken(result), result.rates[:-1], rtol=1e-6)


def test_a_linear_sweep_adds_the_same_in_each_step():
    options = {**POWERS, "mode": "linear", "min_lr": 0.5, "max_lr": 5.0}
    result = find_learning_rate(compiled(sgd(1.0)), ONES, ONES, **options)
    np.testing.assert_allclose(result.rates, np.arange(1, 11) / 2)
    np.testing.assert_allclose(taken(result), result.rates[:-1])


class Counted(OneWeight):
    """Counts how often Python runs it."""

    calls = 0

    def call(self, inputs):
        Counted.calls += 1
        return super().call(inputs)


@pytest.mark.skipif(
    BACKEND == "torch", reason="torch runs the Python code in each step"
)
@pytest.mark.parametrize("rate", [0.5, SCHEDULE])
def test_all_rates_run_in_one_compiled_function(rate):
    counts = []
    for steps in (2, 40):
        model = keras.Sequential([keras.layers.Input((1,)), Counted()])
        model.compile(sgd(rate), output, jit_compile=JIT)
        before = Counted.calls
        options = {**POWERS, "steps": steps}
        assert len(find_learning_rate(model, ONES, ONES, **options).rates) == steps
        counts.append(Counted.calls - before)
    assert counts[0] == counts[1]


def losses_of(losses, **options):
    """Return the result of a sweep with given losses."""
    smoothing = Smoothing(options.pop("factor", 0.0), options.pop("divergence", 4.0))
    return sweep(lambda step: losses[step], len(losses), smoothing, 0)


def test_losses_are_smoothed_as_the_formula_says():
    losses = [1.0, 3.0, 2.0, -1.0]
    smoothed = losses_of(losses, factor=0.75, divergence=None)[1]
    for count in range(1, 5):
        weights = 0.25 * 0.75 ** np.arange(count)[::-1]
        mean = np.dot(weights, losses[:count]) / (1 - 0.75**count)
        np.testing.assert_allclose(smoothed[count - 1], mean, rtol=1e-14)


@pytest.mark.parametrize(
    ("losses", "done"),
    [
        ([2.0, 1.0, 4.0, 4.1, 1.0], 4),
        ([2.0, 1.0, 3.0, 2.0, 1.0], 5),
        ([2.0, -1.0, 2.0, 2.1, 1.0], 4),  # 2.1 exceeds the limit -1 + (4 - 1) * |-1|.
        ([2.0, math.nan, 1.0, 1.0], 2),
        ([2.0, math.inf, 1.0, 1.0], 2),
        ([math.inf, 2.0, 1.0], 1),
    ],
)
def test_the_sweep_ends_when_the_loss_diverges(losses, done):
    assert [len(numbers) for numbers in losses_of(losses)] == [done, done]
    assert len(losses_of(losses, divergence=None)[0]) == len(losses)


def test_a_step_that_diverges_is_the_last():
    model = compiled(sgd(0.5))
    model.compile(sgd(0.5), lambda y_true, y_pred: keras.ops.exp(-y_pred))
    with np.errstate(over="ignore"):
        result = find_learning_rate(model, -ONES, ONES, max_lr=1e3, smoothing=0.0)
    assert result.steps == 100
    assert len(result.rates) == len(result.losses) == 100
    model.compile(sgd(0.5), lambda y_true, y_pred: keras.ops.exp(y_pred**2))
    result = find_learning_rate(model, ONES, ONES, max_lr=1e3, smoothing=0.0)
    assert len(result.rates) == len(result.losses) < 100


def test_a_long_sweep_shows_its_progress(capsys, monkeypatch):
    for seconds, shows in ((0.0, True), (60.0, False)):
        monkeypatch.setattr(progress, "SECONDS_BEFORE_PROGRESS", seconds)
        for verbose in (1, 0):
            sweep(lambda step: 1.0, 5, Smoothing(0.0, None), verbose)
            assert ("5/5" in capsys.readouterr().out) == (shows and verbose == 1)


def test_a_model_whose_step_returns_no_loss_is_refused():
    class Silent(keras.Sequential):
        def train_step(self, *arguments):
            outputs = super().train_step(*arguments)
            return ({}, outputs[1]) if BACKEND == "jax" else {}

    model = Silent([keras.layers.Input((1,)), OneWeight()])
    model.compile(sgd(0.5), output, jit_compile=JIT)
    with pytest.raises(ValueError, match='one whose train_step returns "loss"'):
        find_learning_rate(model, ONES, ONES)


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"min_lr": 0.0}, "`min_lr` of find_learning_rate must be a positive finite"),
        ({"max_lr": 1e-7}, "`max_lr` of find_learning_rate must be above min_lr=1e-07"),
        ({"steps": 1}, "`steps` of find_learning_rate must be an integer of at least"),
        ({"mode": "log"}, "`mode` of find_learning_rate must be one of 'exponential'"),
        ({"smoothing": 1.0}, "`smoothing` of find_learning_rate must be a number from"),
        ({"divergence": 1.0}, "`divergence` of find_learning_rate must be a finite"),
        ({"batch_size": 0}, "`batch_size` of find_learning_rate must be a positive"),
    ],
)
def test_an_invalid_option_is_refused(options, text):
    with pytest.raises(ValueError, match=f"Argument {text}"):
        find_learning_rate(compiled(sgd(0.5)), ONES, ONES, **options)


def test_a_model_that_is_not_compiled_is_refused():
    model = keras.Sequential([keras.layers.Input((1,)), OneWeight()])
    with pytest.raises(ValueError, match="must be a compiled model"):
        find_learning_rate(model, ONES, ONES)
