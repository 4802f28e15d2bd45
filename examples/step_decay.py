"""StepDecay on a table: halve the learning rate every ten epochs.

A small network tells benign from malignant tumours by 30 measurements. The data are
scikit-learn's breast cancer table of 569 rows.
"""

import keras
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

from kerasched import StepDecay
from kerasched.callbacks import LearningRateLogger

BATCH_SIZE = 32

keras.utils.set_random_seed(0)
x, y = load_breast_cancer(return_X_y=True)
x, x_test, y, y_test = train_test_split(x, y, stratify=y, random_state=0)
scaler = StandardScaler().fit(x)
x, x_test = scaler.transform(x), scaler.transform(x_test)

# A schedule counts optimizer steps. from_epochs converts epochs to steps.
steps_per_epoch = -(-len(x) // BATCH_SIZE)  # The last batch may be smaller.
schedule = StepDecay.from_epochs(0.1, decay_epochs=10, steps_per_epoch=steps_per_epoch)

model = keras.Sequential(
    [
        keras.layers.Input((x.shape[1],)),
        keras.layers.Dense(16, activation="relu"),
        keras.layers.Dense(1, activation="sigmoid"),
    ]
)
model.compile(
    optimizer=keras.optimizers.SGD(schedule, momentum=0.9),
    loss="binary_crossentropy",
    metrics=["accuracy"],
)
history = model.fit(
    x,
    y,
    batch_size=BATCH_SIZE,
    epochs=30,
    verbose=0,
    callbacks=[LearningRateLogger()],  # Adds `learning_rate` to the logs.
).history

print("epoch  learning rate  training loss")
for epoch in (1, 5, 10, 11, 15, 20, 21, 25, 30):
    rate, loss = history["learning_rate"][epoch - 1], history["loss"][epoch - 1]
    print(f"{epoch:5}  {rate:13.4g}  {loss:13.4f}")
accuracy = model.evaluate(x_test, y_test, verbose=0, return_dict=True)["accuracy"]
print(f"accuracy on {len(x_test)} rows that were held out: {accuracy:.3f}")
