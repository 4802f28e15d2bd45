"""Warmup and inverse square root, the schedule of "Attention Is All You Need".

A small transformer learns to predict the next character of Python's own language
reference, which is installed with Python as the text of `help()`.
"""

import math
from collections import Counter
from pydoc_data.topics import topics

import keras
import numpy as np
from keras import layers

from kerasched import InverseSqrtDecay
from kerasched import Warmup
from kerasched.callbacks import LearningRateLogger

LENGTH, WIDTH, BATCH_SIZE, EPOCHS = 32, 64, 32, 4
WARMUP_STEPS = 100

keras.utils.set_random_seed(0)
text = "\n".join(topics.values())[:200_000]
characters = sorted(set(text))
number_of = {character: number for number, character in enumerate(characters)}
numbers = np.array([number_of[character] for character in text], "int32")

# Windows of LENGTH characters; the target is each window shifted by one.
starts = np.arange(0, len(numbers) - LENGTH, LENGTH)
windows = numbers[starts[:, None] + np.arange(LENGTH + 1)]
x, y = windows[:, :-1], windows[:, 1:]
training, held_out = slice(0, -1000), slice(-1000, None)


def make_transformer():
    """Return a decoder with one block, for one window of characters at a time."""
    inputs = layers.Input((LENGTH,), dtype="int32")
    positions = keras.ops.cumsum(keras.ops.ones_like(inputs), axis=1) - 1
    z = layers.Embedding(len(characters), WIDTH)(inputs)
    z = z + layers.Embedding(LENGTH, WIDTH)(positions)
    attention = layers.MultiHeadAttention(num_heads=4, key_dim=WIDTH // 4)
    normal = layers.LayerNormalization()(z)
    z = z + attention(normal, normal, use_causal_mask=True)
    normal = layers.LayerNormalization()(z)
    z = z + layers.Dense(WIDTH)(layers.Dense(4 * WIDTH, activation="relu")(normal))
    return keras.Model(inputs, layers.Dense(len(characters))(z))


# With timescale=WARMUP_STEPS the rate after the warmup is peak * sqrt(warmup / step).
decay = InverseSqrtDecay(0.005, timescale=WARMUP_STEPS)
schedule = Warmup(decay, warmup_steps=WARMUP_STEPS)
model = make_transformer()
model.compile(
    keras.optimizers.Adam(schedule, beta_2=0.98, epsilon=1e-9),
    keras.losses.SparseCategoricalCrossentropy(from_logits=True),
)
history = model.fit(
    x[training],
    y[training],
    batch_size=BATCH_SIZE,
    epochs=EPOCHS,
    validation_data=(x[held_out], y[held_out]),
    verbose=0,
    callbacks=[LearningRateLogger()],
).history

shares = [count / len(text) for count in Counter(text).values()]
entropy = -sum(share * math.log(share) for share in shares)
print(f"loss of a guess by how frequent each character is: {entropy:.2f}")
print("epoch  last rate  training loss  held-out loss")
for epoch in range(EPOCHS):
    rate = history["learning_rate"][epoch]
    loss, held_out_loss = history["loss"][epoch], history["val_loss"][epoch]
    print(f"{epoch + 1:5}  {rate:9.2g}  {loss:13.2f}  {held_out_loss:13.2f}")
