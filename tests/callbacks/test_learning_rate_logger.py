"""LearningRateLogger logs the rate of the last update, for any consumer of the logs."""

import csv
import re
import warnings

import keras
import numpy as np
import pytest
from one_weight import Metric
from one_weight import Rates
from one_weight import compiled
from one_weight import fit
from one_weight import sgd
from support import BACKEND

from kerasched import Adam
from kerasched import LinearDecay
from kerasched import StepDecay
from kerasched.callbacks import EpochSchedule
from kerasched.callbacks import LearningRateLogger
from kerasched.callbacks import ReduceOnPlateau

SCHEDULE = LinearDecay(1.0, 16)
THEIRS = keras.optimizers.schedules.PolynomialDecay(1.0, 16, 0.0)
WRAPPERS = {
    "plain": lambda optimizer: optimizer,
    "loss scale": lambda optimizer: keras.optimizers.LossScaleOptimizer(optimizer, 1.0),
    "multi": lambda optimizer: keras.optimizers.MultiOptimizer(lambda v: optimizer),
}


class Unregistered(keras.optimizers.schedules.LearningRateSchedule):
    def __call__(self, step):
        return 1.0 - keras.ops.cast(step, "float32") / 16.0


class Batches(keras.callbacks.Callback):
    """Records the logged values of batches without making Keras wait for batches.

    Keras calls it from several threads, so batches may arrive in a different order.
    """

    async_safe = True

    def __init__(self, name="learning_rate"):
        super().__init__()
        self.name, self.seen = name, {}

    def on_train_batch_end(self, batch, logs=None):
        if self.name in logs:
            self.seen.setdefault(batch, []).append(logs[self.name])


def logged(optimizer, callbacks=(), steps=2, epochs=3, every=None, **options):
    """Return the rates in History, and the rates that the updates used."""
    rates, logger = Rates(), LearningRateLogger(every)
    model = compiled(optimizer, **options)
    history = fit(model, steps, epochs=epochs, callbacks=[rates, *callbacks, logger])
    return history.history["learning_rate"], rates.taken


@pytest.mark.parametrize("wrapper", WRAPPERS)
@pytest.mark.parametrize(
    "rate",
    [0.5, SCHEDULE, THEIRS, Unregistered(), lambda: 0.5],
    ids=["number", "ours", "Keras's", "unregistered", "function"],
)
def test_an_epoch_shows_the_rate_of_its_last_update(rate, wrapper):
    shown, taken = logged(WRAPPERS[wrapper](sgd(rate)))
    np.testing.assert_allclose(shown, taken[1::2], rtol=1e-6)


def test_several_optimizers_are_shown_by_their_names():
    optimizers = [sgd(0.5, name="a"), sgd(SCHEDULE, name="b"), sgd(0.25, name="b")]
    turn = iter(optimizers)
    model = compiled(keras.optimizers.MultiOptimizer(lambda v: next(turn)), layers=3)
    history = fit(model, 2, callbacks=[LearningRateLogger()]).history
    shown = {name: values for name, values in history.items() if "rate" in name}
    assert shown == {
        "learning_rate_a": [0.5],
        "learning_rate_b_1": [1 - 1 / 16],
        "learning_rate_b_2": [0.25],
    }


def test_other_scheduled_hyperparameters_are_shown_by_name():
    model, callback, logs = compiled(sgd(0.5)), LearningRateLogger(), {}
    fit(model, 2)
    # The attributes of an optimizer class that accepts such schedules.
    names = ("momentum", "weight_decay", "beta_1", "beta_2")
    for name in names:
        setattr(model.optimizer, name, SCHEDULE)
    callback.set_model(model)
    callback.on_train_begin()
    callback.on_epoch_end(0, logs)
    assert logs == {"learning_rate": 0.5, **dict.fromkeys(names, 1 - 1 / 16)}


def test_scheduled_betas_are_shown():
    model = compiled(Adam(0.5, SCHEDULE, LinearDecay(0.5, 8)))
    history = fit(model, 2, callbacks=[LearningRateLogger()]).history
    shown = {name: values for name, values in history.items() if name != "loss"}
    expected = {
        "learning_rate": [0.5],
        "beta_1": [1 - 1 / 16],
        "beta_2": [0.5 - 1 / 16],
    }
    assert shown == expected


def test_constant_hyperparameters_are_shown_on_request():
    model, batches = compiled(sgd(9.0, momentum=0.5, weight_decay=0.25)), Batches()
    momentum = Batches("momentum")
    setter = EpochSchedule(LinearDecay(1.0, 4), 2)
    for constants in (False, True):
        logger = LearningRateLogger(every=1, constants=constants)
        callbacks = [logger, batches, momentum, setter]
        history = fit(model, 2, epochs=2, callbacks=callbacks).history
        others = {name for name in history if name != "loss"} - {"learning_rate"}
        assert others == ({"momentum", "weight_decay"} if constants else set())
    assert history["momentum"] == [0.5, 0.5]
    assert history["weight_decay"] == [0.25, 0.25]
    # A callback that sets the rate of each batch sets no other hyperparameter.
    assert momentum.seen == {0: [0.5, 0.5], 1: [0.5, 0.5]}
    assert batches.seen == {0: [1.0, 0.5] * 2, 1: [0.75, 0.25] * 2}


@pytest.mark.parametrize("steps", [4, 5, 6, 7])
def test_accumulated_gradients_count_as_keras_counts_them(steps):
    # The schedule counts batches. An update uses the rate of the last of three.
    optimizer = sgd(SCHEDULE, gradient_accumulation_steps=3)
    shown, taken = logged(optimizer, steps=steps, epochs=2)
    used = [[rate for rate in taken[: steps * n] if rate][-1] for n in (1, 2)]
    np.testing.assert_allclose(shown, used, rtol=1e-5)


class CountsUpdates(keras.optimizers.SGD):
    """An optimizer whose schedules count updates, as an attribute declares."""

    schedule_counts_updates = True


def test_an_optimizer_can_declare_that_its_schedules_count_updates():
    model = compiled(CountsUpdates(SCHEDULE, gradient_accumulation_steps=3))
    history = fit(model, 7, callbacks=[LearningRateLogger()]).history
    assert history["learning_rate"] == [1 - 1 / 16]  # Updates 0 and 1 are done.


@pytest.mark.skipif(
    BACKEND == "torch", reason="Keras does not support steps_per_execution on torch"
)
@pytest.mark.parametrize("rate", [SCHEDULE, THEIRS])
def test_several_steps_in_one_execution_are_counted(rate):
    model, batches = compiled(sgd(rate), steps_per_execution=2), Batches()
    logger = LearningRateLogger(every=4)
    history = fit(model, 8, callbacks=[batches, logger]).history
    np.testing.assert_allclose(history["learning_rate"], [1 - 7 / 16], rtol=1e-6)
    assert sorted(batches.seen) == [3, 7]
    np.testing.assert_allclose(batches.seen[3], 1 - 3 / 16, rtol=1e-6)


@pytest.mark.skipif(
    BACKEND == "torch", reason="Keras does not support steps_per_execution on torch"
)
@pytest.mark.parametrize("rate", [SCHEDULE, THEIRS, Unregistered()])
@pytest.mark.parametrize(("every", "labels"), [(1, [1, 3, 5, 7]), (4, [3])])
def test_an_execution_of_fewer_steps_has_the_rate_of_the_last(every, labels, rate):
    model, batches = compiled(sgd(rate), steps_per_execution=2), Batches()
    fit(model, 7, epochs=2, callbacks=[batches, LearningRateLogger(every)])
    # Batch 6 is alone in its execution, but Keras reports the end of batch 7.
    assert sorted(batches.seen) == labels
    ends = [min(label, 6) for label in labels]
    expected = [[1 - step / 16 for step in (b, b + 7)] for b in ends]
    shown = [batches.seen[label] for label in labels]
    np.testing.assert_allclose(shown, expected, rtol=1e-6)


@pytest.mark.parametrize(
    "rate", [SCHEDULE, THEIRS, Unregistered()], ids=["ours", "Keras's", "unregistered"]
)
def test_the_rate_is_shown_every_few_batches(rate):
    model, batches = compiled(sgd(rate)), Batches()
    fit(model, 7, epochs=2, callbacks=[batches, LearningRateLogger(every=3)])
    assert sorted(batches.seen) == [2, 5]
    expected = [[1 - step / 16 for step in (b, b + 7)] for b in (2, 5)]
    shown = [batches.seen[b] for b in (2, 5)]
    np.testing.assert_allclose(shown, expected, rtol=1e-6)


@pytest.mark.parametrize("order", [1, -1])
def test_rates_set_for_each_batch_are_shown(order):
    model, batches, rates = compiled(sgd(9.0)), Batches(), Rates()
    setter = EpochSchedule(LinearDecay(1.0, 8), 4)
    callbacks = [LearningRateLogger(every=1), batches, rates, setter][::order]
    history = fit(model, 4, epochs=2, callbacks=callbacks).history
    shown = np.array([batches.seen[b] for b in range(4)]).T.reshape(-1)
    np.testing.assert_allclose(shown, rates.taken, rtol=1e-6)
    np.testing.assert_allclose(history["learning_rate"], [0.625, 0.125], rtol=1e-6)


@pytest.mark.parametrize("order", [1, -1])
def test_rates_set_for_each_epoch_are_shown_for_batches(order):
    batches = Batches()
    setter = keras.callbacks.LearningRateScheduler(lambda epoch: 0.5 / (1 + epoch))
    callbacks = [LearningRateLogger(every=1), batches, setter][::order]
    fit(compiled(sgd(9.0)), 2, epochs=2, callbacks=callbacks)
    assert batches.seen == {0: [0.5, 0.25], 1: [0.5, 0.25]}


@pytest.mark.parametrize("rate", [0.5, StepDecay(0.5, 99)])
@pytest.mark.parametrize("order", [1, -1])
def test_a_plateau_before_or_after_it_makes_no_difference(order, rate):
    rates = Rates()
    plateau = ReduceOnPlateau("metric", 0.5, 1, mode="min")
    callbacks = [Metric([1.0] * 3), *[plateau, LearningRateLogger()][::order], rates]
    history = fit(compiled(sgd(rate)), 1, epochs=3, callbacks=callbacks).history
    np.testing.assert_allclose(history["learning_rate"], [0.5, 0.5, 0.25])
    np.testing.assert_allclose(rates.taken, [0.5, 0.5, 0.25], rtol=1e-6)


@pytest.mark.parametrize("order", [1, -1])
def test_a_csv_file_has_the_rate_in_any_order_of_callbacks(order, tmp_path):
    path = str(tmp_path / "log.csv")
    callbacks = [LearningRateLogger(), keras.callbacks.CSVLogger(path)][::order]
    fit(compiled(sgd(SCHEDULE)), 2, epochs=2, callbacks=callbacks)
    with open(path, newline="") as file:
        rows = [float(row["learning_rate"]) for row in csv.DictReader(file)]
    np.testing.assert_allclose(rows, [1 - 1 / 16, 1 - 3 / 16])


@pytest.mark.parametrize("every", [None, 1])
def test_the_progress_bar_shows_it(every, capsys):
    model = compiled(sgd(SCHEDULE))
    data = np.ones((4, 1), "float32")
    callbacks = [LearningRateLogger(every)]
    model.fit(data, data, batch_size=1, verbose=1, callbacks=callbacks)
    shown = re.findall(r"learning_rate: (\S+)", capsys.readouterr().out)
    # The bar shows an average over batches and at the end the value of the epoch.
    assert float(shown[-1]) == pytest.approx(1 - 3 / 16, abs=1e-4)
    assert len(shown) == 1 if every is None else len(shown) > 1


def test_a_callback_list_of_the_user_is_sorted_once_in_each_fit():
    model = compiled(sgd(SCHEDULE))
    history, logger = keras.callbacks.History(), LearningRateLogger(every=1)
    mine = keras.callbacks.CallbackList([history, logger], model=model)
    for epochs in (1, 2):
        data = np.ones((2, 1), "float32")
        options = {"batch_size": 1, "verbose": 0, "callbacks": mine}
        model.fit(data, data, epochs=epochs, initial_epoch=epochs - 1, **options)
        assert [type(one).__name__ for one in mine.callbacks] == [
            "LearningRateLogger",
            "History",
            "_AfterAllOthers",
        ]
    np.testing.assert_allclose(history.history["learning_rate"], [15 / 16, 13 / 16])


def test_an_epoch_of_unknown_length_is_shown_for_our_schedules():
    for rate, expected in ((SCHEDULE, [0, 1, 2]), (THEIRS, [])):
        model, seen = compiled(sgd(rate)), Batches()
        logger = LearningRateLogger(every=1)
        logger.set_model(model)
        logger.set_params({"steps": None})
        logger.on_train_begin()
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            logger.on_epoch_begin(0)
        for batch in range(3):
            logs = {}
            logger.on_train_batch_begin(batch)
            logger.on_train_batch_end(batch, logs)
            seen.on_train_batch_end(batch, logs)
        assert list(seen.seen) == expected
        text = "LearningRateLogger shows learning_rate for epochs only"
        warned = [one for one in caught if str(one.message).startswith(text)]
        assert len(warned) == (not expected)


@pytest.mark.parametrize(("kind", "every"), [(ValueError, 0), (TypeError, 1.5)])
def test_an_invalid_argument_raises(kind, every):
    with pytest.raises(kind, match="Argument `every` of LearningRateLogger must be"):
        LearningRateLogger(every)


def test_constants_is_a_flag():
    text = "Argument `constants` of LearningRateLogger must be True or False"
    with pytest.raises(TypeError, match=text):
        LearningRateLogger(constants=1)
