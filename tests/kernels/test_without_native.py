"""The package works without the compiled extension."""

import pytest
from support import BACKEND
from support import run_json

# With an entry of None, importing the module raises ModuleNotFoundError.
PROGRAM = """
import json
import sys
import warnings

import numpy as np

sys.modules["kerasched._native"] = None

import keras
import kerasched
from kerasched.kernels import native
from kerasched.kernels.options import Options

def error(function, *arguments, **numbers):
    try:
        function(*arguments, **numbers)
    except RuntimeError as error:
        return str(error)

def trained():
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.layers.Input((3,)), keras.layers.Dense(1)])
    model.compile(kerasched.SGD(0.1, momentum=0.5, weight_decay=1e-4), "mse")
    inputs = np.random.default_rng(0).standard_normal((64, 3))
    targets = inputs.sum(1, keepdims=True)
    return model.fit(inputs, targets, epochs=10, verbose=0).history["loss"]

with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    losses = [trained(), trained()]

array = np.ones(3, "float32")
print(json.dumps({
    "missing": native.missing,
    "losses": losses[0],
    "warnings": [str(w.message) for w in caught if w.category is RuntimeWarning],
    "ffi_version": native.ffi_version(),
    "errors": [
        error(native.update, Options(), [array], [array], learning_rate=0.1),
        error(native.instruction_set),
        error(native.threads),
        error(native.ffi_target),
        error(native.ffi_handlers),
        error(native.register_in_tensorflow, "library"),
    ],
}))
"""

# Nothing of it depends on the backend.
pytestmark = pytest.mark.host

MISSING = "the compiled extension is not installed"


@pytest.fixture(scope="module")
def found():
    return run_json(PROGRAM, BACKEND)


def test_the_reason_is_kept(found):
    assert found["missing"] == MISSING


def test_a_model_trains(found):
    assert found["losses"][-1] < found["losses"][0] / 10


def test_one_warning_says_why_training_has_no_kernel(found):
    [warning] = found["warnings"]
    assert warning.startswith(
        f"kerasched trains without its compiled kernel: {MISSING}. "
    )


def test_every_function_of_the_extension_raises_with_advice(found):
    text = f"{MISSING}. Install kerasched with a C++ compiler"
    assert found["errors"] == [text] * 6


def test_the_version_of_the_ffi_is_none(found):
    assert found["ffi_version"] is None
