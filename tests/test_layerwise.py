"""Each depth of a model is trained at its own rate, before and after saving."""

import re

import keras
import numpy as np
import pytest

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
    """A model of six weights: 1, then a model of 2 that holds one of 1, then 2."""
    inner = keras.Sequential([OneWeight(name="a"), keras.layers.ReLU()], name="inner")
    # Built by its first call: its variables' paths are others in the loaded model.
    body = keras.Sequential([OneWeight(name="b"), inner, OneWeight(name="c")])
    inputs = keras.Input((1,))
    outputs = OneWeight(name="d")(OneWeight(name="e")(body(OneWeight()(inputs))))
    return keras.Model(inputs, outputs)


def compiled(model, *args, **kwargs):
    optimizer = kerasched.layerwise(model, *args, **kwargs)
    # Torch would take long to compile a step.
    model.compile(optimizer, output, jit_compile=False)
    return model


def updates(model, steps):
    """Return what each of some steps takes off each weight, from the first one up."""
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
    assert paths[0] != paths[1]  # Why paths are not what is saved.
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


def test_a_layer_that_is_used_twice_has_its_lower_depth():
    shared, inputs = OneWeight(), keras.Input((1,))
    model = keras.Model(inputs, OneWeight()(shared(OneWeight()(shared(inputs)))))
    taken = updates(compiled(model, 1.0, 0.5, sgd), 1)[0]
    # Shared below, then the two others; the shared weight has a gradient of 2.
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
            {"decay": None},
            "Argument `decay` of layerwise must be a positive",
        ),
    ],
)
def test_what_is_wrong_is_told(kind, arguments, text):
    with pytest.raises(kind, match=re.escape(text)):
        kerasched.layerwise(**{"model": nested(), "schedule": 0.1, **arguments})


def test_freezing_afterwards_is_refused():
    model = nested()
    optimizer = kerasched.layerwise(model, SCHEDULE, optimizer=sgd)
    model.layers[-1].trainable = False
    copy = type(optimizer).from_config(optimizer.get_config())
    text = "must be as many as layerwise was called for, 6. Received: variables=5. "
    with pytest.raises(ValueError, match=text):
        copy.build(model.trainable_variables)


def test_it_is_a_multi_optimizer():
    made = kerasched.layerwise(nested(), SCHEDULE)
    assert isinstance(made, keras.optimizers.MultiOptimizer)
