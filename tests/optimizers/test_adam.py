"""kerasched.Adam, AdamW and Lion: arguments, saving, and which code runs the update."""

import keras
import numpy as np
import pytest
from keras import ops
from kernels.arrays import needs_extension

import kerasched
from kerasched.kernels import native
from kerasched.kernels.rules import RULES
from kerasched.optimizers.fused_optimizer import FusedOptimizer

NAMES = ("Adam", "AdamW", "Lion")
each_class = pytest.mark.parametrize("name", NAMES)
each_way = pytest.mark.parametrize(
    "fused", [pytest.param(True, marks=needs_extension), False]
)


def classes(name):
    """Return our class and Keras's class of a name."""
    return getattr(kerasched, name), getattr(keras.optimizers, name)


def variable(dtype="float32"):
    return keras.Variable(np.linspace(-1, 1, 67), dtype=dtype, name="weight")


def gradients(steps, dtype="float32"):
    random = np.random.default_rng(0)
    drawn = [random.normal(size=67) for _ in range(steps)]
    return [ops.cast(ops.convert_to_tensor(g), dtype) for g in drawn]


def trained(optimizer, steps=6, dtype="float32"):
    """Return a weight after `steps` steps."""
    weight = variable(dtype)
    optimizer.build([weight])
    for gradient in gradients(steps, dtype):
        optimizer.apply([gradient], [weight])
    return ops.convert_to_numpy(ops.cast(weight, "float64"))


@needs_extension
def test_the_extension_has_the_same_rules():
    counts = {name: (rule.slots, rule.hyperparameters) for name, rule in RULES.items()}
    assert native.rules() == counts


@each_class
def test_the_arguments_are_those_of_keras(name):
    ours, theirs = (cls(name="it").get_config() for cls in classes(name))
    more = {"independent_weight_decay": False, "fused": "auto"}
    assert ours == {**theirs, **more}


@each_class
def test_schedules_of_all_hyperparameters_are_saved(name):
    names = list(classes(name)[0].scheduled)
    given = {n: kerasched.LinearDecay(0.9, 5, end_learning_rate=0.5) for n in names}
    optimizer = classes(name)[0](**given)
    again = keras.saving.deserialize_keras_object(
        keras.saving.serialize_keras_object(optimizer)
    )
    assert type(again) is type(optimizer)
    assert again.get_config() == optimizer.get_config()
    assert isinstance(getattr(again, names[0]), kerasched.LinearDecay)


# Compared to the definition in float64. float32 rounds each of about twenty operations.
@each_way
def test_schedules_of_the_betas_are_followed(fused):
    beta_1 = kerasched.LinearDecay(0.9, 6, end_learning_rate=0.5)
    beta_2 = kerasched.LinearDecay(0.9, 6, end_learning_rate=0.99)
    found = trained(kerasched.Adam(0.01, beta_1, beta_2, fused=fused))
    weight, momentum, velocity = np.linspace(-1, 1, 67), 0.0, 0.0
    for step, gradient in enumerate(map(ops.convert_to_numpy, gradients(6))):
        one, two = float(beta_1(step)), float(beta_2(step))
        momentum = one * momentum + (1 - one) * gradient
        velocity = two * velocity + (1 - two) * gradient**2
        rate = 0.01 * np.sqrt(1 - two ** (step + 1)) / (1 - one ** (step + 1))
        weight = weight - rate * momentum / (np.sqrt(velocity) + 1e-7)
    np.testing.assert_allclose(found, weight, rtol=0, atol=1e-6)


@each_way
def test_an_independent_decay_is_not_multiplied_by_the_rate(fused):
    optimizer = kerasched.AdamW(
        0.0, weight_decay=0.5, independent_weight_decay=True, fused=fused
    )
    np.testing.assert_allclose(trained(optimizer, 2), np.linspace(-1, 1, 67) / 4, 1e-6)


# Keras computes the rate in bfloat16, where 0.999 rounds to 1, and changes no weight.
@each_way
def test_a_weight_of_half_precision_changes(fused):
    found = trained(kerasched.Adam(0.125, fused=fused), 1, "bfloat16")
    kept = trained(keras.optimizers.Adam(0.125), 1, "bfloat16")
    start = np.linspace(-1, 1, 67)
    # The first step is the rate with the opposite sign of the gradient. bfloat16 is
    # accurate to 2**-7.
    signs = np.sign(ops.convert_to_numpy(gradients(1)[0]))
    np.testing.assert_allclose(found, start - 0.125 * signs, rtol=0, atol=0.02)
    if keras.backend.backend() != "torch":  # Keras on torch has the powers in float32.
        np.testing.assert_allclose(kept, start, rtol=0, atol=0.01)


@needs_extension
@each_class
def test_a_step_that_overflows_changes_nothing_but_the_scale(name):
    inner = classes(name)[0](0.1, fused=True)
    optimizer = kerasched.LossScaleOptimizer(inner, 64.0)
    weight = variable()
    optimizer.build([weight])
    good, bad = gradients(2)
    optimizer.apply([good], [weight])
    before = [ops.convert_to_numpy(v).tobytes() for v in (weight, *inner.variables)]
    optimizer.apply([bad * float("inf")], [weight])
    after = [ops.convert_to_numpy(v).tobytes() for v in (weight, *inner.variables)]
    assert before == after
    assert float(optimizer.dynamic_scale) == 32.0


@needs_extension
@each_class
@pytest.mark.parametrize("back", [False, True])
def test_accelerate_converts_it_in_the_middle_of_training(name, back):
    first, second = reversed(classes(name)) if not back else classes(name)
    options = {"learning_rate": 0.01, "use_ema": True, "gradient_accumulation_steps": 2}
    stayed, turned = first(**options), first(**options)
    weights = [variable(), variable()]
    for optimizer, weight in zip((stayed, turned), weights, strict=True):
        optimizer.build([weight])
    for step, gradient in enumerate(gradients(7)):
        if step == 3:
            turned = kerasched.accelerate(turned, back=back)
            assert isinstance(turned, second)
            assert isinstance(turned, FusedOptimizer) is not back
        stayed.apply([gradient], weights[:1])
        turned.apply([gradient], weights[1:])
    ours, theirs = map(ops.convert_to_numpy, weights)
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-6)
    assert int(turned.iterations) == int(stayed.iterations) == 3


def multi_of_keras():
    table = keras.optimizers.OptimizerMap(keras.optimizers.Adagrad(0.1))
    table["weight"] = keras.optimizers.AdamW(0.1)
    return keras.optimizers.MultiOptimizer(table)


@pytest.mark.skipif(
    not hasattr(keras.optimizers, "MultiOptimizer"), reason="needs Keras 3.15"
)
def test_accelerate_converts_the_members_of_a_multi_optimizer():
    weights = [variable(), keras.Variable(np.ones(67, "float32"), name="other")]
    copies = [keras.Variable(w.value, name=w.name) for w in weights]
    stayed, turned = multi_of_keras(), multi_of_keras()
    stayed.build(weights)
    turned.build(copies)
    for step, gradient in enumerate(gradients(4)):
        if step == 2:
            turned = kerasched.accelerate(turned)
        stayed.apply([gradient, gradient], weights)
        turned.apply([gradient, gradient], copies)
    members = {
        type(member).__module__.partition(".")[0] for member in turned.optimizers
    }
    assert members == {"kerasched", "keras"}
    for found, expected in zip(copies, weights, strict=True):
        np.testing.assert_allclose(*map(ops.convert_to_numpy, (found, expected)), 1e-6)
    assert int(turned.iterations) == 4
    back = kerasched.accelerate(turned, back=True)
    assert not any(isinstance(member, FusedOptimizer) for member in back.optimizers)


@pytest.mark.skipif(
    not hasattr(keras.optimizers, "MultiOptimizer"), reason="needs Keras 3.15"
)
def test_accelerate_converts_the_optimizer_of_layerwise():
    model = keras.Sequential([keras.Input((3,)), *map(keras.layers.Dense, (4, 2))])
    model.compile(kerasched.layerwise(model, 0.01, optimizer=keras.optimizers.Lion))
    kerasched.accelerate(model)
    assert [type(m) for m in model.optimizer.optimizers] == [kerasched.Lion] * 2
    model.compile(kerasched.layerwise(model, 0.01, optimizer=kerasched.AdamW))
    assert [type(m) for m in model.optimizer.optimizers] == [kerasched.AdamW] * 2


@pytest.mark.parametrize("way", ["ours first", "Keras's first"])
def test_a_saved_state_is_that_of_keras(way, tmp_path):
    classes_of = [kerasched.AdamW, keras.optimizers.AdamW]
    first, second = classes_of if way == "ours first" else classes_of[::-1]
    models = []
    for cls in (first, second):
        keras.utils.set_random_seed(0)
        model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2, name="a")])
        model.compile(cls(0.1), "mse")
        models.append(model)
    x, y = np.eye(3, dtype="float32"), np.ones((3, 2), "float32")
    models[0].fit(x, y, epochs=2, verbose=0)
    models[1].fit(x, y, epochs=1, verbose=0)
    models[0].save_weights(tmp_path / "a.weights.h5")
    models[1].load_weights(tmp_path / "a.weights.h5")
    pairs = zip(
        models[0].optimizer.variables, models[1].optimizer.variables, strict=True
    )
    for saved, loaded in pairs:
        np.testing.assert_array_equal(*map(ops.convert_to_numpy, (saved, loaded)))


@each_class
def test_a_schedule_per_update_is_refused_under_accumulation(name):
    schedule = kerasched.PerUpdate(kerasched.StepDecay(0.1, 3), 2)
    words = f"Argument `learning_rate` of {name} must be"
    with pytest.raises(ValueError, match=words):
        classes(name)[0](schedule, gradient_accumulation_steps=2)


@each_class
def test_fused_is_auto_or_a_flag(name):
    with pytest.raises(ValueError, match=f"Argument `fused` of {name}"):
        classes(name)[0](fused="yes")
