"""The fresh process: load a saved model, predict, and train for one more step.

python -m kerasched.demo.again MODEL.keras ROWS.npz FOUND.npz
"""

import json
import sys

import keras
import numpy as np

# Importing it registers the schedules, without which the file could not be loaded.
import kerasched as kerasched


def main(model_path: str, rows_path: str, found_path: str) -> None:
    """Write what is found in the model's file to `found_path`."""
    model = keras.saving.load_model(model_path)
    optimizer = model.optimizer
    with np.load(rows_path) as rows:
        x, x_next, y_next = rows["x"], rows["x_next"], rows["y_next"]
    predictions = model.predict(x, verbose=0)
    facts = {
        "schedule": optimizer.get_config()["learning_rate"],
        "iterations": int(optimizer.iterations),
        "next_learning_rate": float(optimizer.learning_rate),
    }
    model.train_on_batch(x_next, y_next)
    facts["iterations_after"] = int(model.optimizer.iterations)
    np.savez(found_path, predictions=predictions, facts=json.dumps(facts))


if __name__ == "__main__":
    main(*sys.argv[1:])
