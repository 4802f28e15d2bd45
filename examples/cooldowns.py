"""Warmup-stable-decay: two cooldowns that branch off one stable run.

A cosine schedule needs the length of the run in advance. Here one run trains at a
constant rate for as long as you like. Whenever you want a good model, a copy of the run
gets a short cooldown, and the run itself goes on. The data are scikit-learn's digits.
"""

import tempfile
from pathlib import Path

import keras
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from kerasched import Constant
from kerasched import Warmup
from kerasched import WarmupStableDecay
from kerasched import set_schedule

BATCH_SIZE, PEAK = 32, 0.1
WARMUP, COOLDOWN, BRANCHES = 1, 2, (3, 9)  # In epochs.

keras.utils.set_random_seed(0)
x, y = load_digits(return_X_y=True)
x, x_test, y, y_test = train_test_split(x / 16, y, stratify=y, random_state=0)
steps_per_epoch = -(-len(x) // BATCH_SIZE)  # The last batch may be smaller.


def report(name, model):
    step = int(model.optimizer.iterations)
    rate = float(model.optimizer.learning_rate)  # The rate of the next update.
    loss = model.evaluate(x_test, y_test, verbose=0)
    print(f"{name:19}  {step:4}  {rate:13.2f}  {loss:9.3f}")


model = keras.Sequential(
    [
        keras.layers.Input((64,)),
        keras.layers.Dense(64, activation="relu"),
        keras.layers.Dense(10, activation="softmax"),
    ]
)
stable = Warmup(Constant(PEAK), warmup_steps=WARMUP * steps_per_epoch)
optimizer = keras.optimizers.SGD(stable, momentum=0.9)
model.compile(optimizer, "sparse_categorical_crossentropy")

print("run                  step  learning rate  test loss")
schedules, epoch = [], 0
for branch in BRANCHES:
    model.fit(x, y, BATCH_SIZE, initial_epoch=epoch, epochs=branch, verbose=0)
    epoch = branch
    report("stable", model)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "stable.keras")
        model.save(path)  # With the optimizer's state and its step count.
        cooled = keras.saving.load_model(path)
    schedule = WarmupStableDecay.from_epochs(
        PEAK, WARMUP, branch - WARMUP, COOLDOWN, steps_per_epoch=steps_per_epoch
    )
    set_schedule(cooled, schedule)  # The same rates up to here, then the decay.
    cooled.fit(x, y, BATCH_SIZE, epochs=COOLDOWN, verbose=0)
    report(f"  cooldown at {branch * steps_per_epoch}", cooled)
    schedules.append(schedule)
