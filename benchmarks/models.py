"""The models that bench_fit.py trains, with random training data."""

from typing import Any

import keras
import numpy as np

BATCH = 8
CLASSES = 10


def mlp(width: int = 4096) -> Any:
    """Return two wide dense layers: 21 million weights at a width of 4096."""
    return keras.Sequential(
        [
            keras.Input((width // 4,)),
            keras.layers.Dense(width, activation="relu"),
            keras.layers.Dense(width, activation="relu"),
            keras.layers.Dense(CLASSES),
        ]
    )


def embedding() -> Any:
    """Return an embedding of 300,000 words, 19 million weights, and a small head."""
    return keras.Sequential(
        [
            keras.Input((32,), dtype="int32"),
            keras.layers.Embedding(300_000, 64),
            keras.layers.GlobalAveragePooling1D(),
            keras.layers.Dense(64, activation="relu"),
            keras.layers.Dense(CLASSES),
        ]
    )


def deep() -> Any:
    """Return 81 narrow dense layers: 162 tensors, a third of a million weights."""
    layers = [keras.layers.Dense(64, activation="relu") for _ in range(80)]
    return keras.Sequential([keras.Input((64,)), *layers, keras.layers.Dense(CLASSES)])


def tiny() -> Any:
    """Return three dense layers with 5,000 weights in all."""
    layers = [keras.layers.Dense(48, activation="relu") for _ in range(2)]
    return keras.Sequential([keras.Input((40,)), *layers, keras.layers.Dense(CLASSES)])


def million() -> Any:
    """Return three dense layers with a million weights in all."""
    return mlp(890)


def convolution() -> Any:
    """Return three convolutions on images of 32 by 32 pixels."""
    layers = [
        keras.layers.Conv2D(n, 3, strides=2, activation="relu") for n in (16, 32, 64)
    ]
    pooled = keras.layers.GlobalAveragePooling2D()
    head = keras.layers.Dense(CLASSES)
    return keras.Sequential([keras.Input((32, 32, 3)), *layers, pooled, head])


MODELS = {
    "mlp": mlp,
    "embedding": embedding,
    "deep": deep,
    "tiny": tiny,
    "million": million,
    "convolution": convolution,
}


def build(name: str, optimizer: Any, jit: bool) -> Any:
    """Return a compiled model with the same initial weights each time."""
    keras.utils.set_random_seed(3)
    model = MODELS[name]()
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optimizer, loss, jit_compile=jit)
    return model


def data(model: Any, steps: int) -> tuple[np.ndarray, np.ndarray]:
    """Return inputs and labels for a number of batches."""
    generator = np.random.default_rng(4)
    shape = (BATCH * steps, *model.input_shape[1:])
    labels = generator.integers(0, CLASSES, BATCH * steps)
    if model.inputs[0].dtype == "int32":
        return generator.integers(0, 300_000, shape, dtype="int32"), labels
    return generator.standard_normal(shape, dtype="float32"), labels
