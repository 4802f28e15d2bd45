"""Scratch memory for the gradients on JAX: which models get it, and no file has it.

At any time Keras must show and save the same variables as with Keras's own optimizer.
"""

import re
import zipfile

import h5py
import keras
import numpy as np
import pytest
from kernels.arrays import needs_extension
from support import BACKEND

import kerasched
from optimizers.small_model import FLOAT32
from optimizers.small_model import X
from optimizers.small_model import Y
from optimizers.small_model import arrays
from optimizers.small_model import assert_same
from optimizers.small_model import both
from optimizers.small_model import compiled
from optimizers.small_model import fit
from optimizers.small_model import fitted
from optimizers.small_model import model as small_model
from optimizers.small_model import scratch_of

pytestmark = [
    needs_extension,
    pytest.mark.skipif(BACKEND != "jax", reason="only JAX has scratch memory"),
    pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5 file"),
]
KERAS_WRAPPER = keras.optimizers.LossScaleOptimizer
WRAPPERS = {
    "SGD": (lambda optimizer: optimizer, lambda optimizer: optimizer),
    "loss scale": (kerasched.LossScaleOptimizer, KERAS_WRAPPER),
}
each_wrapper = pytest.mark.parametrize("wrapper", WRAPPERS)


@pytest.fixture(autouse=True)
def _small_threshold(monkeypatch):
    monkeypatch.setattr("kerasched.kernels.scratch.MIN_BYTES", 0)


def pair(wrapper="SGD"):
    """Return our optimizer and Keras's own with the same arguments."""
    pairs = zip(WRAPPERS[wrapper], both(True, use_ema=True), strict=True)
    return tuple(wrap(optimizer) for wrap, optimizer in pairs)


def assert_has_scratch(model):
    weights = model.trainable_variables
    scratch = scratch_of(model)
    assert [s.shape for s in scratch] == [w.shape for w in weights]
    assert all(np.any(s) for s in scratch)


def exposed(model, folder):
    """Return the shapes of all arrays that Keras shows or saves, by name."""
    model.save(folder / "model.keras")
    model.save(folder / "model.h5")
    with zipfile.ZipFile(folder / "model.keras") as archive:
        archive.extract("model.weights.h5", folder)
    own = {}
    model.optimizer.save_own_variables(own)
    tree = model.get_state_tree("numpy_array")["optimizer_variables"]
    return {
        "variables": [(plain(v.path), v.shape) for v in model.optimizer.variables],
        "own variables": {name: value.shape for name, value in own.items()},
        "state tree": shapes(tree),
        "keras": stored(folder / "model.weights.h5"),
        "h5": stored(folder / "model.h5"),
    }


def plain(name):
    """Return the name of a variable without its model's and optimizer's names."""
    return re.sub(r"_\d+|sequential|^/?(loss_scale_optimizer|sgd)", "", name.lower())


def shapes(tree, path=""):
    """Return the shapes in a nested dict, by path without Keras's counters."""
    if not isinstance(tree, dict):
        return {plain(path): np.shape(tree)}
    found = {}
    for name, value in tree.items():
        found.update(shapes(value, f"{path}/{name}"))
    return found


def stored(path):
    """Return the sorted shapes of the arrays in a file: their names have counters."""
    found = []
    with h5py.File(path) as file:
        file.visititems(lambda _, item: found.append(getattr(item, "shape", ())))
    return sorted(found)


class Exposing(keras.callbacks.Callback):
    """Collects the arrays that Keras shows and saves at every stage of `fit`."""

    def __init__(self, folder):
        super().__init__()
        self.folder, self.found = folder, []

    def look(self):
        self.found.append(exposed(self.model, self.folder))

    def on_train_begin(self, logs=None):
        self.look()

    def on_train_batch_end(self, batch, logs=None):
        if batch == 1:
            self.look()

    def on_epoch_end(self, epoch, logs=None):
        self.look()

    def on_train_end(self, logs=None):
        self.look()


@each_wrapper
def test_files_trees_and_lists_never_contain_scratch_memory(wrapper, tmp_path):
    found = []
    for optimizer in pair(wrapper):
        model = compiled(optimizer)
        callback = Exposing(tmp_path)
        optimizer.build(model.trainable_variables)
        callback.found.append(exposed(model, tmp_path))
        model.fit(X, Y, batch_size=8, epochs=2, verbose=0, callbacks=[callback])
        callback.found.append(exposed(model, tmp_path))
        is_ours = type(optimizer).__module__.startswith("kerasched.")
        assert bool(scratch_of(model)) is is_ours
        found.append(callback.found)
    assert len(found[0]) == 8
    for ours, theirs in zip(*found, strict=True):
        assert ours == theirs


@each_wrapper
def test_a_checkpoint_within_fit_resumes_to_the_bit(wrapper, tmp_path):
    path = tmp_path / "model.keras"
    checkpoint = keras.callbacks.ModelCheckpoint(path, save_freq=6)
    model = compiled(pair(wrapper)[0])
    rows = {"x": X, "y": Y, "batch_size": 8, "shuffle": False, "verbose": 0}
    model.fit(**rows, epochs=2, steps_per_epoch=4, callbacks=[checkpoint])
    resumed = keras.saving.load_model(path)
    assert int(resumed.optimizer.iterations) == 6
    for start in (16, 24):
        resumed.train_on_batch(X[start : start + 8], Y[start : start + 8])
    assert_has_scratch(model)
    assert_has_scratch(resumed)
    states = [arrays(m.optimizer.variables) for m in (model, resumed)]
    for a, b in zip(*states, strict=True):
        np.testing.assert_array_equal(a, b)


@each_wrapper
def test_every_training_method_gives_the_weights_of_keras(wrapper):
    models = [compiled(optimizer) for optimizer in both(True, nesterov=True)]
    for model in models:
        fit(model)
        fit(model)
        model.train_on_batch(X[:5], Y[:5])
        model.compile(model.optimizer, "mse", steps_per_execution=3)
        fit(model)
        model.make_train_function(force=True)
        fit(model)
    assert_has_scratch(models[0])
    assert_same(*models, **FLOAT32)


def test_scratch_memory_is_kept_when_the_data_end_an_epoch():
    def batches():
        for start in range(0, len(X), 8):
            yield X[start : start + 8], Y[start : start + 8]

    model = compiled(pair()[0])
    model.fit(batches(), verbose=0)
    before = [array.unsafe_buffer_pointer() for array in scratch_of(model)]
    model.fit(batches(), verbose=0)
    assert [array.unsafe_buffer_pointer() for array in scratch_of(model)] == before


def test_scratch_memory_is_recreated_after_a_step_that_raised():
    model = fitted(pair()[0])
    for array in scratch_of(model):
        array.delete()
    fit(model)
    assert_has_scratch(model)


@each_wrapper
def test_a_custom_step_passes_only_the_variables(wrapper):
    import jax

    model = fitted(pair(wrapper)[0])
    optimizer = model.optimizer
    state = [v.value for v in optimizer.variables]
    weights = [v.value for v in model.trainable_variables]
    step = jax.jit(optimizer.stateless_apply)
    new_weights, new_state = step(state, weights, weights)
    assert type(new_state) is list
    assert [v.shape for v in new_state] == [v.shape for v in state]
    assert len(new_weights) == len(weights)
    with pytest.raises(ValueError, match=r"1:1|shorter than|longer than"):
        step([*state, *weights], weights, weights)


class OwnStep(keras.Sequential):
    def train_step(self, state, data):
        return super().train_step(state, data)


def own_step(optimizer):
    keras.utils.set_random_seed(0)
    model = OwnStep(small_model().layers)
    model.compile(optimizer, "mse")
    return model


def step_of_the_instance(optimizer):
    model = compiled(optimizer)
    step = model.train_step
    model.train_step = lambda state, data: step(state, data)
    return model


class Subclass(kerasched.SGD):
    def stateless_apply(self, optimizer_variables, grads, trainable_variables):
        assert type(optimizer_variables) is list
        return super().stateless_apply(optimizer_variables, grads, trainable_variables)


class Wrapper(kerasched.LossScaleOptimizer):
    def stateless_apply(self, optimizer_variables, grads, trainable_variables):
        assert type(optimizer_variables) is list
        return super().stateless_apply(optimizer_variables, grads, trainable_variables)


def not_compiled(**options):
    def build(optimizer):
        model = small_model()
        model.compile(optimizer, "mse", **options)
        return model

    return build


WITHOUT = {
    "a train step of its own": own_step,
    "a train step of the instance": step_of_the_instance,
    "not compiled": not_compiled(jit_compile=False),
    "eagerly": not_compiled(run_eagerly=True),
    "a wrapper of Keras": lambda optimizer: compiled(KERAS_WRAPPER(optimizer)),
    "a wrapper of another class": lambda optimizer: compiled(Wrapper(optimizer)),
    "another optimizer": lambda _: compiled(keras.optimizers.Adam()),
    "a wrapper around another optimizer": lambda _: compiled(
        kerasched.LossScaleOptimizer(keras.optimizers.Adam())
    ),
    "another class": lambda _: compiled(Subclass(0.1, fused=True)),
    "without the kernel": lambda _: compiled(kerasched.SGD(0.1, fused=False)),
}


@pytest.mark.parametrize("build", WITHOUT.values(), ids=WITHOUT)
def test_other_steps_and_optimizers_get_no_scratch_memory(build):
    model = build(kerasched.SGD(0.1, fused=True))
    before = arrays(model.trainable_variables)
    fit(model)
    assert scratch_of(model) == []
    assert not all(map(np.array_equal, before, arrays(model.trainable_variables)))


def test_a_small_model_gets_no_scratch_memory(monkeypatch):
    monkeypatch.setattr("kerasched.kernels.scratch.MIN_BYTES", 16 * 2**20)
    assert scratch_of(fitted(pair()[0])) == []


def test_under_a_distribution_there_is_no_scratch_memory():
    keras.distribution.set_distribution(keras.distribution.DataParallel())
    try:
        model = fitted(pair()[0])
    finally:
        keras.distribution.set_distribution(None)
    assert scratch_of(model) == []


def test_a_replaced_optimizer_gets_no_scratch_memory():
    model = fitted(kerasched.SGD(0.1, momentum=0.9, fused=True))
    model.optimizer = keras.optimizers.SGD(0.1)
    model.optimizer.build(model.trainable_variables)
    fit(model)
    fit(model)
    assert int(model.optimizer.iterations) == 8
    assert scratch_of(model) == []


def test_a_model_that_is_built_by_fit_has_scratch_memory():
    model = keras.Sequential([keras.layers.Dense(3), keras.layers.Dense(1)])
    model.compile(pair()[0], "mse")
    model.make_train_function()
    fit(model)
    assert_has_scratch(model)


def test_keras_applies_a_constraint_under_a_loss_scale():
    optimizer = kerasched.LossScaleOptimizer(both(True)[0])
    model = fitted(optimizer, constraint=keras.constraints.MaxNorm(0.5))
    assert len(scratch_of(model)) == len(model.trainable_variables)
    norms = np.linalg.norm(model.layers[0].kernel, axis=0)
    assert norms.max() <= 0.5 + 1e-6
