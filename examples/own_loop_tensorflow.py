"""A training loop of your own on TensorFlow, with Keras's model and optimizer.

The loop does nothing for the schedule: the optimizer counts its updates and computes
the learning rate of each. The data are scikit-learn's digits.
"""

import os

os.environ["KERAS_BACKEND"] = "tensorflow"

import keras
import tensorflow as tf
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from kerasched import CosineDecay
from kerasched import Warmup

BATCH_SIZE, EPOCHS = 32, 5

keras.utils.set_random_seed(0)
x, y = load_digits(return_X_y=True)
x, x_test, y, y_test = train_test_split(x / 16, y, stratify=y, random_state=0)
data = tf.data.Dataset.from_tensor_slices((x.astype("float32"), y))
data = data.shuffle(len(x)).batch(BATCH_SIZE, drop_remainder=True)
steps_per_epoch = len(data)

model = keras.Sequential([keras.layers.Input((64,)), keras.layers.Dense(10)])
loss_of = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
decay = CosineDecay(0.5, decay_steps=(EPOCHS - 1) * steps_per_epoch)
schedule = Warmup(decay, warmup_steps=steps_per_epoch)
optimizer = keras.optimizers.SGD(schedule, momentum=0.9)
optimizer.build(model.trainable_variables)


@tf.function
def update(images, labels):
    with tf.GradientTape() as tape:
        loss = loss_of(labels, model(images, training=True))
    gradients = tape.gradient(loss, model.trainable_variables)
    optimizer.apply(gradients, model.trainable_variables)
    return loss


print("epoch  last rate  mean loss")
for epoch in range(1, EPOCHS + 1):
    losses = [float(update(images, labels)) for images, labels in data]
    rate = schedule.evaluate(epoch * steps_per_epoch - 1)
    print(f"{epoch:5}  {rate:9.3f}  {sum(losses) / len(losses):9.3f}")

accuracy = (model.predict(x_test, verbose=0).argmax(axis=1) == y_test).mean()
print(f"updates that the optimizer has counted: {int(optimizer.iterations)}")
print(f"test accuracy: {accuracy:.3f}")
