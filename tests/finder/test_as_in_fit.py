"""In a sweep a custom train step receives the same data as in `fit`."""

import importlib.util

import keras
import numpy as np
import pytest
from support import BACKEND

from kerasched import find_learning_rate

X = np.arange(24, dtype="float32").reshape(12, 2)
Y = np.repeat([0, 1], 6)
W = np.ones(12, "float32")
CLASSES = {0: 2.0, 1: 1.0}


class Seen(keras.Model):
    """Records the data that its step receives, and trains nothing."""

    def __init__(self):
        super().__init__()
        self.seen = set()
        self.dense = keras.layers.Dense(1)

    def call(self, x):
        return self.dense(keras.tree.flatten(x)[0])

    def train_step(self, *arguments):
        *state, data = arguments
        self.seen.add(described(data))
        logs = {"loss": keras.ops.zeros(())}
        return (logs, *state) if state else logs


def described(data):
    """Return the structure of data and the kinds of its leaves."""
    if data is None:
        return None
    if isinstance(data, dict):
        return tuple((name, described(part)) for name, part in sorted(data.items()))
    if isinstance(data, (list, tuple)):
        return (type(data).__name__, *map(described, data))
    kind = "tensor" if keras.ops.is_tensor(data) else type(data).__name__
    # A compiled step may not know the number of rows.
    return kind, keras.backend.standardize_dtype(data.dtype), tuple(data.shape[1:])


class Dataset(keras.utils.PyDataset):
    def __init__(self, made):
        super().__init__()
        self.made = made

    def __len__(self):
        return 3

    def __getitem__(self, index):
        rows = slice(4 * index, 4 * index + 4)
        return self.made(rows)


def tf_dataset(*parts):
    import tensorflow as tf

    data = parts if len(parts) > 1 else parts[0]
    return tf.data.Dataset.from_tensor_slices(data).batch(4, drop_remainder=True)


def loader(*parts):
    import torch

    data = torch.utils.data.TensorDataset(*map(torch.as_tensor, parts))
    return torch.utils.data.DataLoader(data, 4)


ARRAYS = {
    "inputs alone": {"x": X},
    "targets": {"x": X, "y": Y},
    "floats of 64 bits": {"x": X.astype("float64"), "y": Y},
    "weights": {"x": X, "y": Y, "sample_weight": W},
    "weights of classes": {"x": X, "y": Y, "class_weight": CLASSES},
    "dict": {"x": {"a": X, "b": X}, "y": Y},
    "tensors": {"x": keras.ops.convert_to_tensor(X), "y": Y},
}
DATASETS = {
    "of inputs": lambda: {"x": Dataset(lambda rows: (X[rows],))},
    "of inputs, bare": lambda: {"x": Dataset(lambda rows: X[rows])},
    "of dicts": lambda: {"x": Dataset(lambda rows: {"a": X[rows]})},
    "of targets": lambda: {"x": Dataset(lambda rows: (X[rows], Y[rows]))},
    "of lists": lambda: {"x": Dataset(lambda rows: [X[rows], Y[rows]])},
    "of weights": lambda: {"x": Dataset(lambda rows: (X[rows], Y[rows], W[rows]))},
    "of classes": lambda: {
        "x": Dataset(lambda rows: (X[rows], Y[rows])),
        "class_weight": CLASSES,
    },
}
FRAMEWORKS = {
    "tf.data": lambda: {"x": tf_dataset(X, Y)},
    "tf.data of inputs": lambda: {"x": tf_dataset(X)},
    "tf.data of classes": lambda: {
        "x": tf_dataset(X, Y),
        "class_weight": CLASSES,
    },
    "torch": lambda: {"x": loader(X, Y)},
    "torch of inputs": lambda: {"x": loader(X)},
}


def seen_in(trains, **options):
    model = Seen()
    model.build((None, 2))
    model.compile("sgd", **options)
    trains(model)
    return model.seen


def assert_the_same(data, **options):
    in_fit = seen_in(lambda model: model.fit(**data, verbose=0), **options)
    in_sweep = seen_in(
        lambda model: find_learning_rate(model, **data, steps=3, verbose=0), **options
    )
    assert len(in_fit) == 1
    assert in_sweep == in_fit


# On JAX, an uncompiled step gets arrays in fit and tensors in train_on_batch.
@pytest.mark.parametrize("eager", [False] if BACKEND == "jax" else [False, True])
@pytest.mark.parametrize("data", ARRAYS)
def test_a_step_receives_arrays_as_in_fit(data, eager):
    assert_the_same({**ARRAYS[data], "batch_size": 4}, run_eagerly=eager)


@pytest.mark.parametrize("data", DATASETS)
def test_a_step_receives_a_dataset_as_in_fit(data):
    assert_the_same(DATASETS[data]())


@pytest.mark.parametrize("data", FRAMEWORKS)
def test_a_step_receives_a_framework_dataset_as_in_fit(data):
    package = "tensorflow" if data.startswith("tf") else "torch"
    apart = {package, BACKEND} == {"tensorflow", "torch"}
    if apart or importlib.util.find_spec(package) is None:
        pytest.skip(f"{package} is not loaded here")
    assert_the_same(FRAMEWORKS[data]())


class Guide(keras.Model):
    """Unpacks its data as Keras's guide does."""

    def train_step(self, *arguments):
        *state, data = arguments
        x, y = data
        return super().train_step(*state, (x, y))


def guided():
    inputs = keras.Input((2,))
    model = Guide(inputs, keras.layers.Dense(1)(inputs))
    model.compile("sgd", "mse", jit_compile=BACKEND == "jax")
    return model


def test_a_step_may_unpack_two_parts():
    assert len(find_learning_rate(guided(), X, Y, steps=3, verbose=0).losses) == 3


def test_the_step_of_a_model_is_restored():
    model = guided()
    find_learning_rate(model, X, Y, steps=3, verbose=0)
    assert "train_step" not in vars(model)
    given = model.train_step
    model.train_step = lambda *arguments: given(*arguments)
    own = model.train_step
    find_learning_rate(model, X, Y, steps=3, verbose=0)
    assert model.train_step is own
