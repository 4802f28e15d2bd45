"""A model trained with our optimizers can be exported and predicts the same."""

import importlib.util

import keras
import numpy as np
import pytest
from support import BACKEND
from support import sampled

import kerasched
from kerasched import CosineDecay

X = np.random.default_rng(3).normal(size=(16, 4)).astype("float32")
Y = X[:, :1] * 0.5
SCHEDULE = CosineDecay(0.1, 10)
# Each output is a float32 sum of four products of at most 4, in any order.
TOLERANCE = {"rtol": 1e-5, "atol": 1e-6}
CLASSES = {
    name: value
    for name, value in vars(kerasched).items()
    if isinstance(value, type) and issubclass(value, keras.optimizers.Optimizer)
}
# The packages with which Keras converts models.
CONVERTERS = {"tensorflow": "tf2onnx", "jax": "jax2onnx", "torch": "onnxscript"}
# From JAX, Keras exports through TensorFlow, which takes long to import.
FIRST = ("SGD",) if BACKEND == "tensorflow" else ()
each_class = pytest.mark.parametrize(
    "cls", sampled({name: (cls,) for name, cls in CLASSES.items()}, FIRST)
)


def trained(cls):
    """Return a model trained by an optimizer of a class with a schedule."""
    wraps = cls is kerasched.LossScaleOptimizer
    optimizer = cls(kerasched.SGD(SCHEDULE) if wraps else SCHEDULE)
    model = keras.Sequential([keras.layers.Input((4,)), keras.layers.Dense(1)])
    model.compile(optimizer, "mse", jit_compile=BACKEND == "jax")
    model.fit(X, Y, batch_size=4, verbose=0)
    return model


@pytest.mark.skipif(BACKEND == "torch", reason="Keras needs torch_xla on torch")
@each_class
def test_a_trained_model_is_exported_as_saved_model(cls, tmp_path):
    tf = pytest.importorskip("tensorflow")
    model = trained(cls)
    model.export(tmp_path / "model", verbose=False)
    loaded = tf.saved_model.load(str(tmp_path / "model"))
    served = loaded.serve(X)
    np.testing.assert_allclose(served, model.predict(X, verbose=0), **TOLERANCE)


# The last version of torch_xla is for torch 2.9, which is why no test exports with it.
@pytest.mark.slow
@pytest.mark.skipif(
    BACKEND != "torch", reason="the test above exports on the other backends"
)
def test_keras_needs_another_package_for_a_saved_model_on_torch(tmp_path):
    model = trained(kerasched.SGD)
    # torch cannot export this model for batches of any size, and raises before.
    signature = [keras.InputSpec(shape=X.shape, dtype="float32")]
    with pytest.raises(ImportError, match="requires the torch_xla"):
        model.export(tmp_path / "model", input_signature=signature, verbose=False)


@each_class
def test_a_trained_model_is_exported_as_onnx(cls, tmp_path):
    for package in ("onnxruntime", CONVERTERS[BACKEND]):
        if importlib.util.find_spec(package) is None:
            pytest.skip(f'{package} is not installed: pip install ".[thorough]"')
    import onnxruntime

    model = trained(cls)
    path = str(tmp_path / "model.onnx")
    signature = [keras.InputSpec(shape=X.shape, dtype="float32")]
    model.export(path, format="onnx", input_signature=signature, verbose=False)
    session = onnxruntime.InferenceSession(path)
    (served,) = session.run(None, {session.get_inputs()[0].name: X})
    np.testing.assert_allclose(served, model.predict(X, verbose=0), **TOLERANCE)
