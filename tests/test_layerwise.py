"""Each depth of a model is trained at its own rate, before and after saving."""

import re
import warnings

import keras
import numpy as np
import pytest
from support import BACKEND

import kerasched
from kerasched import LinearDecay
from kerasched import Scale
from kerasched import Warmup

SCHEDULE = Warmup(LinearDecay(0.8, 8), 2, 0.4)
ONE = np.ones((1, 1), "float32")


@keras.saving.register_keras_serializable("test")
class OneWeight(keras.layers.Layer):
    """Adds its weight to the input, so that its gradient is 1."""

    def build(self, input_shape):
        self.w = self.add_weight(shape=(), initializer="zeros", name="w")

    def call(self, inputs):
        return inputs + self.w


@keras.saving.register_keras_serializable("test")
def output(y_true, y_pred):
    """The loss whose gradient is 1 for each weight."""
    return keras.ops.mean(y_pred, axis=-1)


def sgd(rate):
    return keras.optimizers.SGD(rate)


def nested():
    """Return a model of six weights with a model inside a model.

    It has one weight, then a model of two weights that contains a model of one weight,
    then two more weights.
    """
    inner = keras.Sequential([OneWeight(name="a"), keras.layers.ReLU()], name="inner")
    # The first call builds the model. The loaded model has other variable paths.
    body = keras.Sequential([OneWeight(name="b"), inner, OneWeight(name="c")])
    inputs = keras.Input((1,))
    outputs = OneWeight(name="d")(OneWeight(name="e")(body(OneWeight()(inputs))))
    return keras.Model(inputs, outputs)


def compiled(model, *args, **kwargs):
    optimizer = kerasched.layerwise(model, *args, **kwargs)
    # Torch takes long to compile a step.
    model.compile(optimizer, output, jit_compile=False)
    return model


def updates(model, steps):
    """Run steps and return what each subtracts from each weight, lowest layer first."""
    taken = []
    for _ in range(steps):
        for weight in model.trainable_variables:
            weight.assign(0.0)
        model.train_on_batch(ONE, ONE)
        taken.append([-float(w) for w in model.get_weights()])
    return np.array(taken)


def saved_and_loaded(model, path):
    model.save(path / "model.keras")
    return keras.saving.load_model(path / "model.keras")


def expected(steps, decay, depths=(5, 4, 3, 2, 1, 0)):
    return SCHEDULE.evaluate(steps)[:, None] * decay ** np.array(depths)


def test_each_depth_is_trained_at_its_rate_before_and_after_saving(tmp_path):
    model = compiled(nested(), SCHEDULE, 0.5, sgd)
    assert len(model.trainable_variables) == 6
    np.testing.assert_allclose(
        updates(model, 4), expected(np.arange(4), 0.5), rtol=1e-5
    )
    loaded = saved_and_loaded(model, tmp_path)
    paths = [[w.path for w in m.trainable_variables] for m in (model, loaded)]
    assert paths[0] != paths[1]  # The optimizers cannot be saved by variable path.
    np.testing.assert_allclose(
        updates(loaded, 5), expected(np.arange(4, 9), 0.5), rtol=1e-5
    )


def test_the_state_of_each_optimizer_comes_back(tmp_path):
    model = nested()
    many = keras.optimizers.SGD(0.1, momentum=0.9, weight_decay=0.01)
    compiled(model, SCHEDULE, 0.5, many)
    updates(model, 3)
    loaded = saved_and_loaded(model, tmp_path)
    assert len(loaded.optimizer.optimizers) == 6
    pairs = zip(model.optimizer.variables, loaded.optimizer.variables, strict=True)
    for one, other in pairs:
        one, other = map(keras.ops.convert_to_numpy, (one, other))
        np.testing.assert_array_equal(one, other)
    np.testing.assert_array_equal(updates(model, 3), updates(loaded, 3))


def test_weights_of_one_layer_share_an_optimizer():
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(4)])
    model.add(keras.layers.BatchNormalization())
    model.add(keras.layers.Dense(1))
    optimizers = kerasched.layerwise(model, SCHEDULE, 0.5).optimizers
    rates = [optimizer.get_config()["learning_rate"] for optimizer in optimizers]
    rates = [keras.saving.deserialize_keras_object(rate) for rate in rates]
    assert rates == [SCHEDULE, Scale(SCHEDULE, 0.5), Scale(SCHEDULE, 0.25)]
    assert all(isinstance(each, keras.optimizers.AdamW) for each in optimizers)


def test_a_model_of_many_layers_comes_back_in_order(tmp_path):
    model = keras.Sequential([keras.Input((1,)), *[OneWeight() for _ in range(12)]])
    loaded = saved_and_loaded(compiled(model, 1.0, 0.5, sgd), tmp_path)
    taken = updates(loaded, 1)[0]
    np.testing.assert_allclose(taken, 0.5 ** np.arange(11, -1, -1.0), rtol=1e-6)


def test_frozen_layers_count_and_are_not_trained(tmp_path):
    model = nested()
    model.layers[-2].trainable = False
    compiled(model, SCHEDULE, 0.5, sgd)
    assert len(model.optimizer.optimizers) == 5
    depths = [5, 4, 3, 2, 0]
    for each in (model, saved_and_loaded(model, tmp_path)):
        updates(each, 1)
        weights = [w for layer in each.layers for w in layer.get_weights()]
        taken = -np.delete(weights, 4)  # The fifth is the frozen one.
        np.testing.assert_allclose(taken, expected(np.zeros(1), 0.5, depths)[0], 1e-5)


def chain_of(*names):
    layers = [OneWeight(name=name) for name in names]
    return keras.Sequential([keras.Input((1,)), *layers])


def block(layer):
    """Return the block of a layer, from its name in keras.applications."""
    return re.match("expanded_conv|block_[0-9]+|", layer.name)[0]


def test_layers_of_one_group_have_one_depth():
    model = chain_of("stem", "stem_bn", "block_1_a", "block_1_b", "block_2_a", "head")
    compiled(model, SCHEDULE, 0.5, sgd, groups=block)
    assert len(model.optimizer.optimizers) == 4
    # From the top: the head, block_2, block_1, the stem.
    depths = [3, 3, 2, 2, 1, 0]
    taken = updates(model, 2)
    np.testing.assert_allclose(taken, expected(np.arange(2), 0.5, depths), rtol=1e-5)


def test_equal_groups_that_are_not_adjacent_have_different_depths():
    model = chain_of("a1", "b1", "a2", "a3")
    optimizer = kerasched.layerwise(
        model, 1.0, 0.5, sgd, groups=lambda layer: layer.name[0]
    )
    rates = [float(one.learning_rate) for one in optimizer.optimizers]
    assert rates == [1.0, 0.5, 0.25]


def test_groups_include_nested_models_and_skip_layers_without_weights():
    # The six layers of `nested` from below: one without a name, b, a, c, e, d. A layer
    # without weights follows a.
    asked = []

    def of_inner(layer):
        asked.append(layer.name)
        return layer.name in "abc"

    optimizer = kerasched.layerwise(nested(), 1.0, 0.5, sgd, groups=of_inner)
    assert asked[1:] == ["b", "a", "c", "e", "d"]
    assert len(optimizer.optimizers) == 3


SMALL = (
    "layerwise finds 21 depths in the model: with decay=0.5 the smallest factor on the "
    "learning rate is 9.5e-07. Count several layers as one depth with `groups`, or use "
    "a `decay` nearer to 1."
)


def test_a_vanishing_rate_warns_at_the_line_of_the_call():
    # 0.5**20 is 9.54e-7, 0.5**19 is 1.9e-6.
    with pytest.warns(UserWarning, match=f"^{re.escape(SMALL)}$") as caught:
        kerasched.layerwise(chain_of(*map(str, range(21))), 1.0, 0.5, sgd)
    assert caught[0].filename == __file__
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        kerasched.layerwise(chain_of(*map(str, range(20))), 1.0, 0.5, sgd)


def test_layers_below_the_trainable_ones_cause_no_warning():
    model = chain_of(*map(str, range(21)))
    model.layers[0].trainable = False
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        kerasched.layerwise(model, 1.0, 0.5, sgd)


@pytest.mark.slow
@pytest.mark.skipif(BACKEND != "jax", reason="the same on every backend")
def test_the_blocks_of_mobilenet_are_its_depths():
    model = keras.applications.MobileNetV2(weights=None, input_shape=(32, 32, 3))
    with pytest.warns(UserWarning, match="finds 105 depths in .* factor .* 1.0e-13"):
        kerasched.layerwise(model, 1.0, 0.75, sgd)
    optimizer = kerasched.layerwise(model, 1.0, 0.75, sgd, groups=block)
    rates = [float(one.learning_rate) for one in optimizer.optimizers]
    # Head, block_16 to block_1, expanded_conv, stem.
    np.testing.assert_allclose(rates, 0.75 ** np.arange(19), rtol=1e-6)
    of_path = zip(model.trainable_variables, optimizer._by_place.places, strict=True)
    depths = {variable.path: depth for variable, depth in of_path}
    assert depths["block_3_expand/kernel"] == depths["block_3_project_BN/gamma"] == 14
    assert depths["Conv1/kernel"] == 18
    assert depths["Conv_1/kernel"] == depths["predictions/bias"] == 0


def test_a_layer_that_is_used_twice_has_its_lower_depth():
    shared, inputs = OneWeight(), keras.Input((1,))
    model = keras.Model(inputs, OneWeight()(shared(OneWeight()(shared(inputs)))))
    taken = updates(compiled(model, 1.0, 0.5, sgd), 1)[0]
    # The shared layer is the lowest, and its weight has a gradient of 2.
    np.testing.assert_allclose(taken, [2 * 0.25, 0.5, 1.0], rtol=1e-6)


@pytest.mark.parametrize(
    "optimizer",
    [
        lambda rate: keras.optimizers.Adam(rate, beta_1=0.8),
        keras.optimizers.Adam(123.0, beta_1=0.8),
        keras.optimizers.Adam(LinearDecay(0.3, 9), beta_1=0.8),
        {"class_name": "Adam", "config": {"beta_1": 0.8}},
    ],
    ids=["function", "optimizer", "optimizer with a schedule", "config"],
)
def test_the_optimizer_is_given_in_any_form(optimizer):
    made = kerasched.layerwise(nested(), 0.8, 0.5, optimizer).optimizers
    assert [one.get_config()["beta_1"] for one in made] == [0.8] * 6
    rates = [float(one.learning_rate) for one in made]
    np.testing.assert_allclose(rates, 0.8 * 0.5 ** np.arange(6), rtol=1e-6)


@pytest.mark.parametrize("optimizer", ["lion", keras.optimizers.Lion])
def test_the_optimizer_is_given_by_name_or_class(optimizer):
    made = kerasched.layerwise(nested(), SCHEDULE, optimizer=optimizer).optimizers
    assert len(made) == 6
    assert all(isinstance(one, keras.optimizers.Lion) for one in made)


NO_WEIGHTS = "Argument `model` of layerwise must be a model with trainable weights. "


@pytest.mark.parametrize(
    ("kind", "arguments", "text"),
    [
        (
            TypeError,
            {"model": 3},
            "Argument `model` of layerwise must be a keras.Model",
        ),
        (ValueError, {"model": keras.Sequential([OneWeight()])}, NO_WEIGHTS),
        (
            TypeError,
            {"schedule": "0.1"},
            "Argument `schedule` of layerwise must be a n",
        ),
        (
            ValueError,
            {"schedule": -1},
            "Argument `schedule` of layerwise must be a non",
        ),
        (ValueError, {"decay": 0}, "Argument `decay` of layerwise must be a positive "),
        (
            TypeError,
            {"groups": "block"},
            "Argument `groups` of layerwise must be None or a function of a layer that "
            "returns a hashable value. Received: groups='block'",
        ),
        (
            TypeError,
            {"groups": lambda layer: [layer.name[:2]]},
            "Argument `groups` of layerwise must be None or a function of a layer that "
            "returns a hashable value. Received: groups=<function",
        ),
        (
            TypeError,
            {"groups": lambda layer: [layer.name[:2]]},
            "For layer 'one_weight",
        ),
        (
            TypeError,
            {"decay": None},
            "Argument `decay` of layerwise must be a positive",
        ),
    ],
)
def test_an_invalid_argument_raises(kind, arguments, text):
    with pytest.raises(kind, match=re.escape(text)):
        kerasched.layerwise(**{"model": nested(), "schedule": 0.1, **arguments})


def test_freezing_afterwards_is_refused():
    model = nested()
    optimizer = kerasched.layerwise(model, SCHEDULE, optimizer=sgd)
    model.layers[-1].trainable = False
    copy = type(optimizer).from_config(optimizer.get_config())
    text = "must have 6 trainable variables, as when .* was called. Received: 5. "
    with pytest.raises(ValueError, match=text):
        copy.build(model.trainable_variables)


def test_it_is_a_multi_optimizer():
    made = kerasched.layerwise(nested(), SCHEDULE)
    assert isinstance(made, keras.optimizers.MultiOptimizer)


def test_an_older_keras_is_named_in_the_error(monkeypatch):
    monkeypatch.delattr(keras.optimizers, "MultiOptimizer")
    text = (
        "layerwise needs Keras 3.15 or later, which has MultiOptimizer. "
        f"Installed: Keras {keras.__version__}. Upgrade keras."
    )
    with pytest.raises(RuntimeError, match=re.escape(text)):
        kerasched.layerwise(keras.Sequential([keras.layers.Input((2,))]), 0.1)
