"""One-cycle training of a small convolutional network, with a rate found by a sweep.

The learning-rate finder trains for 100 steps at rising rates, suggests a rate, and
restores the model. OneCycle rises to a rate and falls again, while the momentum does
the opposite. The data are scikit-learn's 1797 digits of 8 x 8 pixels.
"""

import keras
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from kerasched import SGD
from kerasched import OneCycle
from kerasched import find_learning_rate

BATCH_SIZE, EPOCHS = 64, 6

keras.utils.set_random_seed(0)
x, y = load_digits(return_X_y=True)
x = x.reshape(-1, 8, 8, 1) / 16  # Pixels from 0 to 1, in one channel.
x, x_test, y, y_test = train_test_split(x, y, stratify=y, random_state=0)

model = keras.Sequential(
    [
        keras.layers.Input((8, 8, 1)),
        keras.layers.Conv2D(16, 3, activation="relu"),
        keras.layers.BatchNormalization(momentum=0.9),
        keras.layers.Conv2D(32, 3, activation="relu"),
        keras.layers.BatchNormalization(momentum=0.9),
        keras.layers.Flatten(),
        keras.layers.Dense(10, activation="softmax"),
    ]
)
loss = "sparse_categorical_crossentropy"

# The rate with which the model is compiled does not matter to the finder.
model.compile(SGD(0.01, momentum=0.9), loss)
sweep = find_learning_rate(model, x, y, batch_size=BATCH_SIZE, verbose=0)
print(f"suggested learning rate: {sweep.suggestion:.3g}")

steps_per_epoch = -(-len(x) // BATCH_SIZE)
cycle = OneCycle(sweep.suggestion, total_steps=EPOCHS * steps_per_epoch)
model.compile(SGD(cycle, momentum=cycle.momentum()), loss, metrics=["accuracy"])
history = model.fit(
    x,
    y,
    batch_size=BATCH_SIZE,
    epochs=EPOCHS,
    validation_data=(x_test, y_test),
    verbose=0,
).history

print("epoch  last rate  momentum  test loss  accuracy")
for epoch in range(1, EPOCHS + 1):
    step = epoch * steps_per_epoch - 1
    rate, momentum = cycle.evaluate(step), cycle.momentum().evaluate(step)
    test_loss = history["val_loss"][epoch - 1]
    accuracy = history["val_accuracy"][epoch - 1]
    print(f"{epoch:5}  {rate:9.2g}  {momentum:8.3f}  {test_loss:9.3f}  {accuracy:8.3f}")
