"""Updates under tf.distribute.MirroredStrategy, which exists only in TensorFlow."""

from pathlib import Path

import numpy as np
import pytest
from support import BACKEND
from support import run_json

pytestmark = pytest.mark.skipif(BACKEND != "tensorflow", reason="needs TensorFlow")

PROGRAM = Path(__file__).parent / "programs" / "mirrored_updates.py"
# One case of each kind. The thorough tier has the others.
KERNEL = (
    *("plain", "nesterov", "decay", "independent", "schedules", "clipvalue"),
    *("clipnorm", "global_clipnorm", "overwrite", "accumulation", "accumulated norm"),
    *("all", "nesterov, eager", "all, missing, large", "momentum, sparse, large"),
    *("clipvalue, scaled, None", "clipvalue, scaled, 1", "adamw"),
)
REFERENCE = (
    *("accumulated norm, small", "all, small", "clipnorm, sparse", "all, missing"),
    *("overwrite, scaled, small, 1", "clipvalue, scaled, missing, 1"),
    "all, scaled by Keras",
)
OPERATIONS = ("plain, small", "nesterov, small", "momentum, sparse")
KERAS = ("plain, sparse",)


def trained(count, *names):
    return run_json(PROGRAM.read_text(encoding="utf-8"), arguments=(count, *names))


@pytest.fixture(scope="module", name="found")
def _found():
    return trained(2, *KERNEL, *REFERENCE, *OPERATIONS, *KERAS)


@pytest.fixture(name="updates")
def _updates(found):
    return found["cases"]


def assert_equal_to_one_device(found):
    for name, case in found.items():
        for values in case["replicas"]:
            for one, expected in zip(values, case["alone"], strict=True):
                # The sum over replicas is rounded in another order.
                np.testing.assert_allclose(one, expected, 1e-6, 1e-6, err_msg=name)


def assert_equal_in_all_replicas(found):
    for name, case in found.items():
        first, *others = case["replicas"]
        assert all(other == first for other in others), name


def test_every_option_gives_the_weights_and_the_state_of_one_device(updates):
    assert len(updates) == 1 + len(KERNEL + REFERENCE + OPERATIONS + KERAS)
    assert_equal_to_one_device(updates)


def test_all_replicas_have_the_same_values(updates):
    assert_equal_in_all_replicas(updates)


@pytest.mark.parametrize(
    ("path", "names"),
    [
        ("kernel", KERNEL),
        ("reference", REFERENCE),
        ("operations", OPERATIONS),
        ("keras", KERAS),
    ],
)
def test_each_replica_takes_the_path_that_one_device_would_take(updates, path, names):
    assert {updates[name]["path"][0] for name in names} == {path}


def test_variables_from_outside_of_the_scope_are_refused(found):
    assert found["refusal"] == (
        "A model that trains under a tf.distribute strategy must have all variables, "
        "those of its optimizer too, from that strategy. Received: a variable that "
        "was created elsewhere. Create and compile the model inside of "
        "`with strategy.scope()`"
    )


@pytest.mark.slow
def test_every_option_over_four_replicas():
    found = trained(4)["cases"]
    assert len(found) > 100
    assert_equal_to_one_device(found)
    assert_equal_in_all_replicas(found)
