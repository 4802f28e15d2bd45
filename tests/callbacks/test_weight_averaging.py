"""WeightAveraging averages correctly, validates the average and resumes."""

import json
import re

import keras
import numpy as np
import pytest
from one_weight import compiled
from one_weight import fit
from one_weight import sgd
from support import BACKEND
from support import built

import kerasched
from kerasched import SWALR
from kerasched import Chain
from kerasched import CosineDecay
from kerasched import LinearDecay
from kerasched import load_training_state
from kerasched.callbacks import LearningRateLogger
from kerasched.callbacks import ReduceOnPlateau
from kerasched.callbacks import WeightAveraging

JIT = BACKEND == "jax"
RNG = np.random.default_rng(7)
X = RNG.normal(size=(12, 4)).astype("float32")
Y = RNG.normal(size=(12, 2)).astype("float32")
VALIDATION = (X[:5] + 1.0, Y[:5])
WRAPPERS = {
    "plain": lambda optimizer: optimizer,
    "loss scale": lambda optimizer: keras.optimizers.LossScaleOptimizer(optimizer, 1.0),
    "multi": lambda optimizer: keras.optimizers.MultiOptimizer(lambda v: optimizer),
}


class Weights(keras.callbacks.Callback):
    """Records the weights at the end of each epoch, as other callbacks see them."""

    def __init__(self):
        super().__init__()
        self.seen = []

    def on_epoch_end(self, epoch, logs=None):
        self.seen.append([np.array(w, "float32") for w in self.model.get_weights()])


def network(optimizer=None, norm=False, dtype=None, **options):
    """Return a compiled model with fixed initial weights."""
    keras.utils.set_random_seed(3)
    layers = [keras.layers.Input((4,)), keras.layers.Dense(3, dtype=dtype)]
    if norm:
        layers += [keras.layers.BatchNormalization(), keras.layers.Dropout(0.5, seed=1)]
    model = keras.Sequential([*layers, keras.layers.Dense(2, dtype=dtype)])
    optimizer = optimizer or sgd(0.1, momentum=0.5)
    model.compile(optimizer, "mse", jit_compile=JIT, **options)
    return built(model)


def train(model, callbacks, epochs=6, **options):
    options = {"shuffle": False, "verbose": 0, "batch_size": 4, **options}
    return model.fit(X, Y, epochs=epochs, callbacks=callbacks, **options).history


def mean(epochs):
    """Return the mean of the weights of some epochs, in float64."""
    columns = zip(*epochs, strict=True)
    return [np.mean(np.array(weights, "float64"), 0) for weights in columns]


def assert_close(weights, expected, ulps=4):
    # An update of the mean rounds three times. The weights are about 1.
    for weight, one in zip(weights, expected, strict=True):
        np.testing.assert_allclose(weight, one, rtol=0, atol=ulps * 2**-23)


# TensorFlow compiles slowly: there, each start and each wrapper has one case.
ENDS = [
    pytest.param(
        first,
        wrapper,
        marks=[pytest.mark.slow]
        * (BACKEND == "tensorflow" and first == (wrapper == "multi")),
    )
    for first in (True, False)
    for wrapper in WRAPPERS
]


@pytest.mark.parametrize(("first", "wrapper"), ENDS)
def test_a_model_ends_with_the_mean_of_its_last_epochs(first, wrapper):
    weights, averaging = Weights(), WeightAveraging(0.5)
    callbacks = [averaging, weights] if first else [weights, averaging]
    model = network(WRAPPERS[wrapper](sgd(0.1, momentum=0.5)))
    train(model, callbacks, validation_data=VALIDATION)
    assert averaging.count == 3
    assert_close(model.get_weights(), mean(weights.seen[3:]))


# TensorFlow compiles slowly: there, one case is in the first tier, here and below.
REPEATED = [pytest.mark.slow] * (BACKEND == "tensorflow")


@pytest.mark.parametrize(
    ("options", "epochs"),
    [
        ({"start_from_epoch": 0.2, "until_epoch": 0.85}, [2, 3, 4, 5, 6, 7, 8]),
        *(
            pytest.param(*case, marks=REPEATED)
            for case in [
                ({"start_from_epoch": 0}, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]),
                ({"start_from_epoch": 7}, [7, 8, 9]),
                ({}, [8, 9]),  # Epoch 8 is the first after 0.75 of 10 epochs.
                ({"start_from_epoch": 0.7}, [7, 8, 9]),
                ({"start_from_epoch": 0.99}, [9]),
                ({"start_from_epoch": 2, "until_epoch": 5}, [2, 3, 4]),
                ({"start_from_epoch": 1, "every": 4}, [1, 5, 9]),
            ]
        ),
    ],
)
def test_the_epochs_that_are_averaged(options, epochs):
    weights = Weights()
    model = compiled(sgd(LinearDecay(1.0, 16)))
    callbacks = [WeightAveraging(**options), weights]
    fit(model, 1, epochs=10, callbacks=callbacks)
    assert_close(model.get_weights(), mean([weights.seen[e] for e in epochs]), 16)


def test_an_epoch_keeps_its_number_after_initial_epoch():
    weights, averaging = Weights(), WeightAveraging(4)
    model = network()
    train(model, [averaging, weights], initial_epoch=3)
    assert averaging.count == 2
    assert_close(model.get_weights(), mean(weights.seen[1:]))


def test_an_exponential_average_has_decaying_weights():
    weights, model = Weights(), network()
    train(model, [WeightAveraging(1, decay=0.75), weights])
    expected = [np.array(w, "float64") for w in weights.seen[1]]
    for seen in weights.seen[2:]:
        expected = [0.75 * a + 0.25 * w for a, w in zip(expected, seen, strict=True)]
    assert_close(model.get_weights(), expected)


@pytest.mark.skipif(
    BACKEND == "torch", reason="Keras does not support steps_per_execution on torch"
)
def test_several_steps_per_execution_change_nothing():
    weights, model = Weights(), network(steps_per_execution=3)
    train(model, [WeightAveraging(2), weights], validation_data=VALIDATION)
    assert_close(model.get_weights(), mean(weights.seen[2:]))


@pytest.mark.parametrize("dtype", ["bfloat16", "mixed_bfloat16", "float64"])
def test_averages_are_at_least_float32(dtype):
    weights, model = Weights(), network(dtype=dtype)
    averaging = WeightAveraging(2, assign_at_end=False)
    with np.errstate(all="ignore"):
        train(model, [averaging, weights], validation_data=VALIDATION)
    averages = averaging.get_arrays()
    wide = "float64" if model.variables[0].dtype == "float64" else "float32"
    assert {array.dtype.name for array in averages.values()} <= {wide, "float32"}
    assert_close(list(averages.values()), mean(weights.seen[2:]))
    with averaging.averaged():
        rounded = model.get_weights()
    unit = 2**-8 if dtype == "bfloat16" else 2**-23
    for weight, average in zip(rounded, averages.values(), strict=True):
        np.testing.assert_allclose(np.array(weight, "f4"), average, rtol=unit)


def test_validation_uses_the_average():
    weights, model = Weights(), compiled(sgd(LinearDecay(1.0, 8)))
    one = np.ones((1, 1), "float32")
    callbacks = [weights, WeightAveraging(2)]
    history = fit(model, 1, epochs=5, callbacks=callbacks, validation_data=(one, one))
    seen = np.array(weights.seen, "float64")[:, 0]
    # The model adds its weight to 1. Before epoch 2 there is no average.
    expected = [1 + seen[0], 1 + seen[1]]
    expected += [1 + seen[2 : end + 1].mean() for end in (2, 3, 4)]
    np.testing.assert_allclose(history.history["val_loss"], expected, rtol=1e-6)


def test_without_the_swap_validation_uses_the_training_weights():
    weights, model = Weights(), compiled(sgd(LinearDecay(1.0, 8)))
    one = np.ones((1, 1), "float32")
    callbacks = [weights, WeightAveraging(2, swap_in_validation=False)]
    history = fit(model, 1, epochs=5, callbacks=callbacks, validation_data=(one, one))
    seen = np.array(weights.seen)[:, 0]
    np.testing.assert_allclose(history.history["val_loss"], 1 + seen, rtol=1e-6)


@pytest.mark.parametrize("steps", [1, 3])
def test_averaging_does_not_affect_training(steps):
    # The dropout seeds and the batch statistics must be as without averaging.
    if steps > 1 and BACKEND == "torch":
        pytest.skip("Keras does not support steps_per_execution on torch")
    runs = []
    for averaging in ([], [WeightAveraging(1, data=X, batch_size=5)]):
        weights, model = Weights(), network(norm=True, steps_per_execution=steps)
        train(model, [*averaging, weights], validation_data=VALIDATION, shuffle=True)
        runs.append(weights.seen)
    for one, other in zip(*runs, strict=True):
        for weight, same in zip(one, other, strict=True):
            np.testing.assert_array_equal(weight, same)


class Fails(keras.callbacks.Callback):
    """Raises during a validation, before or after its first batch."""

    def __init__(self, hook, error):
        super().__init__()
        self.epoch, self.error = 0, error
        setattr(self, hook, self.fail)

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch
        self.weights = None

    def on_train_batch_end(self, batch, logs=None):
        if batch == 2:
            self.weights = [np.array(w) for w in self.model.get_weights()]

    def fail(self, batch, logs=None):
        if self.epoch == 2:
            raise self.error("on purpose")


@pytest.mark.parametrize("hook", ["on_test_batch_begin", "on_test_batch_end"])
@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_a_failed_validation_restores_the_training_weights(error, hook):
    model, averaging, fails = network(), WeightAveraging(0), Fails(hook, error)
    with pytest.raises(error, match="on purpose"):
        train(model, [averaging, fails], validation_data=VALIDATION)
    for weight, trained in zip(model.get_weights(), fails.weights, strict=True):
        np.testing.assert_array_equal(weight, trained)
    assert averaging.count == 3
    train(model, [averaging], epochs=4, initial_epoch=3)
    assert averaging.count == 4


@pytest.mark.parametrize("bad", [4, 5])
def test_failing_validation_data_restore_the_training_weights(bad):
    class Data(keras.utils.PyDataset):
        """Data whose validations have two batches; one in the third raises."""

        turn, num_batches = 0, 2

        def __getitem__(self, index):
            self.turn += 1
            if self.turn > bad:
                raise ValueError("on purpose")
            return VALIDATION

    model, averaging, fails = network(), WeightAveraging(0), Fails("none", None)
    # TensorFlow raises its own error, which contains the error of the data.
    with pytest.raises(Exception, match="on purpose"):
        train(model, [averaging, fails], validation_data=Data())
    for weight, trained in zip(model.get_weights(), fails.weights, strict=True):
        np.testing.assert_array_equal(weight, trained)


def test_an_evaluation_by_the_user_uses_the_current_weights():
    seen = []

    class Evaluates(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            seen.append(self.model.evaluate(one, one, verbose=0))
            with averaging.averaged():
                seen.append(self.model.evaluate(one, one, verbose=0))
                seen.append(self.model.evaluate(one, one, verbose=0))

    one, averaging = np.ones((1, 1), "float32"), WeightAveraging(0)
    model, weights = compiled(sgd(LinearDecay(1.0, 8))), Weights()
    fit(model, 1, epochs=2, callbacks=[Evaluates(), weights, averaging])
    first, second = np.array(weights.seen, "float64")[:, 0]
    mean = (first + second) / 2
    expected = [first, first, first, second, mean, mean]
    np.testing.assert_allclose(np.array(seen) - 1.0, expected, rtol=1e-6)
    assert "evaluate" not in vars(model)
    result = model.evaluate(one, one, callbacks=[averaging], verbose=0)
    np.testing.assert_allclose(result - 1.0, mean, rtol=1e-6)


def test_other_callbacks_save_the_training_weights(tmp_path):
    class SavesTheAverage(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            if averaging.count:
                with averaging.averaged():
                    self.model.save_weights(tmp_path / "average.weights.h5")

    path = str(tmp_path / "training.weights.h5")
    saves = keras.callbacks.ModelCheckpoint(path, save_weights_only=True)
    weights, averaging, model = Weights(), WeightAveraging(2), network()
    callbacks = [saves, SavesTheAverage(), weights, averaging]
    train(model, callbacks, epochs=4, validation_data=VALIDATION)
    model.load_weights(path)
    for weight, trained in zip(model.get_weights(), weights.seen[-1], strict=True):
        np.testing.assert_array_equal(weight, trained)
    model.load_weights(tmp_path / "average.weights.h5")
    assert_close(model.get_weights(), mean(weights.seen[2:]))


class Saves(keras.callbacks.Callback):
    """Saves the state for a restart at the end of an epoch."""

    def __init__(self, folder, averaging, epoch):
        super().__init__()
        self.folder, self.averaging, self.epoch = folder, averaging, epoch

    def on_epoch_end(self, epoch, logs=None):
        if epoch == self.epoch:
            self.model.save(self.folder / "model.keras")
            state = json.dumps(self.averaging.get_state(), allow_nan=False)
            (self.folder / "state.json").write_text(state)
            np.savez(self.folder / "arrays.npz", **self.averaging.get_arrays())
            if self.epoch < 5:
                self.model.stop_training = True


class Restores(keras.callbacks.Callback):
    """Restores the state of a callback when fit begins."""

    def __init__(self, folder, averaging):
        super().__init__()
        self.folder, self.averaging = folder, averaging

    def on_train_begin(self, logs=None):
        with np.load(self.folder / "arrays.npz") as arrays:
            self.averaging.set_arrays(dict(arrays))
        state = json.loads((self.folder / "state.json").read_text())
        self.averaging.set_state(state)


@pytest.mark.parametrize(
    ("stop", "decay", "first"),
    [
        (3, 0.5, True),
        pytest.param(1, None, True, marks=REPEATED),
        pytest.param(1, None, False, marks=REPEATED),
    ],
)
def test_a_restart_changes_nothing(stop, decay, first, tmp_path):
    def averaging():
        return WeightAveraging(1, decay=decay, every=2, data=X, batch_size=5)

    def norm():
        keras.utils.set_random_seed(3)
        layers = [keras.layers.Dense(3), keras.layers.BatchNormalization()]
        layers = [keras.layers.Input((4,)), *layers, keras.layers.Dense(2)]
        model = keras.Sequential(layers)
        model.compile(sgd(0.1, momentum=0.5), "mse", jit_compile=JIT)
        return built(model)

    options = {"validation_data": VALIDATION}
    whole = norm()
    history = train(whole, [averaging()], **options)

    one = averaging()
    train(norm(), [Saves(tmp_path, one, stop), one], **options)
    model, one = norm(), averaging()
    load_training_state(model, tmp_path / "model.keras")
    callbacks = [Restores(tmp_path, one), one]
    callbacks = callbacks if first else callbacks[::-1]
    rest = train(model, callbacks, initial_epoch=stop + 1, **options)
    assert rest["val_loss"] == history["val_loss"][stop + 1 :]
    for weight, expected in zip(model.get_weights(), whole.get_weights(), strict=True):
        np.testing.assert_array_equal(weight, expected)


def test_a_state_set_before_fit_is_used_for_the_next_model():
    one = WeightAveraging(0, assign_at_end=False)
    train(network(), [one], epochs=2)
    state, arrays = one.get_state(), one.get_arrays()
    train(network(), [one], epochs=1)
    assert one.count == 1  # The count restarts for another model.
    one.set_state(state)
    one.set_arrays(arrays)
    train(network(), [one], epochs=3, initial_epoch=2)
    assert one.count == 3


def test_an_average_continues_in_the_next_fit_until_it_is_assigned():
    for assigned, expected in ((False, 4), (True, 2)):
        one, model = WeightAveraging(0, assign_at_end=assigned), network()
        train(model, [one], epochs=2)
        train(model, [one], epochs=4, initial_epoch=2)
        assert one.count == expected


def test_a_state_without_averages_raises():
    one = WeightAveraging(0)
    one.set_state({"count": 2})
    with pytest.raises(ValueError, match="Restore them with set_arrays, or call reset"):
        train(network(), [one], epochs=1)
    for state in ({}, {"count": 1, "more": 2}, 3):
        with pytest.raises(ValueError, match="set_state must be a dict with count"):
            one.set_state(state)


def test_non_finite_weights_are_left_out():
    class Spoils(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            value = [0.0, np.inf, 2.0][epoch]
            self.model.set_weights([np.array(value, "float32")])

    model, averaging = compiled(sgd(0.5)), WeightAveraging(0)
    with pytest.warns(UserWarning, match="leaves out epoch 1, whose weights are not"):
        fit(model, 1, epochs=3, callbacks=[Spoils(), averaging])
    assert averaging.count == 2
    np.testing.assert_array_equal(model.get_weights(), [(-0.5 + 1.5) / 2])


def test_weights_are_averaged_before_a_plateau_restores_others():
    # Without validation both callbacks act at the end of the epoch.
    for first in (True, False):
        plateau = ReduceOnPlateau("loss", 0.5, 1, restore_best_weights=True)
        plateau.min_delta = 1e9  # No epoch improves, so each restores the first.
        callbacks = [WeightAveraging(1), plateau, LearningRateLogger()]
        model = compiled(sgd(0.5))
        fit(model, 1, epochs=3, callbacks=callbacks if first else callbacks[::-1])
        # Epoch 1 trains from -0.5 to -1, and epoch 2 at half the rate from -0.5 to
        # -0.75.
        np.testing.assert_allclose(model.get_weights(), (-1.0 - 0.75) / 2)


def test_a_fit_that_averages_nothing_causes_a_warning():
    class Stops(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            self.model.stop_training = True

    with pytest.warns(UserWarning, match="WeightAveraging has averaged nothing"):
        fit(compiled(sgd(0.5)), 1, epochs=9, callbacks=[WeightAveraging(5), Stops()])
    text = "WeightAveraging.averaged has nothing to give to the model"
    with pytest.raises(ValueError, match=text), WeightAveraging(5).averaged():
        pass


def refused(model, callbacks, text, epochs=4):
    with pytest.raises(ValueError, match=f"^{re.escape(text)}"):
        train(model, callbacks, epochs=epochs)
    assert int(keras.ops.convert_to_numpy(model.optimizer.iterations)) == 0


def test_an_invalid_setup_raises_before_the_first_epoch():
    of = "of WeightAveraging must be"
    text = f"Argument `start_from_epoch` {of} below the number of epochs, which is 4"
    refused(network(), [WeightAveraging(4)], text)
    text = f"Argument `until_epoch` {of} after `start_from_epoch`, which is epoch 3"
    refused(network(), [WeightAveraging(0.75, 3)], text)
    text = "WeightAveraging cannot be used with the `use_ema` of the optimizer 'sgd"
    refused(network(sgd(0.1, use_ema=True)), [WeightAveraging(0)], text)
    several = keras.optimizers.MultiOptimizer(lambda v: sgd(0.1, use_ema=True))
    refused(network(several), [WeightAveraging(0)], text)
    text = f"Argument `data` {of} inputs for the statistics"
    refused(network(norm=True), [WeightAveraging(0)], text)
    text = "WeightAveraging cannot be used twice in one fit."
    refused(network(), [WeightAveraging(0), WeightAveraging(1)], text)
    text = "WeightAveraging cannot be used with the restore_best_weights of Early"
    stops = keras.callbacks.EarlyStopping("loss", restore_best_weights=True)
    for callbacks in ([WeightAveraging(0), stops], [stops, WeightAveraging(0)]):
        refused(network(), callbacks, text)


@pytest.mark.host
@pytest.mark.parametrize(
    ("kind", "argument", "value", "text"),
    [
        (ValueError, "start_from_epoch", -1, "an epoch from 0 as an integer, or a"),
        (ValueError, "start_from_epoch", 1.0, "an epoch from 0 as an integer, or a"),
        (ValueError, "start_from_epoch", np.nan, "an epoch from 0 as an integer, or"),
        (TypeError, "start_from_epoch", "1", "an epoch from 0 as an integer, or a"),
        (TypeError, "start_from_epoch", True, "an epoch from 0 as an integer, or a"),
        (ValueError, "until_epoch", 2.5, "an epoch from 0 as an integer, or a float"),
        (ValueError, "every", 0, "a positive integer"),
        (ValueError, "decay", 1.0, "a number above 0 and below 1"),
        (ValueError, "decay", 0.0, "a number above 0 and below 1"),
        (ValueError, "batch_size", 0, "a positive integer"),
        (ValueError, "steps", 0, "a positive integer"),
        (TypeError, "swap_in_validation", 1, "True or False"),
        (TypeError, "assign_at_end", None, "True or False"),
    ],
)
def test_an_invalid_argument_raises(kind, argument, value, text):
    expected = f"Argument `{argument}` of WeightAveraging must be {text}"
    with pytest.raises(kind, match=re.escape(expected)):
        WeightAveraging(**{argument: value})


def test_the_recipe_with_its_schedule():
    steps, epochs, start = 3, 6, 4
    decay = CosineDecay.from_epochs(0.1, decay_epochs=epochs, steps_per_epoch=steps)
    at_start = float(decay.evaluate(start * steps))
    swa = SWALR.from_epochs(at_start, 0.05, anneal_epochs=1, steps_per_epoch=steps)
    schedule = Chain((decay, swa), (start * steps,))
    np.testing.assert_allclose(schedule.evaluate(start * steps), at_start)
    np.testing.assert_allclose(schedule.evaluate((start + 1) * steps), 0.05)
    weights, model = Weights(), network(kerasched.SGD(schedule, momentum=0.5))
    history = train(model, [LearningRateLogger(), WeightAveraging(start), weights])
    np.testing.assert_allclose(history["learning_rate"][-1], 0.05, rtol=1e-6)
    assert_close(model.get_weights(), mean(weights.seen[start:]))
