"""Optimizer state is loaded by name into a model with other trainable layers."""

import re
import warnings

import keras
import numpy as np
import pytest
from support import sampled

import kerasched
from kerasched import StepDecay
from kerasched import copy_optimizer_state
from kerasched import load_training_state
from kerasched.resuming.random_states import random_states

# The layers have the same shapes and differ only by name.
X = np.random.default_rng(0).normal(size=(8, 3)).astype("float32")
SCHEDULE = StepDecay(0.1, 3)
ALL = ("a", "b", "norm", "c")


def new_model(optimizer, frozen=()):
    """Return a model with frozen layers; `optimizer` is a function of the model."""
    layers = [keras.layers.Dense(3, name="a"), keras.layers.Dense(3, name="b")]
    inner = keras.Sequential([keras.layers.Input((3,)), *layers], name="inner")
    above = [keras.layers.BatchNormalization(name="norm")]
    above += [keras.layers.Dense(3, name="c")]
    every = [keras.layers.Input((3,)), inner, *above]
    model = keras.Sequential(every, name="outer")
    return compiled(model, optimizer, frozen)


def compiled(model, optimizer, frozen=()):
    inner, *above = model.layers
    for layer in (*inner.layers, *above):
        layer.trainable = layer.name not in frozen
    loss = keras.losses.MeanSquaredError()
    model.compile(optimizer(model), loss, jit_compile=False)
    model.optimizer.build(model.trainable_variables)
    return model


def trained(model, steps=3):
    for _ in range(steps):
        model.train_on_batch(X, -X)
    return model


def saved(model, path, kind=".keras"):
    path = path / f"model{kind}"
    model.save(path) if kind == ".keras" else model.save_weights(path)
    return path


def state(model):
    """Return each slot by its name, which starts with the layer's name."""
    pairs = [
        (v.name.partition("_")[2], keras.ops.convert_to_numpy(v.value).tolist())
        for v in model.optimizer.variables
        if v.name.startswith(("inner_", "outer_"))
    ]
    assert len(dict(pairs)) == len(pairs) > 0
    return dict(pairs)


def counts(model):
    inside = getattr(model.optimizer, "optimizers", None) or [model.optimizer]
    return [int(one.iterations) for one in inside]


def sgd(model):
    return keras.optimizers.SGD(SCHEDULE, momentum=0.9)


def layerwise(model):
    pattern = keras.optimizers.SGD(0.1, momentum=0.9)
    return kerasched.layerwise(model, SCHEDULE, 0.5, pattern)


OPTIMIZERS = {
    "sgd": sgd,
    "kerasched": lambda model: kerasched.SGD(SCHEDULE, momentum=0.9),
    "adam": lambda model: keras.optimizers.Adam(SCHEDULE),
    "loss scale": lambda model: keras.optimizers.LossScaleOptimizer(sgd(model), 2.0),
    "layerwise": layerwise,
}


FROZEN = {"a": ("a",), "b": ("b",), "all": ("a", "b", "norm")}
# Each layer with one optimizer, and each other optimizer with one of the layers.
FIRST = ["sgd-a", "sgd-b", "sgd-all", "kerasched-a", "adam-b", "loss scale-all"]
FIRST += ["layerwise-all"]
CASES = {
    f"{name}-{layers}": (name, frozen)
    for name in OPTIMIZERS
    for layers, frozen in FROZEN.items()
}


@pytest.mark.parametrize(("name", "frozen"), sampled(CASES, FIRST))
def test_an_unfrozen_layer_starts_anew_and_others_continue(name, frozen, tmp_path):
    model = trained(new_model(OPTIMIZERS[name], frozen))
    other = new_model(OPTIMIZERS[name])
    path = saved(model, tmp_path)
    with pytest.warns(UserWarning, match="^load_training_state: ") as caught:
        load_training_state(other, path, strict=False)
    texts = [text for one in caught if (text := str(one.message)).startswith("load_tr")]
    assert len(texts) == 1
    assert "model does not find" in texts[0]
    if name == "layerwise":  # One optimizer per depth, from the last layer down.
        number = min(3 - ALL.index(one) for one in frozen)
        assert f"iteration of optimizers[{number}], momentum of " in texts[0]
    else:
        assert f" of inner/{frozen[0]}/kernel, " in texts[0]
    assert texts[0].endswith(
        ". Variables without saved state start at their initial values."
    )
    for slot, value in state(other).items():
        is_new = slot.startswith(tuple(f"{one}_" for one in frozen))
        assert value == (
            np.zeros_like(value).tolist() if is_new else state(model)[slot]
        )
        assert is_new or np.any(value)
    expected = [3, *[0 if one in frozen else 3 for one in reversed(ALL)]]
    if name == "layerwise":
        assert counts(other) == expected[1:]
    else:
        assert counts(other) == [3]
    for a, b in zip(model.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_the_state_of_a_newly_frozen_layer_is_lost(name, tmp_path):
    model, other = (
        trained(new_model(OPTIMIZERS[name])),
        new_model(OPTIMIZERS[name], ("b",)),
    )
    path = saved(model, tmp_path)
    with pytest.raises(ValueError, match="cannot restore .*inner/b/"):
        load_training_state(other, path)
    with pytest.warns(UserWarning, match="drops (?!.*initial values).*inner/b/"):
        load_training_state(other, path, strict=False)
    found = state(other)
    assert found == {
        name: value for name, value in state(model).items() if name in found
    }
    assert set(counts(other)) == {3}


def test_layers_of_the_same_shape_are_not_confused(tmp_path):
    model, other = trained(new_model(sgd, ("a",))), new_model(sgd, ("b",))
    path, before = saved(model, tmp_path), other.get_weights()
    text = (
        "load_training_state: the optimizer of the model cannot restore momentum "
        "of inner/b/kernel, momentum of inner/b/bias and does not find momentum of "
        f"inner/a/kernel, momentum of inner/a/bias in {path}. Compile the model with "
        "the same optimizer and options, or pass strict=False."
    )
    with pytest.raises(ValueError, match=f"^{re.escape(text)}$"):
        load_training_state(other, path)
    for a, b in zip(before, other.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    with pytest.warns(UserWarning, match="drops momentum"):
        load_training_state(other, path, strict=False)
    assert not np.any(state(other)["a_kernel_momentum"])
    assert state(other)["c_kernel_momentum"] == state(model)["c_kernel_momentum"]


def test_a_frozen_submodel_is_recognized(tmp_path):
    model = new_model(sgd)
    model.layers[0].trainable = False
    model.compile(sgd(model), keras.losses.MeanSquaredError(), jit_compile=False)
    trained(model)
    other = new_model(sgd)
    with pytest.warns(UserWarning, match="does not find momentum of inner/a/kernel"):
        load_training_state(other, saved(model, tmp_path), strict=False)
    assert state(other)["c_bias_momentum"] == state(model)["c_bias_momentum"]


def test_state_that_is_not_in_the_file_is_reset(tmp_path):
    path = saved(trained(new_model(sgd, ("a",))), tmp_path)
    other = trained(new_model(sgd), 5)
    assert np.any(state(other)["a_kernel_momentum"])
    with pytest.warns(UserWarning, match="initial values"):
        load_training_state(other, path, strict=False)
    assert not np.any(state(other)["a_kernel_momentum"])
    assert counts(other) == [3]


def test_a_new_average_starts_at_its_weight(tmp_path):
    def averaged(model):
        return keras.optimizers.SGD(SCHEDULE, use_ema=True, ema_momentum=0.9)

    model, other = trained(new_model(averaged, ("a",))), new_model(averaged)
    with pytest.warns(UserWarning, match="does not find average of"):
        load_training_state(other, saved(model, tmp_path), strict=False)
    weights = {w.path: w.numpy().tolist() for w in other.weights}
    assert state(other)["a_kernel_average"] == weights["inner/a/kernel"]
    assert state(other)["b_kernel_average"] == state(model)["b_kernel_average"]


def test_a_weights_file_without_names_raises_with_advice(tmp_path):
    path = saved(trained(new_model(sgd, ("a",))), tmp_path, ".weights.h5")
    text = "do not fit the .* If other layers are trainable now: set `trainable` as"
    with pytest.raises(ValueError, match=text):
        load_training_state(new_model(sgd), path, strict=False)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_the_advice_of_the_error_works(name, tmp_path):
    model = trained(new_model(OPTIMIZERS[name], ("a",)))
    other = new_model(OPTIMIZERS[name], ("a",))
    load_training_state(other, saved(model, tmp_path, ".weights.h5"))
    source = other.optimizer
    compiled(other, OPTIMIZERS[name])
    with pytest.warns(UserWarning, match="copy_optimizer_state: .* initial values"):
        copy_optimizer_state(source, other, strict=False)
    found = state(other)
    for slot, value in state(model).items():
        assert found[slot] == value
    assert not np.any(found["a_bias_velocity" if name == "adam" else "a_bias_momentum"])


def test_a_plain_optimizer_continues_in_each_part_of_a_multi_optimizer(tmp_path):
    model, other = trained(new_model(sgd)), new_model(layerwise)
    load_training_state(other, saved(model, tmp_path))
    assert state(other) == state(model)
    assert counts(other) == [3, 3, 3, 3]


def test_random_states_continue_without_a_warning_if_all_is_found(tmp_path):
    path = saved(trained(new_model(sgd, ("a",))), tmp_path)
    other = new_model(sgd, ("a",))
    with warnings.catch_warnings():
        warnings.filterwarnings("error", "load_training_state")
        load_training_state(other, path, strict=False)
    other = new_model(sgd)
    before = random_states()
    with pytest.warns(UserWarning, match="initial values"):
        load_training_state(other, path, strict=False)
    assert random_states() == before


def test_a_model_that_cannot_be_recreated_raises(tmp_path):
    class Unknown(keras.layers.Layer):
        def call(self, inputs):
            return inputs

    def with_unknown(frozen):
        layers = [keras.layers.Dense(3), Unknown(), keras.layers.Dense(3)]
        model = keras.Sequential([keras.layers.Input((3,)), *layers])
        model.layers[0].trainable = not frozen
        model.compile(sgd(model), keras.losses.MeanSquaredError(), jit_compile=False)
        return model

    path = saved(trained(with_unknown(True)), tmp_path)
    load_training_state(with_unknown(True), path)
    text = f"{re.escape(str(path))} does not tell which weights its optimizer trained: "
    with pytest.raises(ValueError, match=text):
        load_training_state(with_unknown(False), path, strict=False)
