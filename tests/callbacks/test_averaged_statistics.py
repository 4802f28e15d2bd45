"""Averaged weights get batch normalization statistics that are computed with them."""

import re

import keras
import numpy as np
import pytest
from one_weight import sgd
from support import BACKEND
from support import built

from kerasched.callbacks import WeightAveraging
from kerasched.callbacks.statistics import StatisticsPass
from kerasched.callbacks.statistics import normalizations
from kerasched.callbacks.statistics import statistics_of
from kerasched.training import progress
from kerasched.training.variables import read

JIT = BACKEND == "jax"
RNG = np.random.default_rng(11)
X = (RNG.normal(size=(11, 4)) * 3.0 + 1.0).astype("float32")
Y = RNG.normal(size=(11, 2)).astype("float32")
BATCHES = [X[:4], X[4:8], X[8:]]


def dense_norm(norm=None, dtype=None):
    """Return a dense layer and a normalization of its outputs."""
    keras.utils.set_random_seed(5)
    norm = norm or keras.layers.BatchNormalization(dtype=dtype)
    return [keras.layers.Dense(3, dtype=dtype), norm, keras.layers.Dropout(0.5)]


def compiled(layers, dtype=None):
    last = keras.layers.Dense(2, dtype=dtype)
    model = keras.Sequential([keras.layers.Input((4,)), *layers, last])
    model.compile(sgd(0.01, momentum=0.5), "mse", jit_compile=JIT)
    return built(model)


def train(model, callbacks, epochs=4, **options):
    options = {"batch_size": 4, "verbose": 0, **options}
    return model.fit(X, Y, epochs=epochs, callbacks=callbacks, **options).history


def expected(model, batches=BATCHES):
    """Return the mean and variance after the first layer, averaged over batches."""
    kernel, bias = (np.array(w, "float64") for w in model.layers[0].get_weights())
    outputs = [batch @ kernel + bias for batch in batches]
    return [
        np.mean([output.mean(0) for output in outputs], 0),
        np.mean([output.var(0) for output in outputs], 0),
    ]


def statistics(model):
    return [np.array(array, "float64") for array in read(statistics_of(model))]


def test_a_model_ends_with_the_statistics_of_its_average():
    model = compiled(dense_norm())
    train(model, [WeightAveraging(1, data=X, batch_size=4)], validation_split=0.3)
    for statistic, value in zip(statistics(model), expected(model), strict=True):
        np.testing.assert_allclose(statistic, value, rtol=1e-5, atol=1e-5)
    assert normalizations(model)[0].momentum == 0.99


def test_validation_uses_the_statistics_of_the_average():
    averaging = WeightAveraging(1, data=X, batch_size=4, assign_at_end=False)
    model, data = compiled(dense_norm()), (X[:5], Y[:5])
    history = train(model, [averaging], validation_data=data)
    trained = statistics(model)
    with averaging.averaged():
        loss = model.evaluate(*data, verbose=0)
        assert not np.allclose(trained[0], expected(model)[0], rtol=1e-3)
    np.testing.assert_allclose(loss, history["val_loss"][-1], rtol=1e-6)
    np.testing.assert_array_equal(statistics(model), trained)


def test_the_pass_may_use_part_of_the_data():
    model = compiled(dense_norm())
    train(model, [WeightAveraging(1, data=X, batch_size=4, steps=2)])
    values = expected(model, BATCHES[:2])
    np.testing.assert_allclose(statistics(model), values, rtol=1e-5, atol=1e-5)


def test_there_is_one_pass_over_the_data_for_each_average():
    class Data(keras.utils.PyDataset):
        passed, num_batches = 0, 1

        def __getitem__(self, index):
            Data.passed += 1
            return X, Y

    averaging, model = WeightAveraging(1, every=2, data=Data()), compiled(dense_norm())
    train(model, [averaging], 6, validation_data=(X, Y))
    assert averaging.count == 3
    # Before each pass Keras reads one batch to learn the shapes and types.
    passed = Data.passed
    assert 3 <= passed <= 6
    restarted = WeightAveraging(data=Data())
    restarted.set_state(averaging.get_state())
    restarted.set_arrays(averaging.get_arrays())
    restarted.set_model(model)
    with restarted.averaged():
        assert Data.passed == passed


def test_a_long_pass_shows_its_progress_where_fit_does(capsys, monkeypatch):
    monkeypatch.setattr(progress, "SECONDS_BEFORE_PROGRESS", 0.0)
    model, averaging = compiled(dense_norm()), WeightAveraging(0, data=X, batch_size=4)
    for verbose in (1, 0):
        train(model, [averaging], 1, verbose=verbose)
        printed = capsys.readouterr().out
        done = re.findall(r"\nStatistics of batch norm(?:.|\n)*3/3.*\n", printed)
        assert len(done) == verbose


@keras.saving.register_keras_serializable("averaged_statistics")
class WithoutArgument(keras.Model):
    """A model whose call does not have the argument `training`."""

    def __init__(self, **options):
        super().__init__(**options)
        self.parts = dense_norm()

    def call(self, inputs):
        for part in self.parts:
            inputs = part(inputs)
        return inputs


def test_layers_inside_of_layers_are_found():
    outer = WithoutArgument()
    model = compiled([outer])
    train(model, [WeightAveraging(1, data=X, batch_size=4)])
    kernel, bias = (np.array(w, "float64") for w in outer.parts[0].get_weights())
    means = [(batch @ kernel + bias).mean(0) for batch in BATCHES]
    np.testing.assert_allclose(
        statistics(model)[0], np.mean(means, 0), rtol=1e-5, atol=1e-5
    )


def test_a_layer_that_is_frozen_keeps_its_statistics():
    norm = keras.layers.BatchNormalization()
    norm.trainable = False
    model = compiled(dense_norm(norm))
    train(model, [WeightAveraging(1)])  # It raises no error for missing data.
    np.testing.assert_array_equal(read([norm.moving_mean])[0], np.zeros(3))


def test_means_are_accurate_in_half_precision():
    model = compiled(dense_norm(dtype="mixed_bfloat16"), "mixed_bfloat16")
    StatisticsPass(model).refresh(X, 4, None)
    values = expected(model)
    # The products are rounded to 8 bits, but their means are not.
    np.testing.assert_allclose(statistics(model)[0], values[0], rtol=0, atol=0.05)
    np.testing.assert_allclose(statistics(model)[1], values[1], rtol=0.02)


def test_a_failed_pass_restores_all_state():
    model = compiled(dense_norm())
    train(model, [], epochs=1)
    before, averaging = [], WeightAveraging(1, data=X[:, :3], batch_size=4)

    class Weights(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            before[:] = [np.array(array) for array in read(self.model.variables)]

    with pytest.raises(Exception):  # noqa: B017, PT011  Each backend has its own.
        train(model, [averaging, Weights()])
    for value, old in zip(read(model.variables), before, strict=True):
        np.testing.assert_array_equal(value, old)


@pytest.mark.skipif(BACKEND != "torch", reason="compares with torch")
def test_the_results_are_those_of_torch():
    import torch

    layers = dense_norm()[:2]
    model = compiled(layers)
    copy = torch.nn.Sequential(
        torch.nn.Linear(4, 3), torch.nn.BatchNorm1d(3), torch.nn.Linear(3, 2)
    )
    averaged, data = torch.optim.swa_utils.AveragedModel(copy), []

    class Follows(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            if epoch < 1:
                return
            kernel, bias, gamma, beta, _, _, last, end = (
                torch.tensor(w) for w in self.model.get_weights()
            )
            values = (kernel.T, bias, gamma, beta, last.T, end)
            with torch.no_grad():
                for parameter, value in zip(copy.parameters(), values, strict=True):
                    parameter.copy_(value)
            averaged.update_parameters(copy)

    train(model, [Follows(), WeightAveraging(1, data=X[:8], batch_size=4)])
    data = [torch.tensor(batch) for batch in BATCHES[:2]]
    torch.optim.swa_utils.update_bn(data, averaged)
    theirs = averaged.module
    ours = [torch.tensor(w) for w in model.get_weights()]
    pairs = list(zip(theirs.parameters(), [*ours[:4], *ours[6:]], strict=True))
    for parameter, weight in pairs:
        weight = weight.T if weight.ndim == 2 else weight
        torch.testing.assert_close(parameter.detach(), weight, rtol=0, atol=2**-22)
    torch.testing.assert_close(theirs[1].running_mean, ours[4], rtol=1e-5, atol=1e-6)
    # For the variance of 4 samples torch divides by 3 and Keras by 4.
    variance = ours[5] * 4 / 3
    torch.testing.assert_close(theirs[1].running_var, variance, rtol=1e-5, atol=1e-6)
