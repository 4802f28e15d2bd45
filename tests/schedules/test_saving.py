"""Models with schedules can be saved and loaded, also across backends."""

import json
import zipfile
from pathlib import Path

import keras
import numpy as np
import pytest
from support import BACKEND
from support import EXAMPLES
from support import INSTALLED
from support import SCHEDULES
from support import run_json
from support import run_python
from support import sampled

import kerasched
from kerasched import StepDecay
from kerasched import Sum
from kerasched import Warmup

DATA = Path(__file__).parents[1] / "data"

X = np.random.default_rng(0).normal(size=(24, 3)).astype("float32")
Y = (X.sum(axis=1, keepdims=True) > 0).astype("float32")

WITH_BUILT_IN = Warmup(
    keras.optimizers.schedules.CosineDecay(0.1, 90, alpha=0.01), 10, 0.01
)


def trained(schedule, steps=3):
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [
            keras.layers.Input((3,)),
            keras.layers.Dense(4, activation="relu"),
            keras.layers.Dense(1, activation="sigmoid"),
        ]
    )
    optimizer = keras.optimizers.SGD(schedule, momentum=0.9)
    # Torch would take a minute to compile the step if the file requests compilation.
    model.compile(optimizer, keras.losses.BinaryCrossentropy(), jit_compile=False)
    for _ in range(steps):
        model.train_on_batch(X, Y)
    return model


def schedule_of(model):
    config = model.optimizer.get_config()["learning_rate"]
    return keras.saving.deserialize_keras_object(config)


def state_of(model):
    variables = [*model.trainable_variables, *model.optimizer.variables]
    return [keras.ops.convert_to_numpy(variable.value) for variable in variables]


def assert_same_state(a, b):
    for one, other in zip(state_of(a), state_of(b), strict=True):
        np.testing.assert_array_equal(one, other)


EVERY_SCHEDULE = Sum(tuple(EXAMPLES.values()))
SAVED = {
    "step": EXAMPLES["step"],
    "nested": SCHEDULES["nested"],
    "built-in": WITH_BUILT_IN,
    "every schedule": EVERY_SCHEDULE,
}


@pytest.mark.parametrize("name", SAVED)
def test_a_loaded_model_trains_as_the_saved_one(name, tmp_path):
    model = trained(SAVED[name])
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert schedule_of(loaded) == SAVED[name]
    assert int(loaded.optimizer.iterations) == 3
    assert_same_state(model, loaded)
    np.testing.assert_array_equal(
        model.predict(X, verbose=0), loaded.predict(X, verbose=0)
    )
    for each in (model, loaded):
        each.train_on_batch(X, Y)
    assert_same_state(model, loaded)


@pytest.mark.parametrize("name", ["step", "nested", "built-in"])
def test_a_weights_file_restores_the_optimizer(name, tmp_path):
    model = trained(SAVED[name])
    model.save_weights(tmp_path / "model.weights.h5")
    other = trained(SAVED[name], steps=0)
    other.optimizer.build(other.trainable_variables)
    other.load_weights(tmp_path / "model.weights.h5")
    assert int(other.optimizer.iterations) == 3
    assert_same_state(model, other)


LOAD = """
import json, sys
import keras, kerasched, numpy as np
path, weights, rows, goes_on = sys.argv[1:]
model = keras.saving.load_model(path)
rows = np.load(rows)
optimizer = model.optimizer
facts = {
    "schedule": optimizer.get_config()["learning_rate"],
    "iterations": int(optimizer.iterations),
    "rate": float(optimizer.learning_rate),
    "predictions": model.predict(rows["x"], verbose=0).tolist(),
    "velocity": [keras.ops.convert_to_numpy(v).tolist()
                 for v in optimizer.variables[1:]],
}
if goes_on == "1":
    model.train_on_batch(rows["x"], rows["y"])
    facts["iterations_after"] = int(model.optimizer.iterations)
    facts["weights_after"] = [w.tolist() for w in model.get_weights()]
fresh = keras.models.clone_model(model)
schedule = keras.saving.deserialize_keras_object(facts["schedule"])
optimizer = keras.optimizers.SGD(schedule, momentum=0.9)
fresh.compile(optimizer, "binary_crossentropy", jit_compile=False)
fresh.optimizer.build(fresh.trainable_variables)
fresh.load_weights(weights)
facts["weights_file_iterations"] = int(fresh.optimizer.iterations)
fresh.train_on_batch(rows["x"], rows["y"])
facts["weights_file_weights_after"] = [w.tolist() for w in fresh.get_weights()]
print(json.dumps(facts))
"""


# In the first tier, test_a_loaded_model_trains_as_the_saved_one loads on this backend,
# and tests/optimizers/test_files.py loads files of TensorFlow on JAX.
TESTED_ELSEWHERE = {BACKEND, "jax"} if BACKEND == "tensorflow" else {BACKEND}
OTHERS = sampled({name: (name,) for name in INSTALLED}, {*INSTALLED} - TESTED_ELSEWHERE)


@pytest.mark.parametrize("other", OTHERS)
def test_a_model_saved_here_is_loaded_on_the_other_backend(other, tmp_path):
    # On torch, keras.optimizers.SGD is another class, whose name Keras saves in the
    # file. On other backends it can be loaded but cannot train. A weights file does not
    # contain the name.
    goes_on = BACKEND != "torch" or other == "torch"
    model = trained(SCHEDULES["nested"])
    model.save(tmp_path / "model.keras")
    model.save_weights(tmp_path / "model.weights.h5")
    np.savez(tmp_path / "rows.npz", x=X, y=Y)
    files = [tmp_path / n for n in ("model.keras", "model.weights.h5", "rows.npz")]
    facts = run_json(LOAD, other, [*files, int(goes_on)])
    restored = keras.saving.deserialize_keras_object(facts["schedule"])
    assert restored == SCHEDULES["nested"]
    assert facts["iterations"] == facts["weights_file_iterations"] == 3
    assert facts["rate"] == pytest.approx(restored.evaluate(3), rel=3e-6)
    # Another backend's float32 results differ by a few units in the last place.
    close = {"rtol": 1e-5, "atol": 1e-7}
    np.testing.assert_allclose(
        facts["predictions"], model.predict(X, verbose=0), **close
    )
    velocity = [keras.ops.convert_to_numpy(v) for v in model.optimizer.variables[1:]]
    assert len(velocity) == 4
    for one, another in zip(facts["velocity"], velocity, strict=True):
        np.testing.assert_array_equal(np.array(one, "float32"), another)
    model.train_on_batch(X, Y)
    runs = ["weights_file_weights_after"] + ["weights_after"] * goes_on
    for run in runs:
        for one, another in zip(facts[run], model.get_weights(), strict=True):
            np.testing.assert_allclose(one, another, **close)
    assert not goes_on or facts["iterations_after"] == 4


each_golden_file = pytest.mark.parametrize(
    "path", sorted(DATA.glob("golden-*.keras")), ids=lambda path: path.stem
)


def facts_of(path):
    return json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))


@each_golden_file
def test_a_golden_file_loads(path):
    facts = facts_of(path)
    loaded = keras.saving.load_model(path)
    schedule = schedule_of(loaded)
    assert repr(schedule) == facts["schedule"]
    assert int(loaded.optimizer.iterations) == facts["iterations"]
    rates = schedule.evaluate(facts["steps"])
    np.testing.assert_allclose(rates, facts["rates"], rtol=1e-12, atol=1e-15)
    x, y = np.array(facts["x"], "float32"), np.array(facts["y"], "float32")
    predictions = loaded.predict(x, verbose=0)
    np.testing.assert_allclose(predictions, facts["predictions"], rtol=1e-5)
    loaded.train_on_batch(x, y)
    assert int(loaded.optimizer.iterations) == facts["iterations"] + 1


@each_golden_file
def test_a_golden_file_contains_every_schedule_of_its_version(path):
    with zipfile.ZipFile(path) as archive:
        config = archive.read("config.json").decode()
    names = facts_of(path)["schedules"]
    assert len(names) >= 32
    assert [name for name in names if f"kerasched>{name}" not in config] == []


def test_this_version_has_its_golden_file():
    names = [entry.cls.__name__ for entry in kerasched.list_schedules()]
    facts = facts_of(DATA / f"golden-{kerasched.__version__}.keras")
    assert set(facts["schedules"]) == set(names), "python tests/data/make_golden.py"


@pytest.mark.host
def test_loading_without_importing_kerasched_names_the_missing_class(tmp_path):
    trained(StepDecay(0.1, 5)).save(tmp_path / "model.keras")
    code = "import sys, keras; keras.saving.load_model(sys.argv[1])"
    done = run_python(code, arguments=[tmp_path / "model.keras"], check=False)
    assert done.returncode != 0
    assert "kerasched" in done.stderr
