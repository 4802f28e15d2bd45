"""A saved model in a fresh process: load it, predict, and train one more step.

python -m kerasched.demo.reload MODEL.keras INPUTS.npz OUTPUTS.npz
"""

import json
import sys

import keras
import numpy as np

# The import registers the schedules. Without it the file could not be loaded.
import kerasched as kerasched


def main(model_path: str, inputs_path: str, outputs_path: str) -> None:
    """Load a model, use it on the inputs, and write the outputs."""
    model = keras.saving.load_model(model_path)
    optimizer = model.optimizer
    with np.load(inputs_path) as inputs:
        x, x_next, y_next = inputs["x"], inputs["x_next"], inputs["y_next"]
    predictions = model.predict(x, verbose=0)
    state = {
        "schedule": optimizer.get_config()["learning_rate"],
        "iterations": int(optimizer.iterations),
        "next_learning_rate": float(optimizer.learning_rate),
    }
    model.train_on_batch(x_next, y_next)
    state["iterations_after"] = int(model.optimizer.iterations)
    np.savez(outputs_path, predictions=predictions, state=json.dumps(state))


if __name__ == "__main__":
    main(*sys.argv[1:])
