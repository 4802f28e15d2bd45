"""With a LearningRateLogger, TensorBoard's files have scheduled hyperparameters."""

import keras
import numpy as np
import pytest
from one_weight import compiled
from one_weight import fit
from one_weight import sgd
from support import BACKEND

from kerasched import SGD
from kerasched import LinearDecay
from kerasched.callbacks import LearningRateLogger

pytestmark = pytest.mark.skipif(
    BACKEND != "tensorflow", reason="TensorBoard files need TensorFlow"
)


def scalar(name, data, step=None, description=None):
    """Write a number like the package tensorboard, which need not be installed."""
    import tensorflow as tf

    metadata = tf.compat.v1.SummaryMetadata()
    metadata.plugin_data.plugin_name = "scalars"
    number = tf.cast(data, tf.float32)
    return tf.summary.write(name, number, step=step, metadata=metadata)


NAMES = ("learning_rate", "momentum", "weight_decay")


@pytest.fixture
def rates(tmp_path, monkeypatch):
    """Return a function that trains and returns the values in the files, by tag."""
    import tensorflow as tf
    import tensorflow.summary as summary

    monkeypatch.setattr(summary, "scalar", scalar)

    def train(callbacks, optimizer=None):
        model = compiled(optimizer or sgd(LinearDecay(1.0, 8)))
        board = keras.callbacks.TensorBoard(tmp_path, update_freq=1)
        fit(model, 2, epochs=2, callbacks=callbacks(board))
        found = {}
        for path in tmp_path.rglob("*tfevents*"):
            for record in tf.data.TFRecordDataset(str(path)):
                event = tf.compat.v1.Event.FromString(record.numpy())
                for value in event.summary.value:
                    if value.tag.partition("_")[2] in NAMES:
                        number = float(tf.make_ndarray(value.tensor))
                        found.setdefault(value.tag, []).append(number)
        return found

    return train


@pytest.mark.parametrize("order", [1, -1])
def test_each_batch_has_its_rate_in_any_order(order, rates):
    found = rates(lambda board: [LearningRateLogger(every=1), board][::order])
    batches = LinearDecay(1.0, 8).evaluate(np.arange(4))
    np.testing.assert_allclose(found["batch_learning_rate"], batches, rtol=1e-6)
    # Keras replaces our number by its own, which is the rate of the next update.
    following = LinearDecay(1.0, 8).evaluate([2, 4])
    np.testing.assert_allclose(found["epoch_learning_rate"], following, rtol=1e-6)


def test_scheduled_momentum_and_weight_decay_are_in_the_files(rates):
    momentum, decay = LinearDecay(0.9, 8, 0.1), LinearDecay(0.5, 8)
    optimizer = SGD(LinearDecay(1.0, 8), momentum, weight_decay=decay)
    found = rates(lambda board: [board, LearningRateLogger(every=1)], optimizer)
    for name, schedule in (("momentum", momentum), ("weight_decay", decay)):
        batches, ends = schedule.evaluate(np.arange(4)), schedule.evaluate([1, 3])
        np.testing.assert_allclose(found[f"batch_{name}"], batches, rtol=1e-6)
        np.testing.assert_allclose(found[f"epoch_{name}"], ends, rtol=1e-6)


def test_without_the_logger_no_batch_has_a_rate(rates):
    assert list(rates(lambda board: [board])) == ["epoch_learning_rate"]
