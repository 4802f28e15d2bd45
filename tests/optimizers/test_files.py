"""Files of kerasched.SGD: complete, portable and interchangeable with Keras's."""

import re

import h5py
import keras
import numpy as np
import pytest
from support import BACKEND
from support import INSTALLED
from support import run_json
from support import sampled

from optimizers.small_model import FLOAT32
from optimizers.small_model import X
from optimizers.small_model import Y
from optimizers.small_model import arrays
from optimizers.small_model import both
from optimizers.small_model import compiled

# Five micro-batches: one update from four, and a partial sum of one to save.
STEPS = 5
OPTIONS = {
    "plain": {},
    "every variable": {"use_ema": True, "gradient_accumulation_steps": 4},
}
each_option = pytest.mark.parametrize("name", OPTIONS)
FIRST = {"every variable-to keras", "plain-from keras"}


SIZES = ["as it is", *["scratch"] * (BACKEND == "jax")]


@pytest.fixture(params=SIZES, autouse=True)
def scratch(request, monkeypatch):
    """Give the small model scratch memory for its gradients, on JAX."""
    if request.param == "scratch":
        monkeypatch.setattr("kerasched.kernels.scratch.MIN_BYTES", 0)


def pair(name):
    return both(True, nesterov=True, **OPTIONS[name])


def stepped(made, steps=STEPS):
    for _ in range(steps):
        made.train_on_batch(X, Y)
    return made


def saved(optimizer):
    """Return the arrays that an optimizer writes to a file, by key."""
    store = {}
    optimizer.save_own_variables(store)
    return {key: np.array(value) for key, value in store.items()}


@each_option
def test_a_file_has_the_keys_and_numbers_of_keras(name):
    ours, theirs = (saved(stepped(compiled(o)).optimizer) for o in pair(name))
    assert list(ours) == list(theirs)
    for key, value in theirs.items():
        np.testing.assert_allclose(ours[key], value, **FLOAT32)


@each_option
def test_a_tree_of_the_state_has_the_names_of_keras(name):
    ours, theirs = (stepped(compiled(o)) for o in pair(name))
    trees = [m.get_state_tree("numpy_array") for m in (ours, theirs)]
    names = [list(next(iter(t["optimizer_variables"].values()))) for t in trees]
    plain = [[re.sub(r"_\d+|sequential", "", n) for n in each] for each in names]
    assert plain[0] == plain[1]
    before = saved(ours.optimizer)
    stepped(ours)
    ours.set_state_tree(trees[0])
    for key, value in saved(ours.optimizer).items():
        np.testing.assert_array_equal(value, before[key])


@pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5 file")
def test_the_old_format_has_the_variables_of_keras(tmp_path):
    counts = []
    for made in map(compiled, pair("plain")):
        stepped(made).save(tmp_path / "model.h5")
        with h5py.File(tmp_path / "model.h5") as file:
            counts.append(len(file["optimizer_weights"].attrs["weight_names"]))
    assert counts[0] == counts[1]


def test_a_partial_sum_is_saved_and_is_zero_after_an_update():
    made = stepped(compiled(pair("every variable")[0]), 4)
    names = [variable.name for variable in made.optimizer.variables]
    places = [n for n, name in enumerate(names) if "accumulator" in name]
    after = saved(made.optimizer)
    assert len(places) == 6
    assert not any(after[str(place)].any() for place in places)
    stepped(made, 1)
    partial = saved(made.optimizer)
    assert all(partial[str(place)].any() for place in places[-2:])


# The first tier has each direction once.
WAYS = {
    f"{name}-{way}": (name, way)
    for name in OPTIONS
    for way in ("to keras", "from keras")
}


@pytest.mark.parametrize(("name", "way"), sampled(WAYS, FIRST))
def test_the_other_class_continues_from_a_file(name, way, tmp_path):
    first, second = pair(name)[:: 1 if way == "to keras" else -1]
    made = stepped(compiled(first))
    made.save_weights(tmp_path / "a.weights.h5")
    other = compiled(second)
    other.optimizer.build(other.trainable_variables)
    other.load_weights(tmp_path / "a.weights.h5")
    assert int(other.optimizer._iterations) == STEPS
    for a, b in zip(arrays(made.weights), arrays(other.weights), strict=True):
        np.testing.assert_array_equal(a, b)
    for each in (made, other):
        stepped(each, 4)
    for a, b in zip(arrays(made.weights), arrays(other.weights), strict=True):
        np.testing.assert_allclose(a, b, **FLOAT32)


@each_option
def test_a_loaded_model_trains_as_the_saved_one_would(name, tmp_path):
    made = stepped(compiled(pair(name)[0]))
    made.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert type(loaded.optimizer) is type(made.optimizer)
    assert loaded.optimizer.get_config() == made.optimizer.get_config()
    for each in (made, loaded):
        stepped(each, 4)
    for a, b in zip(arrays(made.weights), arrays(loaded.weights), strict=True):
        np.testing.assert_array_equal(a, b)


LOAD = """
import json, sys
import keras, kerasched, numpy as np
rows, *paths = sys.argv[1:]
rows, found = np.load(rows), []
for path in paths:
    model = keras.saving.load_model(path)
    assert type(model.optimizer) is kerasched.SGD, type(model.optimizer)
    before = int(model.optimizer._iterations)
    for _ in range(4):
        model.train_on_batch(rows["x"], rows["y"])
    weights = [w.tolist() for w in model.get_weights()]
    found.append({"before": before, "weights": weights})
print(json.dumps(found))
"""


# In the first tier, tests/schedules/test_saving.py loads files on TensorFlow.
OTHERS = sampled(
    {name: (name,) for name in INSTALLED if name != BACKEND},
    {*INSTALLED} - {"tensorflow"},
)


# One process of the other backend loads the models of all sizes.
@pytest.mark.parametrize("scratch", ["as it is"], indirect=True)
@pytest.mark.parametrize("other", OTHERS)
def test_a_model_continues_on_another_backend(other, tmp_path, monkeypatch):
    models = []
    for size in SIZES:
        if size == "scratch":
            monkeypatch.setattr("kerasched.kernels.scratch.MIN_BYTES", 0)
        made = compiled(both("auto", nesterov=True, **OPTIONS["every variable"])[0])
        # Saved too, and torch would take a minute to compile.
        made.compile(made.optimizer, "mse", jit_compile=False)
        stepped(made).save(tmp_path / f"{size}.keras")
        models.append(stepped(made, 4))
    np.savez(tmp_path / "rows.npz", x=X, y=Y)
    files = [tmp_path / f"{size}.keras" for size in SIZES]
    found = run_json(LOAD, other, [tmp_path / "rows.npz", *files])
    for made, facts in zip(models, found, strict=True):
        assert facts["before"] == STEPS
        for here, there in zip(made.get_weights(), facts["weights"], strict=True):
            np.testing.assert_allclose(here, there, rtol=1e-4, atol=1e-5)
