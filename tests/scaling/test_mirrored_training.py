"""`fit`, callbacks and the functions around them under MirroredStrategy."""

from pathlib import Path

import numpy as np
import pytest
from support import BACKEND
from support import run_json

pytestmark = pytest.mark.skipif(BACKEND != "tensorflow", reason="needs TensorFlow")

PROGRAM = Path(__file__).parent / "programs" / "mirrored_training.py"
FIRST = ("options", "with_callbacks", "find", "change", "files", "compiled_by_xla")


def trained(count, *parts):
    return run_json(PROGRAM.read_text(encoding="utf-8"), arguments=(count, *parts))


@pytest.fixture(scope="module", name="found")
def _found():
    return trained(2, *FIRST)


def assert_close(values, expected):
    for one, other in zip(values, expected, strict=True):
        # Replicas sum the gradients of their parts of a batch in another order.
        np.testing.assert_allclose(one, other, 1e-6, 1e-6)


def test_fit_gives_the_weights_and_the_state_of_one_device(found):
    assert_close(*found["options"])


def test_callbacks_give_the_weights_of_one_device_after_an_interruption(found):
    assert_close(*found["with_callbacks"])


def test_a_rate_is_found_outside_of_the_scope_and_nothing_changes(found):
    assert len(found["find"]) == 2
    for (losses, is_same), (expected, _) in found["find"]:
        assert len(losses) == 9
        np.testing.assert_allclose(losses, expected, 1e-6)
        assert is_same


def test_a_model_is_accelerated_and_gets_a_schedule_outside_of_the_scope(found):
    assert_close(*found["change"])


def test_saved_state_is_loaded_inside_and_outside_of_the_scope(found):
    loaded = found["files"]
    copied, expected, saved = map(loaded.pop, ("copied", "to copy", "saved"))
    assert copied == expected
    assert len(loaded) == 7
    for name, state in loaded.items():
        assert state == saved, name


def test_a_step_that_xla_compiles_is_refused_with_the_reason(found):
    assert found["compiled_by_xla"] == (
        "XLA cannot compile a step of several replicas of a tf.distribute strategy: a "
        "program of XLA has only the variables of one device. Pass jit_compile=False "
        "to `compile`"
    )


@pytest.mark.slow
def test_a_resumed_run_ends_with_the_bits_of_an_uninterrupted_one():
    resumed, whole = trained(4, "resumed_run")["resumed_run"]
    assert resumed == whole


@pytest.mark.slow
def test_half_precision_over_four_replicas_gives_the_weights_of_keras():
    found = trained(4, "half", "options")
    assert_close(*found["options"])
    assert sorted(found["half"]) == ["mixed_bfloat16", "mixed_float16"]
    for ours, theirs in found["half"].values():
        assert_close(ours, theirs)
