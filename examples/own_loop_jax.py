"""A training loop of your own on JAX, with Keras's model and optimizer.

The loop does nothing for the schedule: the optimizer's state, which the loop carries,
counts the updates. The data are scikit-learn's digits.
"""

import os

os.environ["KERAS_BACKEND"] = "jax"

import jax
import keras
import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from kerasched import CosineDecay
from kerasched import Warmup

BATCH_SIZE, EPOCHS = 32, 5

keras.utils.set_random_seed(0)
x, y = load_digits(return_X_y=True)
x, x_test, y, y_test = train_test_split(x / 16, y, stratify=y, random_state=0)
steps_per_epoch = len(x) // BATCH_SIZE
generator = np.random.default_rng(0)

model = keras.Sequential([keras.layers.Input((64,)), keras.layers.Dense(10)])
loss_of = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
decay = CosineDecay(0.5, decay_steps=(EPOCHS - 1) * steps_per_epoch)
schedule = Warmup(decay, warmup_steps=steps_per_epoch)
optimizer = keras.optimizers.SGD(schedule, momentum=0.9)
optimizer.build(model.trainable_variables)


def forward(weights, others, images, labels):
    outputs, others = model.stateless_call(weights, others, images, training=True)
    return loss_of(labels, outputs), others


@jax.jit
def update(state, images, labels):
    weights, others, slots = state
    compute = jax.value_and_grad(forward, has_aux=True)
    (loss, others), gradients = compute(weights, others, images, labels)
    weights, slots = optimizer.stateless_apply(slots, gradients, weights)
    return (weights, others, slots), loss


variables = (model.trainable_variables, model.non_trainable_variables)
variables += (optimizer.variables,)
state = tuple([variable.value for variable in group] for group in variables)

print("epoch  last rate  mean loss")
for epoch in range(1, EPOCHS + 1):
    losses = []
    order = generator.permutation(len(x))[: steps_per_epoch * BATCH_SIZE]
    for batch in order.reshape(steps_per_epoch, BATCH_SIZE):
        state, loss = update(state, x[batch], y[batch])
        losses.append(float(loss))
    rate = schedule.evaluate(epoch * steps_per_epoch - 1)
    print(f"{epoch:5}  {rate:9.3f}  {sum(losses) / len(losses):9.3f}")

for group, values in zip(variables, state, strict=True):
    for variable, value in zip(group, values, strict=True):
        variable.assign(value)  # Now the model has the trained weights.

accuracy = (model.predict(x_test, verbose=0).argmax(axis=1) == y_test).mean()
print(f"updates that the optimizer has counted: {int(optimizer.iterations)}")
print(f"test accuracy: {accuracy:.3f}")
