"""The stages of the demo, compared with references computed here."""

import json
import math
import statistics

import keras
import numpy as np
import pytest

from kerasched.demo import pipeline
from kerasched.demo.table import Table
from kerasched.demo.table import built_in_table
from kerasched.demo.trace import Settings
from kerasched.demo.trace import Trace
from kerasched.errors import UserError

BACKEND = keras.backend.backend()
SEEDS = (0, 1, 2, 3, 4)


def ignore(stage):
    """Ignore a stage."""


def table_of(features, labels):
    columns = tuple(f"column {n}" for n in range(features.shape[1]))
    return Table("made by the test", columns, features, labels, ("no", "yes"))


def numbered_table():
    """Return 100 rows, the first 30 of class 0, with their numbers in the first cells.

    The second column decreases with the square of the number.
    """
    number = np.arange(100.0)
    features = np.stack([number, -(number**2)], axis=1)
    return table_of(features, (number >= 30).astype(int))


def numbers_of(parts):
    """Return the numbers of the rows in both splits, recovered from the first cells.

    The scaler keeps the order for any fitted range.
    """
    scaled = np.concatenate([parts.x[:, 0], parts.x_held_out[:, 0]])
    numbers = scaled.argsort().argsort()
    return numbers[: len(parts.x)], numbers[len(parts.x) :]


@pytest.mark.parametrize("seed", SEEDS)
def test_rows_are_scaled_by_the_training_part_alone(seed):
    table = numbered_table()
    parts = pipeline.prepare(table, seed, ignore)
    training, held_out = (table.features[n] for n in numbers_of(parts))
    low, high = training.min(axis=0), training.max(axis=0)
    # The test computes in float64, the demo also in float32: one unit near 1.
    for scaled, rows in ((parts.x, training), (parts.x_held_out, held_out)):
        expected = (rows - low) / (high - low)
        assert np.allclose(scaled, expected, rtol=0, atol=2**-23)


# Only row n has a value of 5 or more in column n.
def test_held_out_rows_may_fall_outside_of_0_to_1():
    features = np.random.default_rng(0).uniform(0, 1, (20, 20)) + 5 * np.eye(20)
    table = table_of(features, np.arange(20) % 2)
    held_out = pipeline.prepare(table, 0, ignore).x_held_out
    assert (held_out.max(axis=1) > 1).all()


def test_training_rows_fill_0_to_1():
    x = pipeline.prepare(numbered_table(), 0, ignore).x
    assert np.array_equal([x.min(axis=0), x.max(axis=0)], [[0, 0], [1, 1]])


def test_labels_stay_with_their_rows():
    parts = pipeline.prepare(numbered_table(), 0, ignore)
    numbers = np.concatenate(numbers_of(parts))
    labels = np.concatenate([parts.y, parts.y_held_out])[:, 0]
    assert np.array_equal(labels, numbers >= 30)


# A fifth of 30 rows of one class and of 70 rows of the other is 6 and 14.
@pytest.mark.parametrize("seed", SEEDS)
def test_a_fifth_of_each_class_is_held_out(seed):
    parts = pipeline.prepare(numbered_table(), seed, ignore)
    counts = [np.bincount(y[:, 0].astype(int)) for y in (parts.y, parts.y_held_out)]
    assert np.array_equal(counts, [[24, 56], [6, 14]])


def test_another_seed_holds_out_other_rows():
    table = numbered_table()
    first, second = (
        set(numbers_of(pipeline.prepare(table, seed, ignore))[1]) for seed in (0, 1)
    )
    assert first != second


def test_all_parts_are_float32():
    parts = pipeline.prepare(numbered_table(), 0, ignore)
    arrays = (parts.x, parts.y, parts.x_held_out, parts.y_held_out)
    assert [array.dtype for array in arrays] == ["float32"] * 4


def test_the_schedule_halves_the_rate_every_second_epoch():
    schedule = pipeline.make_schedule(Settings(BACKEND, learning_rate=0.2), 5)
    steps = [0, 9, 10, 19, 20]
    assert schedule.evaluate(steps).tolist() == [0.2, 0.2, 0.1, 0.1, 0.05]


# 16 units with 10 weights and a bias each, and an output with 16 weights and a bias:
# 10 * 16 + 16 + 16 + 1.
def test_the_model_has_one_hidden_layer_of_16_units():
    model = pipeline.build(10, pipeline.make_schedule(Settings(BACKEND), 5), 0.9)
    assert model.count_params() == 193


ROWS, BATCH, EPOCHS = 72, 16, 3  # 4 batches of 16 and one of 8


class Recorded:
    """A training run without shuffling, and the same run batch by batch."""

    def __init__(self):
        random = np.random.default_rng(0)
        x = random.uniform(0, 1, (ROWS, 3)).astype("float32")
        y = (x[:, :1] > x[:, 1:2]).astype("float32")
        self.trace = Trace(BACKEND, "made by the test", ("no", "yes"))
        schedule = pipeline.make_schedule(Settings(BACKEND), 5)
        self.model = pipeline.build(3, schedule, 0.9)
        copy = pipeline.build(3, schedule, 0.9)
        copy.set_weights(self.model.get_weights())
        recorder = pipeline.Recorder(self.trace, schedule, ROWS, BATCH)

        def train(epochs):
            options = {"batch_size": BATCH, "shuffle": False, "verbose": 0}
            self.model.fit(x, y, epochs=epochs, callbacks=[recorder], **options)

        train(EPOCHS)
        self.losses = list(self.trace.step_losses)
        self.rates = list(self.trace.step_learning_rates)
        train(1)
        self.later_rates = self.trace.step_learning_rates[len(self.rates) :]
        starts = list(range(0, ROWS, BATCH)) * EPOCHS
        self.expected = [
            float(copy.train_on_batch(x[n : n + BATCH], y[n : n + BATCH])[0])
            for n in starts
        ]


@pytest.fixture(scope="module")
def recorded():
    return Recorded()


# Keras logs the running mean of the epoch in float32. The loss of a batch is the
# difference of two sums over at most 72 rows, divided by its 8 or 16 rows. An error of
# a few units of 2**-24 in the mean is thus up to 2 * 72 / 8 = 18 times as large.
def test_the_recorder_finds_the_loss_of_each_batch(recorded):
    units = 4 * 18 * 2**-24
    assert np.allclose(recorded.losses, recorded.expected, rtol=0, atol=units)


# Two epochs of 5 steps with one rate, and the third epoch with half of it.
def test_the_recorder_records_the_rate_of_each_step(recorded):
    assert recorded.rates == [0.1] * 10 + [0.05] * 5


def test_the_recorder_records_the_rates_of_a_second_fit(recorded):
    assert recorded.later_rates == [0.05] * 5


def test_the_recorder_numbers_epochs_from_1(recorded):
    assert [epoch.epoch for epoch in recorded.trace.epochs[:3]] == [1, 2, 3]


# Batches are weighted by their rows, so the last one counts half. Both are float32.
def test_the_loss_of_an_epoch_is_the_mean_over_its_rows(recorded):
    means = np.reshape(recorded.expected, (EPOCHS, 5)) @ [16, 16, 16, 16, 8] / ROWS
    found = [epoch.loss for epoch in recorded.trace.epochs[:3]]
    assert np.allclose(found, means, rtol=0, atol=4 * 2**-24)


def train(parts, **options):
    """Train on rows like the demo, and return the trace."""
    settings = Settings(BACKEND, **options)
    trace = Trace(BACKEND, "rows of the test", ("no", "yes"))
    trace.steps_per_epoch = math.ceil(len(parts.x) / settings.batch_size)
    pipeline.train(parts, settings, trace, trace.stages.append, [])
    return trace


def run(seed, **options):
    """Prepare the built-in table and train like the demo; return the trace."""
    parts = pipeline.prepare(built_in_table(), seed, ignore)
    return train(parts, seed=seed, **options)


@pytest.fixture(scope="module")
def reference():
    """The traces of five seeds with the demo's own options."""
    return [run(seed) for seed in SEEDS]


# Medians over seeds, since a single one may start badly. They are of the last epoch's
# running mean during training, and of the trained model.
@pytest.mark.parametrize("when", ["in the last epoch", "after it"])
def test_the_reference_run_learns_the_table(when, reference):
    scores = [
        trace.epochs[-1] if when == "in the last epoch" else trace.training
        for trace in reference
    ]
    loss = statistics.median(score.loss for score in scores)
    accuracy = statistics.median(score.accuracy for score in scores)
    held_out = statistics.median(trace.held_out.accuracy for trace in reference)
    print(
        f"{BACKEND}, medians of {len(SEEDS)} seeds, training part {when}: "
        f"loss {loss:.4f}, accuracy {accuracy:.4f}; "
        f"held-out accuracy after it {held_out:.4f}"
    )
    assert loss < 0.28
    assert accuracy > 0.90


def test_the_reference_run_is_scored_on_all_rows(reference):
    assert {(t.training.rows, t.held_out.rows) for t in reference} == {(455, 114)}


def test_a_seed_repeats_the_training(reference):
    assert run(SEEDS[0], epochs=1).step_losses == reference[0].step_losses[:15]


def test_another_seed_trains_differently_on_the_same_rows():
    parts = pipeline.prepare(numbered_table(), 0, ignore)
    first, second = (train(parts, seed=seed, epochs=1) for seed in (0, 1))
    assert first.step_losses != second.step_losses


def test_a_training_without_momentum_learns():
    epochs = run(0, momentum=0.0, epochs=3).epochs
    assert epochs[-1].loss < epochs[0].loss


def test_a_training_that_diverges_ends_in_strict_json():
    trace = run(0, learning_rate=1e6, momentum=1.0, epochs=2)
    json.dumps(trace.to_json(), allow_nan=False)


def test_predictions_that_are_not_finite_end_in_a_trace_or_a_user_error():
    def diverge():
        return run(0, learning_rate=1e20, momentum=1.0, epochs=2)

    if BACKEND == "torch":  # torch's cross-entropy raises for non-finite predictions.
        with pytest.raises(
            UserError, match="the training diverged and its predictions"
        ):
            diverge()
    else:
        assert not diverge().training.loss < 1.0


def test_a_training_that_diverges_does_not_learn():
    trace = run(0, learning_rate=1e6, momentum=1.0, epochs=2)
    assert not trace.training.loss < 1.0


class Sure:
    """A model that predicts one probability for every row."""

    def __init__(self, probability):
        self.probability = probability

    def predict(self, x, verbose):
        return np.full((len(x), 1), self.probability, "float32")


@pytest.mark.parametrize(
    ("probability", "name"), [(0.25, "no"), (0.5, "no"), (0.75, "yes")]
)
def test_a_prediction_names_the_likelier_class(probability, name):
    stages = []
    x, y = np.zeros((3, 2), "float32"), np.ones((3, 1), "float32")
    parts = pipeline.Split(x, y, x, y)
    trace = Trace(BACKEND, "made by the test", ("no", "yes"))
    pipeline.predict(Sure(probability), parts, trace, stages.append)
    note = f"1 x 2 -> 1 x 1: a held-out row is predicted as {name}, its class is yes"
    assert [stage.note for stage in stages] == [note]
