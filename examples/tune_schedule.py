"""Optuna searches the arguments of a schedule: its peak, its warmup and its decay.

Each trial trains a small network on scikit-learn's digits for four epochs. The search
sees the validation loss; the test set is used once, at the end.
"""

import keras
import optuna
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from kerasched import CosineDecay
from kerasched import LinearDecay
from kerasched import StepDecay
from kerasched import Warmup

BATCH_SIZE, EPOCHS, TRIALS = 32, 4, 10

x, y = load_digits(return_X_y=True)
x, x_test, y, y_test = train_test_split(x / 16, y, stratify=y, random_state=0)
x, x_val, y, y_val = train_test_split(x, y, stratify=y, random_state=0)
STEPS = EPOCHS * -(-len(x) // BATCH_SIZE)
DECAYS = {
    "cosine": lambda peak, steps: CosineDecay(peak, steps),
    "linear": lambda peak, steps: LinearDecay(peak, steps),
    "step": lambda peak, steps: StepDecay(peak, steps // 4),
}


def make_schedule(peak, warmup, decay):
    """Return a schedule of STEPS steps; `warmup` is the fraction that rises."""
    warmup_steps = round(warmup * STEPS)
    return Warmup(DECAYS[decay](peak, STEPS - warmup_steps), warmup_steps)


def train(schedule):
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [
            keras.layers.Input((64,)),
            keras.layers.Dense(32, activation="relu"),
            keras.layers.Dense(10, activation="softmax"),
        ]
    )
    optimizer = keras.optimizers.SGD(schedule, momentum=0.9)
    model.compile(optimizer, "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(x, y, batch_size=BATCH_SIZE, epochs=EPOCHS, verbose=0)
    return model


def objective(trial):
    schedule = make_schedule(
        peak=trial.suggest_float("peak", 1e-3, 1.0, log=True),
        warmup=trial.suggest_float("warmup", 0.0, 0.3),
        decay=trial.suggest_categorical("decay", list(DECAYS)),
    )
    loss, _ = train(schedule).evaluate(x_val, y_val, verbose=0)
    return loss


optuna.logging.set_verbosity(optuna.logging.WARNING)
sampler = optuna.samplers.TPESampler(n_startup_trials=4, seed=0)
study = optuna.create_study(sampler=sampler)  # The smallest loss is the best.
study.optimize(objective, n_trials=TRIALS)

print("validation loss  decay     peak  warmup")
for trial in sorted(study.trials, key=lambda trial: trial.value):
    decay, peak, warmup = (trial.params[key] for key in ("decay", "peak", "warmup"))
    print(f"{trial.value:15.4f}  {decay:6}  {peak:6.3f}  {warmup:6.0%}")
best = make_schedule(**study.best_params)
print("best schedule:", best)
print(f"its test accuracy: {train(best).evaluate(x_test, y_test, verbose=0)[1]:.3f}")
