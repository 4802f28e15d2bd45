"""A sweep reads every kind of data that `fit` accepts, and does not change it."""

import random

import keras
import numpy as np
import pytest
from one_weight import JIT
from support import BACKEND
from support import INSTALLED

from kerasched import find_learning_rate
from kerasched.finder.batches import Batches

X = np.arange(40, dtype="float32").reshape(20, 2)
Y = X[:, :1]
ROWS = sorted(X[:, 0].tolist())
QUICK = {"steps": 8, "max_lr": 1e-3, "divergence": None, "verbose": 0}


def batches(x, y=None, batch_size=None, sample_weight=None, shuffle=True):
    return Batches(x, y, batch_size, sample_weight, shuffle)


def first(stream, count):
    stream = iter(stream)
    return [next(stream) for _ in range(count)]


def rows(given):
    """Return the first number of each row of some batches."""
    return [float(row[0]) for x, _, _ in given for row in np.asarray(x)]


def trained(x, y=None, **options):
    model = keras.Sequential([keras.layers.Input((2,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse", jit_compile=JIT)
    return find_learning_rate(model, x, y, **{**QUICK, **options})


def test_arrays_are_reshuffled_in_each_epoch_in_a_reproducible_order():
    epochs = [rows(first(batches(X, Y, 5), 8)) for _ in range(2)]
    assert epochs[0] == epochs[1]
    one, two = epochs[0][:20], epochs[0][20:]
    assert sorted(one) == sorted(two) == ROWS
    assert one != two != ROWS
    assert rows(first(batches(X, Y, 5, shuffle=False), 8)) == ROWS * 2


def test_smaller_batches_are_left_out():
    sizes = [len(x) for x, _, _ in first(batches(X, Y, 8), 6)]
    assert sizes == [8] * 6
    assert len(first(batches(X, Y, 64), 3)[0][0]) == 20


def test_structures_of_arrays_keep_their_rows_together():
    data = {"a": X.astype("float64"), "b": [X[:, 0], X[:, 1].astype("int64")]}
    for x, y, weight in first(batches(data, Y, 5, X[:, 1]), 4):
        np.testing.assert_array_equal(x["a"][:, 0], x["b"][0])
        np.testing.assert_array_equal(x["a"][:, 1], x["b"][1])
        np.testing.assert_array_equal(y[:, 0], x["b"][0])
        np.testing.assert_array_equal(weight, x["b"][1])
        assert (x["a"].dtype, x["b"][1].dtype) == ("float32", "int64")


def test_tensors_are_used_like_arrays():
    tensor = keras.ops.convert_to_tensor(X)
    assert rows(first(batches(tensor, Y, 20, shuffle=False), 1)) == ROWS


def test_sample_and_class_weights_are_used():
    y = np.repeat([0, 1], 10).astype("float32")
    plain = trained(X, y, batch_size=20)
    double = trained(X, y, batch_size=20, sample_weight=np.full(20, 2.0))
    classes = trained(X, y, batch_size=20, class_weight={0: 2.0, 1: 2.0})
    for result in (double, classes):
        assert result.losses[0] != plain.losses[0]


class Numbered(keras.utils.PyDataset):
    """A dataset with its own random generators, which counts its epochs."""

    def __init__(self):
        super().__init__()
        self.random, self.python = np.random.default_rng(1), random.Random(1)
        self.legacy = np.random.RandomState(1)
        self.seeds = keras.random.SeedGenerator(1)
        self.ends = 0

    def __len__(self):
        return 4

    def __getitem__(self, index):
        noise = self.random.normal() + self.python.random() + self.legacy.normal()
        noise += keras.ops.convert_to_numpy(keras.random.normal((), seed=self.seeds))
        return X[5 * index : 5 * index + 5] + np.float32(noise), Y[:5]

    def on_epoch_end(self):
        self.ends += 1


def test_a_py_dataset_is_unchanged():
    swept, plain = Numbered(), Numbered()
    assert len(trained(swept).losses) == 8
    assert swept.ends == 0
    np.testing.assert_array_equal(swept[0][0], plain[0][0])


class Asked(Numbered):
    """A dataset that also has `get_state` and `set_state`."""

    def __init__(self):
        super().__init__()
        self.drawn, self.state = [], {"order": np.arange(4), "count": 0}

    def __getitem__(self, index):
        self.drawn.append(index)
        self.state["count"] += 1
        self.state["order"] += 1
        return super().__getitem__(index)

    def get_state(self):
        return self.state

    def set_state(self, state):
        self.state = state
        self.random.normal()


def test_a_dataset_with_get_state_is_restored_by_set_state():
    swept, plain = Asked(), Asked()
    assert len(trained(swept).losses) == 8
    assert len(swept.drawn) > 8
    assert swept.state["count"] == 0
    assert swept.state["order"].tolist() == [0, 1, 2, 3]
    np.testing.assert_array_equal(swept[0][0], plain[0][0])


def test_the_batches_of_a_py_dataset_are_shuffled():
    class Plain(Numbered):
        def __getitem__(self, index):
            return X[5 * index : 5 * index + 5], Y[:5]

    given = rows(first(batches(Plain()), 4))
    assert sorted(given) == ROWS
    assert given != ROWS
    assert rows(first(batches(Plain(), shuffle=False), 4)) == ROWS


needs_tensorflow = pytest.mark.skipif(
    "tensorflow" not in INSTALLED or BACKEND == "torch",
    reason="torch and TensorFlow cannot share this process",
)


@needs_tensorflow
def test_a_tf_dataset_keeps_its_shuffling_order():
    import tensorflow as tf

    def made():
        data = tf.data.Dataset.from_tensor_slices((X, Y)).shuffle(20, seed=4)
        return data.shuffle(20, seed=5).batch(5)

    def order(dataset):
        return [rows([(x, None, None)]) for x, _ in dataset.as_numpy_iterator()]

    swept, plain = made(), made()
    assert order(swept) == order(plain)
    assert len(trained(swept).losses) == 8
    following = [order(dataset) for dataset in (swept, plain)]
    assert following[0] == following[1]
    assert order(swept) != following[0]
    assert sorted(rows(first(batches(made()), 4))) == ROWS


@needs_tensorflow
def test_a_tf_dataset_of_a_generator_is_read_again():
    import tensorflow as tf

    def generate():
        yield from zip(X, Y, strict=True)

    shapes = (tf.TensorSpec((2,), "float32"), tf.TensorSpec((1,), "float32"))
    data = tf.data.Dataset.from_generator(generate, output_signature=shapes).batch(5)
    assert len(trained(data).losses) == 8
    assert len(list(data)) == 4


@pytest.mark.skipif(BACKEND != "torch", reason="only the torch backend loads torch")
@pytest.mark.parametrize("own", [True, False])
def test_a_data_loader_keeps_its_shuffling_order(own):
    import torch

    def made():
        torch.manual_seed(3)
        generator = torch.Generator().manual_seed(2) if own else None
        data = torch.utils.data.TensorDataset(torch.tensor(X), torch.tensor(Y))
        return torch.utils.data.DataLoader(data, 5, shuffle=True, generator=generator)

    orders = []
    for sweeps in (True, False):
        loader = made()
        if sweeps:
            assert len(trained(loader).losses) == 8
        orders.append([rows([(x, None, None)]) for x, _ in loader])
    assert orders[0] == orders[1]


def generate():
    yield X, Y


@pytest.mark.parametrize("data", [generate(), iter([(X, Y)]), enumerate([X])])
def test_data_that_can_be_read_only_once_are_refused(data):
    text = (
        "Argument `x` of find_learning_rate must be arrays or a dataset that can be "
        "read a second time"
    )
    with pytest.raises(TypeError, match=f"{text}.*give the dataset behind it"):
        trained(data)


class Stored:
    """An iterable that returns the same generator each time."""

    def __init__(self, batches):
        self.batches = (batch for batch in batches)

    def __iter__(self):
        return self.batches


def tf_dataset():
    import tensorflow

    shapes = (tensorflow.TensorSpec((5, 2)), tensorflow.TensorSpec((5, 1)))
    stored = stored_batches()
    return tensorflow.data.Dataset.from_generator(
        lambda: stored, output_signature=shapes
    )


def stored_batches():
    return Stored([(X[:5], Y[:5])] * 4)


@pytest.mark.parametrize(
    "made", [stored_batches, pytest.param(tf_dataset, marks=needs_tensorflow)]
)
def test_data_that_are_empty_when_read_again_are_refused(made):
    text = "must be arrays or a dataset that can be read a second time.*give the data"
    with pytest.raises(TypeError, match=text):
        trained(made())
    # So few steps need only one pass.
    assert len(trained(made(), steps=3).losses) == 3


def test_batches_that_are_all_smaller_than_the_first_raise():
    class Shrinking(Numbered):
        given = 0

        def __getitem__(self, index):
            self.given += 1
            x, y = super().__getitem__(index)
            return (x, y) if self.given == 1 else (x[:-1], y[:-1])

    text = r"whose batches have 5 samples, as the first. Received: x=\[4, 4"
    with pytest.raises(ValueError, match=text):
        trained(Shrinking())


@pytest.mark.parametrize("argument", ["y", "batch_size", "sample_weight"])
def test_a_dataset_excludes_other_data_arguments(argument):
    value = {"y": Y, "batch_size": 5, "sample_weight": X[:, 0]}[argument]
    with pytest.raises(ValueError, match=f"`{argument}` .* must be None if"):
        trained(Numbered(), **{argument: value})


def test_arrays_of_different_lengths_are_refused():
    text = r"must have the same length. Received: \[10, 20\]"
    with pytest.raises(ValueError, match=text):
        trained(X, Y[:10])


@pytest.mark.parametrize("data", ["text", 3, [[1.0, 2.0]], None])
def test_invalid_data_are_refused(data):
    with pytest.raises(TypeError, match="must be arrays, or structures of arrays"):
        trained(data)


def test_a_scalar_tensor_is_no_data():
    with pytest.raises(TypeError, match="must be arrays, or structures of arrays"):
        trained(keras.ops.convert_to_tensor(1.0))


def test_data_without_a_batch_are_refused():
    class Empty(Numbered):
        def __len__(self):
            return 0

    with pytest.raises(ValueError, match="must contain at least one batch"):
        trained(Empty())


def test_data_frames_are_used_like_arrays():
    pandas = pytest.importorskip("pandas", reason='needs pip install ".[test]"')
    frame = pandas.DataFrame(X)
    assert rows(first(batches(frame, Y, 20, shuffle=False), 1)) == ROWS
