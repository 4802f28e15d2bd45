"""load_training_state matches state by name and never drops it silently."""

import re
import zipfile

import keras
import numpy as np
import pytest
from support import BACKEND
from support import INSTALLED
from support import built
from support import run_python

from kerasched import LinearDecay
from kerasched import StepDecay
from kerasched import copy_optimizer_state
from kerasched import load_training_state

X = np.random.default_rng(0).normal(size=(24, 3)).astype("float32")
Y = X.sum(axis=1, keepdims=True)
SCHEDULE = LinearDecay(0.1, 20)


@keras.saving.register_keras_serializable("resume")
class Subclass(keras.optimizers.SGD):
    """A subclass with the same state."""


def compiled(optimizer, layers=2):
    model = keras.Sequential([keras.layers.Input((3,))])
    for _ in range(layers - 1):
        model.add(keras.layers.Dense(4, use_bias=False))
        model.add(keras.layers.BatchNormalization(scale=False))
    model.add(keras.layers.Dense(1))
    # Torch takes long to compile a step.
    jit = BACKEND == "jax"
    model.compile(optimizer, keras.losses.MeanSquaredError(), jit_compile=jit)
    return built(model)


def trained(optimizer, steps=3):
    keras.utils.set_random_seed(0)
    model = compiled(optimizer)
    for _ in range(steps):
        model.train_on_batch(X, Y)
    return model


def saved(model, path, kind):
    path = path / f"model{kind}"
    model.save(path) if kind == ".keras" else model.save_weights(path)
    return path


def slots(model):
    """Return the optimizer's slots of the weights, in its order."""
    return [
        keras.ops.convert_to_numpy(v.value)
        for v in model.optimizer.variables
        if len(v.shape)
    ]


def assert_same_slots(one, other):
    assert len(slots(one)) == len(slots(other)) > 0
    for a, b in zip(slots(one), slots(other), strict=True):
        np.testing.assert_array_equal(a, b)


def assert_same_weights(one, other):
    for a, b in zip(one.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def sgd(rate, momentum=0.9):
    return keras.optimizers.SGD(rate, momentum=momentum)


def scaled(optimizer):
    return keras.optimizers.LossScaleOptimizer(optimizer, 2.0)


def several(rates):
    """Return a MultiOptimizer: one optimizer for the kernels and one for the rest."""
    kernels, rest = (keras.optimizers.Adam(rate) for rate in rates)
    names = {".*kernel": kernels}
    return keras.optimizers.MultiOptimizer(keras.optimizers.OptimizerMap(rest, names))


GOES_ON = {
    "number to schedule": (lambda: sgd(0.1), lambda: sgd(SCHEDULE)),
    "schedule to number": (lambda: sgd(SCHEDULE), lambda: sgd(0.1)),
    "number to number": (lambda: sgd(0.1), lambda: sgd(0.2)),
    "to a subclass": (lambda: sgd(0.1), lambda: Subclass(SCHEDULE, momentum=0.9)),
    "adamw": (
        lambda: keras.optimizers.AdamW(0.1),
        lambda: keras.optimizers.AdamW(SCHEDULE),
    ),
    "loss scale": (lambda: scaled(sgd(0.1)), lambda: scaled(sgd(SCHEDULE))),
    "multi": (lambda: several((0.1, 0.2)), lambda: several((SCHEDULE, 0.2))),
}
FROM_A_SUBCLASS = (lambda: Subclass(SCHEDULE, momentum=0.9), lambda: sgd(0.1))


@pytest.mark.parametrize("kind", [".keras", ".weights.h5"])
@pytest.mark.parametrize("change", GOES_ON)
def test_training_continues_from_a_file_with_another_rate(change, kind, tmp_path):
    if change == "multi" and kind == ".weights.h5":
        pytest.skip("A weights file does not show which of several rates is new.")
    before, after = GOES_ON[change]
    model = trained(before())
    other = compiled(after())
    load_training_state(other, saved(model, tmp_path, kind))
    assert_same_weights(model, other)
    assert_same_slots(model, other)
    assert int(other.optimizer.iterations) == int(model.optimizer.iterations)


def test_a_subclass_continues_as_its_base_class(tmp_path):
    before, after = FROM_A_SUBCLASS
    model, other = trained(before()), compiled(after())
    load_training_state(other, saved(model, tmp_path, ".keras"))
    assert_same_slots(model, other)
    assert int(other.optimizer.iterations) == 3


def with_twins(optimizer):
    """Return a model with two layers whose weights have the same path."""
    inputs = keras.layers.Input((3,))
    layers = [keras.layers.Dense(2, name="same") for _ in "ab"]
    towers = [keras.Model(inputs, layer(inputs)) for layer in layers]
    model = keras.Model(inputs, keras.layers.Add()([one(inputs) for one in towers]))
    paths = [weight.path for weight in model.weights]
    assert paths[:2] == paths[2:]
    model.compile(optimizer, "mse", jit_compile=BACKEND == "jax")
    return built(model)


@pytest.mark.parametrize("name", ["SGD", "Adam"])
def test_weights_with_the_same_path_keep_their_own_slots(name, tmp_path):
    options = {"momentum": 0.9} if name == "SGD" else {"use_ema": True}
    cls = getattr(keras.optimizers, name)
    model, other = (with_twins(cls(rate, **options)) for rate in (0.1, SCHEDULE))
    model.train_on_batch(X, np.concatenate([Y, -Y], 1))
    load_training_state(other, saved(model, tmp_path, ".keras"))
    assert_same_slots(model, other)
    before = other.optimizer
    other.compile(cls(0.1, **options), "mse")
    copy_optimizer_state(before, other)
    assert_same_slots(model, other)


@pytest.mark.parametrize("kind", [".keras", ".weights.h5"])
def test_a_loaded_model_trains_like_the_original(kind, tmp_path):
    # The schedule is constant at 0.1, so the rates are equal.
    model = trained(sgd(0.1))
    other = compiled(sgd(StepDecay(0.1, 1000)))
    load_training_state(other, saved(model, tmp_path, kind))
    for each in (model, other):
        for _ in range(3):
            each.train_on_batch(X, Y)
    for a, b in zip(model.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("kind", [".keras", ".weights.h5"])
def test_a_rate_that_both_have_as_a_number_is_restored(kind, tmp_path):
    model = trained(sgd(0.1))
    model.optimizer.learning_rate = 0.025
    other = compiled(sgd(0.5))
    load_training_state(other, saved(model, tmp_path, kind))
    assert float(other.optimizer.learning_rate) == pytest.approx(0.025)


def test_the_schedule_of_the_model_is_kept(tmp_path):
    other = compiled(sgd(SCHEDULE))
    load_training_state(other, saved(trained(sgd(0.5)), tmp_path, ".keras"))
    rate = float(other.optimizer.learning_rate)
    assert rate == pytest.approx(SCHEDULE.evaluate(3))


@pytest.mark.parametrize("kind", [".keras", ".weights.h5"])
@pytest.mark.parametrize("rates", [(0.1, 0.1), (0.1, SCHEDULE), (SCHEDULE, 0.1)])
def test_added_momentum_raises_and_changes_nothing(rates, kind, tmp_path):
    path = saved(trained(sgd(rates[0], 0.0)), tmp_path, kind)
    other = compiled(sgd(rates[1]))
    weights = other.get_weights()
    kernel = other.trainable_variables[0].path
    text = (
        "load_training_state: the optimizer of the model does not find momentum of "
        f"{kernel}, momentum of {other.trainable_variables[1].path}, momentum of "
        f"{other.trainable_variables[2].path} and 1 more in {path}. Compile the "
        "model with the same optimizer and options, or pass strict=False."
    )
    with pytest.raises(ValueError, match=f"^{re.escape(text)}$"):
        load_training_state(other, path)
    for a, b in zip(weights, other.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    assert int(other.optimizer.iterations) == 0


def test_added_momentum_starts_at_zero_if_not_strict(tmp_path):
    model = trained(sgd(0.1, 0.0))
    path = saved(model, tmp_path, ".keras")
    other = compiled(sgd(SCHEDULE))
    with pytest.warns(UserWarning, match="does not find momentum of"):
        load_training_state(other, path, strict=False)
    assert_same_weights(model, other)
    assert int(other.optimizer.iterations) == 3
    assert all(not np.any(slot) for slot in slots(other))


def test_momentum_without_a_counterpart_raises(tmp_path):
    path = saved(trained(sgd(0.1)), tmp_path, ".keras")
    with pytest.raises(ValueError, match="cannot restore momentum of .*kernel, "):
        load_training_state(compiled(sgd(0.1, 0.0)), path)
    weights = saved(trained(sgd(0.1)), tmp_path, ".weights.h5")
    text = "the 6 variables of the optimizer in .* do not fit the 2 of the model's"
    with pytest.raises(ValueError, match=text):
        load_training_state(compiled(sgd(0.1, 0.0)), weights)


def test_another_update_rule_raises(tmp_path):
    # Both have one slot per weight, and Keras would load one as the other.
    path = saved(trained(keras.optimizers.RMSprop(0.1)), tmp_path, ".keras")
    with pytest.raises(
        ValueError, match="cannot restore velocity of .* not find moment"
    ):
        load_training_state(compiled(sgd(0.1)), path)


def test_different_layers_raise(tmp_path):
    path = saved(trained(sgd(0.1)), tmp_path, ".keras")
    with pytest.raises(ValueError, match=r"do not fit|has the shape"):
        load_training_state(compiled(sgd(0.1), layers=3), path)


def test_a_file_without_an_optimizer_raises(tmp_path):
    model = trained(sgd(0.1))
    layers = [keras.layers.Input((3,)), keras.layers.Dense(1)]
    path = saved(keras.Sequential(layers), tmp_path, ".weights.h5")
    text = "must be a file that holds the state of an optimizer"
    with pytest.raises(ValueError, match=text):
        load_training_state(model, path)


def test_bfloat16_state_raises(tmp_path):
    model = keras.Sequential([keras.layers.Input((3,))])
    model.add(keras.layers.Dense(1, dtype="bfloat16"))
    model.compile(sgd(0.1), "mse", jit_compile=False)
    model.optimizer.build(model.trainable_variables)
    path = saved(model, tmp_path, ".keras")
    with pytest.raises(ValueError, match="whose optimizer has no bfloat16 variables"):
        load_training_state(model, path)


@pytest.mark.parametrize(
    ("kind", "arguments", "text"),
    [
        (TypeError, {"model": 3}, "Argument `model` of load_training_state must be a "),
        (
            ValueError,
            {"model": keras.Sequential([keras.layers.Dense(1)])},
            "Argument `model` of load_training_state must be a compiled model.",
        ),
        (TypeError, {"path": 3}, "Argument `path` of load_training_state must be a pa"),
        (
            ValueError,
            {"path": "model.h5"},
            "Argument `path` of load_training_state must be a `.keras` or a `.weight",
        ),
        (
            TypeError,
            {"strict": 1},
            "Argument `strict` of load_training_state must be True or False.",
        ),
    ],
)
def test_an_invalid_argument_raises(kind, arguments, text):
    model = compiled(sgd(0.1))
    with pytest.raises(kind, match=re.escape(text)):
        load_training_state(**{"model": model, "path": "model.keras", **arguments})


@pytest.mark.parametrize("name", ["model.keras", "model.weights.h5"])
def test_an_unreadable_path_raises(name, tmp_path):
    model, path = compiled(sgd(0.1)), tmp_path / name
    text = f"^load_training_state cannot read {re.escape(str(path))}: "
    with pytest.raises(FileNotFoundError, match=f"{text}No such file or directory.$"):
        load_training_state(model, path)
    path.mkdir()
    with pytest.raises((IsADirectoryError, PermissionError), match=text):
        load_training_state(model, path)


@pytest.mark.parametrize("name", ["model.keras", "model.weights.h5"])
@pytest.mark.parametrize("damage", ["empty", "text", "half", "another archive"])
def test_a_damaged_file_raises(damage, name, tmp_path):
    model, path = compiled(sgd(0.1)), tmp_path / name
    kind = name.removeprefix("model")
    whole = saved(model, tmp_path, kind).read_bytes()
    if damage == "another archive":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("notes.txt", "nothing of Keras")
    else:
        contents = {"empty": b"", "text": b"nothing", "half": whole[: len(whole) // 2]}
        path.write_bytes(contents[damage])
    text = "Argument `path` of load_training_state must be a whole file that Keras "
    with pytest.raises(ValueError, match=text):
        load_training_state(model, path)


def test_a_model_without_weights_raises():
    model = keras.Sequential([keras.layers.Dense(1)])
    model.compile(sgd(0.1), "mse")
    with pytest.raises(ValueError, match="must be a model with weights"):
        load_training_state(model, "model.keras")


@pytest.mark.parametrize("change", GOES_ON)
def test_a_new_optimizer_of_the_same_model_continues(change):
    before, after = GOES_ON[change]
    model = trained(before())
    source = model.optimizer
    expected = slots(model)
    model.compile(after(), keras.losses.MeanSquaredError(), jit_compile=False)
    copy_optimizer_state(source, model)
    for a, b in zip(expected, slots(model), strict=True):
        np.testing.assert_array_equal(a, b)
    assert int(model.optimizer.iterations) == int(source.iterations)


def test_copying_raises_if_state_would_be_lost():
    model = trained(sgd(0.1))
    source = model.optimizer
    model.compile(sgd(0.1, 0.0), keras.losses.MeanSquaredError(), jit_compile=False)
    with pytest.raises(
        ValueError, match="copy_optimizer_state: .* cannot restore momentum"
    ):
        copy_optimizer_state(source, model)
    with pytest.raises(TypeError, match="must be a keras.optimizers.Optimizer"):
        copy_optimizer_state("sgd", model)
    with pytest.raises(ValueError, match="must be an optimizer that was used"):
        copy_optimizer_state(sgd(0.1), model)


TRAIN = """
import sys, keras, numpy as np
x = np.ones((4, 3), "float32")
model = keras.Sequential([keras.layers.Input((3,)), keras.layers.Dense(1)])
model.compile(keras.optimizers.SGD(0.1, momentum=0.9), keras.losses.MeanSquaredError())
model.train_on_batch(x, x[:, :1])
model.save(sys.argv[1])
"""


@pytest.mark.skipif(
    BACKEND == "jax" and "tensorflow" in INSTALLED, reason="TensorFlow tests the same"
)
@pytest.mark.parametrize("other", [n for n in INSTALLED if n != BACKEND][-1:])
def test_training_continues_from_a_file_of_another_backend(other, tmp_path):
    path = tmp_path / "model.keras"
    run_python(TRAIN, other, [path])
    with zipfile.ZipFile(path) as archive:
        named = b"torch_sgd" in archive.read("config.json")
    assert named == (other == "torch")  # This makes Keras fail to load the file.
    model = compiled(sgd(SCHEDULE), layers=1)
    load_training_state(model, path)
    assert int(model.optimizer.iterations) == 1
    assert all(np.any(slot) for slot in slots(model))
    model.train_on_batch(X, Y)
    assert int(model.optimizer.iterations) == 2


def test_the_longer_of_two_matching_paths_is_used(tmp_path):
    inputs = keras.Input((3,))
    first = keras.layers.Dense(4, name="a")(inputs)
    outputs = keras.layers.Dense(1, name="a_kernel")(first)

    def build(optimizer):
        model = keras.Model(inputs, outputs)
        model = keras.models.clone_model(model)
        model.compile(optimizer, keras.losses.MeanSquaredError(), jit_compile=False)
        return model

    model, other = build(sgd(0.1)), build(sgd(SCHEDULE))
    model.train_on_batch(X, Y)
    load_training_state(other, saved(model, tmp_path, ".keras"))
    assert_same_slots(model, other)
