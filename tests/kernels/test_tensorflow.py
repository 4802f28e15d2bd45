"""The kernel in TensorFlow: in place, eagerly, in a graph and under XLA."""

import keras
import numpy as np
import pytest

from kerasched import SGD
from kerasched.kernels import choice

pytestmark = pytest.mark.skipif(
    keras.backend.backend() != "tensorflow",
    reason="the kernel of TensorFlow runs on TensorFlow",
)
OPTIONS = {
    "none": {},
    "momentum": {"momentum": 0.9},
    "clipnorm": {"momentum": 0.9, "clipnorm": 1.0},
    "all": {
        "momentum": 0.9,
        "nesterov": True,
        "weight_decay": 0.01,
        "global_clipnorm": 1.0,
        "use_ema": True,
        "gradient_accumulation_steps": 2,
    },
}
each_option = pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
MODES = {
    "eager": {"run_eagerly": True},
    "graph": {"jit_compile": False},
    "xla": {"jit_compile": True},
}
each_mode = pytest.mark.parametrize("mode", MODES.values(), ids=MODES)


def network(optimizer, mode):
    keras.utils.set_random_seed(0)
    layers = [keras.layers.Input((64,)), keras.layers.Dense(128, activation="relu")]
    model = keras.Sequential([*layers, keras.layers.Dense(32)])
    model.compile(optimizer, loss="mse", **mode)
    return model


def data():
    random = np.random.default_rng(0)
    x = random.standard_normal((8, 64)).astype("float32")
    return x, random.standard_normal((8, 32)).astype("float32")


def addresses(variables):
    """Return where the variables' numbers are, looking at them without a copy."""
    arrays = [v.value.read_value() for v in variables if len(v.shape)]
    return [np.asarray(memoryview(array)).ctypes.data for array in arrays]


@each_mode
@each_option
def test_variables_keep_their_memory_from_the_second_step_on(options, mode):
    model = network(SGD(0.01, **options, fused=True), mode)
    variables = [*model.trainable_variables, *model.optimizer.variables]
    kept = []
    for _ in range(4):
        model.train_on_batch(*data())
        variables = [*model.trainable_variables, *model.optimizer.variables]
        kept.append(addresses(variables))
    assert kept[1] == kept[2] == kept[3]


@each_mode
@each_option
def test_results_are_those_of_keras(options, mode):
    models = [
        network(SGD(0.01, **options, fused=True), mode),
        network(keras.optimizers.SGD(0.01, **options), mode),
    ]
    for model in models:
        model.fit(*data(), epochs=5, verbose=0)
    ours, theirs = [model.get_weights() for model in models]
    # Five steps of float32; XLA contracts products and sums, the kernel does not.
    assert all(map(lambda a, b: np.allclose(a, b, atol=2e-6), ours, theirs))


# In a graph TensorFlow's optimizer rewrites Keras's products of decay and rate where
# there is a momentum too: there Keras's graph differs from Keras's own eager steps.
EXACT = {
    "eager": {"momentum": 0.9, "nesterov": True, "weight_decay": 0.01},
    "graph": {"momentum": 0.9, "nesterov": True},
}


@pytest.mark.parametrize("mode", EXACT)
def test_without_a_norm_and_without_xla_results_are_keras_s_to_the_bit(mode):
    models = [
        network(SGD(0.01, **EXACT[mode], fused=True), MODES[mode]),
        network(keras.optimizers.SGD(0.01, **EXACT[mode]), MODES[mode]),
    ]
    for model in models:
        model.fit(*data(), epochs=5, verbose=0)
    assert all(map(np.array_equal, *(model.get_weights() for model in models)))


def test_a_model_that_ran_the_kernel_can_be_exported(tmp_path):
    import tensorflow as tf

    model = network(SGD(0.01, momentum=0.9, fused=True), MODES["xla"])
    model.fit(*data(), verbose=0)
    model.export(tmp_path / "exported", verbose=False)
    loaded = tf.saved_model.load(str(tmp_path / "exported"))
    served = loaded.serve(data()[0])
    assert np.allclose(served, model.predict(data()[0], verbose=0), atol=1e-5)


def test_under_a_strategy_keras_does_the_update():
    import tensorflow as tf

    with tf.distribute.MirroredStrategy(["CPU:0"]).scope():
        model = network(SGD(0.01, momentum=0.9), MODES["graph"])
        model.fit(*data(), verbose=0)
    reason = "a tf.distribute strategy is in use"
    assert model.optimizer._now.path == ("keras", reason)


def test_a_refusal_of_tensorflow_is_a_reason_not_an_error(monkeypatch):
    from kerasched.kernels import tensorflow as kernel

    monkeypatch.setattr(kernel, "CALL_VERSION", 1)
    kernel.unavailable.cache_clear()
    choice._warn.cache_clear()
    model = network(SGD(0.01, momentum=0.9), MODES["graph"])
    with pytest.warns(RuntimeWarning, match="TensorFlow refused it") as told:
        model.fit(*data(), batch_size=4, verbose=0)
    monkeypatch.undo()
    kernel.unavailable.cache_clear()
    assert len([w for w in told if w.category is RuntimeWarning]) == 1
    assert model.optimizer._now.path[0] == "keras"
