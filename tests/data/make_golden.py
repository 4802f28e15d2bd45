"""Writes the golden file of this version: python tests/data/make_golden.py.

It is done once for each release, and the files are then kept as they are.
"""

import json
from pathlib import Path

import keras
import numpy as np

import kerasched
from kerasched import Chain
from kerasched import PerEpoch
from kerasched import StepDecay
from kerasched import Sum
from kerasched import Warmup

DATA = Path(__file__).parent
STEPS = [0, 1, 3, 4, 5, 7, 10, 19, 20, 100, 320, 520, 900, 2**24 + 1, 2**31 - 1]


def main() -> None:
    entries = kerasched.list_schedules()
    first = Warmup(PerEpoch(StepDecay(0.1, 2), 3), 4, 0.001, "polynomial", 3.0)
    every = Sum(tuple(entry.example for entry in entries), name="every")
    schedule = Chain((first, every), (20,), name="golden")
    x = np.random.default_rng(0).normal(size=(24, 3)).astype("float32")
    y = (x.sum(axis=1, keepdims=True) > 0).astype("float32")
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [
            keras.layers.Input((3,)),
            keras.layers.Dense(4, activation="relu"),
            keras.layers.Dense(1, activation="sigmoid"),
        ]
    )
    optimizer = keras.optimizers.SGD(schedule, momentum=0.9)
    # Torch would take minutes to compile a step that another backend said to compile.
    model.compile(optimizer, keras.losses.BinaryCrossentropy(), jit_compile=False)
    model.fit(x, y, batch_size=4, epochs=1, verbose=0)
    name = f"golden-{kerasched.__version__}"
    model.save(DATA / f"{name}.keras")
    facts = {
        "schedules": [entry.cls.__name__ for entry in entries],
        "schedule": repr(schedule),
        "iterations": int(model.optimizer.iterations),
        "steps": STEPS,
        "rates": schedule.evaluate(STEPS).tolist(),
        "x": x[:4].tolist(),
        "y": y[:4].tolist(),
        "predictions": model.predict(x[:4], verbose=0).tolist(),
    }
    text = json.dumps(facts, indent=1) + "\n"
    (DATA / f"{name}.json").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
