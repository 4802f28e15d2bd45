"""Small problems on tables that scikit-learn ships, for bench_finder.py."""

from collections.abc import Callable
from typing import Any
from typing import NamedTuple

import keras
import numpy as np
from keras import layers
from sklearn import datasets

CLASSES = "sparse_categorical_crossentropy"


class Problem(NamedTuple):
    """Inputs, targets, a model that is not compiled, and its loss."""

    x: np.ndarray
    y: np.ndarray
    model: Any
    loss: str


def diabetes() -> Problem:
    """Return a regression with a hidden layer."""
    x, y = datasets.load_diabetes(return_X_y=True)
    target = _standardized(y[:, None])
    return Problem(_standardized(x), target, _mlp(x, 1), "mse")


def breast_cancer() -> Problem:
    """Return a classification into two classes with a hidden layer."""
    x, y = datasets.load_breast_cancer(return_X_y=True)
    model = _mlp(x, 1, "sigmoid")
    return Problem(_standardized(x), y[:, None], model, "binary_crossentropy")


def wine() -> Problem:
    """Return a classification into three classes with a hidden layer."""
    x, y = datasets.load_wine(return_X_y=True)
    return Problem(_standardized(x), y, _mlp(x, 3, "softmax"), CLASSES)


def digits() -> Problem:
    """Return a classification of images with a hidden layer."""
    return _digits((64,), layers.Dense(64, "relu"))


def convolution() -> Problem:
    """Return a classification of images with two convolutions."""
    first = layers.Conv2D(8, 3, activation="relu")
    second = layers.Conv2D(16, 3, strides=2, activation="relu")
    return _digits((8, 8, 1), first, second, layers.Flatten())


def logistic() -> Problem:
    """Return a classification into two classes without a hidden layer."""
    x, y, _, loss = breast_cancer()
    one = layers.Dense(1, "sigmoid")
    return Problem(x, y, keras.Sequential([layers.Input((30,)), one]), loss)


def batch_normalisation() -> Problem:
    """Return a classification of images with three normalised layers."""
    blocks = [
        (layers.Dense(64), layers.BatchNormalization(), layers.ReLU()) for _ in range(3)
    ]
    return _digits((64,), *(layer for block in blocks for layer in block))


def dropout() -> Problem:
    """Return a classification of images with dropout."""
    return _digits((64,), layers.Dense(128, "relu"), layers.Dropout(0.5))


def deep() -> Problem:
    """Return a classification of images with six hidden layers."""
    return _digits((64,), *(layers.Dense(48, "tanh") for _ in range(6)))


def recurrent() -> Problem:
    """Return a classification of images that are read row by row."""
    return _digits((8, 8), layers.GRU(24))


Problems = dict[str, Callable[[], Problem]]
Optimizers = dict[str, Callable[[], Any]]

# The default rule was found on the first group, with other seeds than bench_finder's.
GROUPS: dict[str, tuple[Problems, Optimizers]] = {
    "five problems": (
        {
            "diabetes": diabetes,
            "breast cancer": breast_cancer,
            "wine": wine,
            "digits": digits,
            "digits, convolution": convolution,
        },
        {
            "SGD, momentum 0.9": lambda: keras.optimizers.SGD(momentum=0.9),
            "Adam": lambda: keras.optimizers.Adam(),
        },
    ),
    "other models and optimizers": (
        {
            "breast cancer, logistic": logistic,
            "digits, batch normalisation": batch_normalisation,
            "digits, dropout": dropout,
            "digits, deep": deep,
            "digits, GRU": recurrent,
        },
        {
            "SGD": lambda: keras.optimizers.SGD(),
            "AdamW": lambda: keras.optimizers.AdamW(weight_decay=0.01),
        },
    ),
}


def _standardized(values: np.ndarray) -> np.ndarray:
    return (values - values.mean(0)) / values.std(0)


def _mlp(x: np.ndarray, outputs: int, activation: str | None = None) -> Any:
    hidden, last = layers.Dense(64, "relu"), layers.Dense(outputs, activation)
    return keras.Sequential([layers.Input(x.shape[1:]), hidden, last])


def _digits(shape: tuple[int, ...], *inner: Any) -> Problem:
    x, y = datasets.load_digits(return_X_y=True)
    last = layers.Dense(10, "softmax")
    model = keras.Sequential([layers.Input(shape), *inner, last])
    return Problem(x.reshape(-1, *shape) / 16, y, model, CLASSES)
