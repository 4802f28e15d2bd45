"""Fine-tuning with `layerwise`: lower learning rates for lower layers.

A network learns the ten digits from 1000 images. It is then fine-tuned to tell odd from
even digits, with only 30 labelled images. The lower layers already know the strokes of
a digit, so they should change less than the new output layer. Needs Keras 3.15.
"""

import keras
import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from kerasched import CosineDecay
from kerasched import layerwise

PEAK, BATCH_SIZE, EPOCHS, LABELLED = 0.01, 10, 60, 30

keras.utils.set_random_seed(0)
x, y = load_digits(return_X_y=True)
x, x_rest, y, y_rest = train_test_split(
    x / 16, y, train_size=1000, stratify=y, random_state=0
)
x_few, x_test, y_few, y_test = train_test_split(
    x_rest, y_rest, train_size=LABELLED, stratify=y_rest, random_state=0
)

hidden = [keras.layers.Dense(64, activation="relu") for _ in range(3)]
ten_digits = keras.layers.Dense(10, activation="softmax")
pretrained = keras.Sequential([keras.layers.Input((64,)), *hidden, ten_digits])
pretrained.compile("adam", "sparse_categorical_crossentropy")
pretrained.fit(x, y, epochs=20, verbose=0)
body = keras.Sequential([keras.layers.Input((64,)), *hidden])
pretrained_weights = body.get_weights()


def fine_tune(decay):
    """Return how far each layer moves, relative to its weights, and the accuracy."""
    body.set_weights(pretrained_weights)
    odd_or_even = keras.layers.Dense(1, activation="sigmoid")
    model = keras.Sequential([body, odd_or_even])
    schedule = CosineDecay(PEAK, decay_steps=EPOCHS * LABELLED // BATCH_SIZE)
    # The output layer gets the schedule, and each layer below `decay` times as much.
    optimizer = layerwise(model, schedule, decay, optimizer=keras.optimizers.Adam)
    model.compile(optimizer, "binary_crossentropy", metrics=["accuracy"])
    model.fit(x_few, y_few % 2, batch_size=BATCH_SIZE, epochs=EPOCHS, verbose=0)
    moved = [
        np.linalg.norm(after - before) / np.linalg.norm(before)
        for after, before in zip(body.get_weights(), pretrained_weights, strict=True)
    ]
    _, accuracy = model.evaluate(x_test, y_test % 2, verbose=0)
    return moved[::2], accuracy  # The kernels, without the biases.


print("             change of the hidden layers' weights")
print("decay          lowest    middle   highest  test accuracy")
for name, decay in (("1 (one rate)", 1.0), ("0.3", 0.3)):
    moved, accuracy = fine_tune(decay)
    changes = "".join(f"{change:10.0%}" for change in moved)
    print(f"{name:12}{changes}  {accuracy:13.3f}")
