"""`steps_per_epoch` accepts a number or a dataset."""

import keras
import numpy as np
import pytest
from support import BACKEND

from kerasched import PerEpoch
from kerasched import StepDecay

INNER = StepDecay(0.1, 2)


class Rows(keras.utils.PyDataset):
    """A dataset of `batches` batches, or an infinite one for None."""

    def __init__(self, batches):
        super().__init__()
        self.batches = batches

    @property
    def num_batches(self):
        return self.batches

    def __getitem__(self, index):
        return np.zeros((4, 1)), np.zeros((4, 1))


class OldRows(keras.utils.PyDataset):
    """A dataset with `__len__` instead of `num_batches`."""

    def __len__(self):
        return 7

    def __getitem__(self, index):
        return np.zeros((4, 1)), np.zeros((4, 1))


class Counted:
    """A dataset with `cardinality`, like tf.data.Dataset."""

    def __init__(self, count):
        self.count = count

    def cardinality(self):
        return np.int64(self.count)


class Loader:
    """A dataset with a length, like a torch DataLoader; one over a stream has none."""

    batch_sampler = None

    def __init__(self, count=None):
        self.count = count

    def __len__(self):
        if self.count is None:
            raise TypeError("object of type 'Stream' has no len()")
        return self.count


@pytest.mark.parametrize(
    "dataset", [7, np.int32(7), Rows(7), OldRows(), Counted(7), Loader(7)]
)
def test_a_dataset_stands_for_its_number_of_batches(dataset):
    schedule = PerEpoch(INNER, dataset)
    assert schedule == PerEpoch(INNER, 7)
    assert type(schedule.get_config()["steps_per_epoch"]) is int


def refusal(steps_per_epoch):
    with pytest.raises(ValueError, match="`steps_per_epoch` of PerEpoch") as caught:
        PerEpoch(INNER, steps_per_epoch)
    before, _, after = str(caught.value).partition("Received: steps_per_epoch=")
    assert before == (
        "Argument `steps_per_epoch` of PerEpoch must be a dataset of known, finite "
        "length. "
    )
    return after.partition(". A ")[2]


def test_an_unknown_cardinality_is_refused_with_advice():
    assert refusal(Counted(-2)) == (
        "tf.data.Dataset of unknown cardinality: use "
        "dataset.apply(tf.data.experimental.assert_cardinality(n)) or give the number"
    )


def test_an_infinite_cardinality_is_refused_with_advice():
    assert refusal(Counted(-1)) == (
        "tf.data.Dataset of infinite cardinality: give the dataset before it is "
        "repeated, or the number"
    )


@pytest.mark.parametrize("dataset", [Rows(None), Loader(), keras.utils.PyDataset()])
def test_an_unknown_length_is_refused(dataset):
    text = "dataset of unknown or infinite length: give the number"
    assert refusal(dataset) == text


@pytest.mark.parametrize("dataset", [Rows(0), Counted(0), Loader(0)])
def test_a_dataset_of_no_batches_is_refused(dataset):
    with pytest.raises(ValueError, match="must be a positive integer. Rec.*epoch=0$"):
        PerEpoch(INNER, dataset)


@pytest.mark.parametrize("value", [[1, 2, 3], {1: 2}, np.ones(3), "123", 3.0, True])
def test_an_object_with_a_length_but_no_batches_is_refused(value):
    with pytest.raises(TypeError, match="of PerEpoch must be a positive integer"):
        PerEpoch(INNER, value)


@pytest.mark.parametrize("value", [-1, -2])
def test_a_negative_number_is_not_taken_for_a_cardinality(value):
    with pytest.raises(ValueError, match=f"a positive integer. .*epoch={value}$"):
        PerEpoch(INNER, value)


@pytest.mark.skipif(BACKEND != "tensorflow", reason="needs TensorFlow")
def test_a_real_tensorflow_dataset_is_read():
    import tensorflow as tf

    rows = tf.data.Dataset.range(25)
    assert PerEpoch(INNER, rows.batch(4)).steps_per_epoch == 7
    assert "infinite" in refusal(rows.repeat())
    some = rows.filter(lambda row: row > 3)
    assert "unknown" in refusal(some)
    counted = some.apply(tf.data.experimental.assert_cardinality(21)).batch(4)
    assert PerEpoch(INNER, counted).steps_per_epoch == 6


@pytest.mark.skipif(BACKEND != "torch", reason="needs torch")
def test_a_real_torch_loader_is_read():
    from torch.utils.data import DataLoader
    from torch.utils.data import IterableDataset

    class Stream(IterableDataset):
        def __iter__(self):
            return iter(range(25))

    assert PerEpoch(INNER, DataLoader(range(25), 4)).steps_per_epoch == 7
    last_dropped = DataLoader(range(25), 4, drop_last=True)
    assert PerEpoch(INNER, last_dropped).steps_per_epoch == 6
    assert "unknown or infinite" in refusal(DataLoader(Stream(), 4))
