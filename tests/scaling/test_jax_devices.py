"""SGD on several JAX devices gives the results of one, with no more communication."""

from pathlib import Path

import pytest
from kernels.arrays import needs_extension
from support import BACKEND
from support import run_json

pytestmark = [
    needs_extension,
    pytest.mark.skipif(BACKEND != "jax", reason="keras.distribution needs JAX"),
]
if BACKEND == "jax":
    from scaling.jax_devices import LAYOUTS
    from scaling.jax_devices import OPTIONS
else:
    LAYOUTS = OPTIONS = {}

PROGRAM = f"""
import json
import os
import sys
os.environ["XLA_FLAGS"] = "--xla_force_host_platform_device_count=8"
sys.path[:0] = {[str(Path(__file__).parents[1])]!r}
from scaling import jax_reports
print(json.dumps({{}}))
"""
# In this layout several possible mistakes would each gather more than Keras.
FIRST = "rows over 4"
# The first tier runs there each way to clip by a norm, each rule, and all options
# together.
SAMPLE = ("momentum", "clipnorm", "global_clipnorm", "dynamic loss scale", "everything")
SAMPLE += ("adamw", "amsgrad", "lion", "bfloat16")
# Weights and velocities are below 2. After a few float32 steps with sums over devices
# in another order, they differ by up to four units in the last place of 1. In half
# precision, products are rounded before they are added over devices. This is 2**-9 of a
# gradient of 0.05 times the rate, and ten times that in a velocity.
CLOSE = {"bfloat16": 2e-4, "float16": 2e-4}
FLOAT32_CLOSE = 5e-7


def child(**calls):
    """Return the results of functions of jax_reports, in a child process."""
    results = ", ".join(f"{k!r}: jax_reports.{call}" for k, call in calls.items())
    return run_json(PROGRAM.replace("{}", f"{{{results}}}"))


@pytest.fixture(scope="module", name="report")
def _report():
    return child(
        options=f"options({FIRST!r}, 5, {SAMPLE!r})",
        by_hand=f"by_hand({FIRST!r})",
        shards="shards()",
        cached="cached()",
        saved="saved('rows over 4', ['rows over 4'])",
        failure="failure('data over 4')",
        mistakes="mistakes()",
    )


@pytest.mark.parametrize("option", SAMPLE)
def test_weights_are_those_of_one_device(option, report):
    distance = report["options"][option]["distance"]
    assert distance <= CLOSE.get(option, FLOAT32_CLOSE)


@pytest.mark.parametrize("option", SAMPLE)
def test_a_step_exchanges_no_more_than_that_of_keras(option, report):
    found = report["options"][option]
    assert more_than_keras(found["ours"], found["keras"]) == {}


def more_than_keras(ours, theirs):
    """Return the collective operations that our step has more of."""
    return {name: n for name, n in ours.items() if n > theirs[name]}


def test_a_step_without_a_distribution_gathers_no_more_than_that_of_keras(report):
    ours, theirs = report["by_hand"]
    assert ours["all-gather"] <= theirs["all-gather"]


# Options that read the gradients once before the call that updates.
READ_FIRST = ("clipnorm", "global_clipnorm", "dynamic loss scale")


@pytest.mark.parametrize("option", ["momentum", "everything", *READ_FIRST])
def test_the_kernel_runs_once_on_each_device(option, report):
    reads_first = option in (*READ_FIRST, "everything")
    assert report["options"][option]["calls"] == [1, int(reads_first)]


def test_all_norms_need_one_more_reduction(report):
    counts = {name: found["ours"] for name, found in report["options"].items()}
    for name in ("clipnorm", "global_clipnorm", "dynamic loss scale"):
        more = counts[name]["all-reduce"] - counts["momentum"]["all-reduce"]
        assert more == 1


LIMITS = ("none", "clipnorm", "global_clipnorm", "accumulation")


@pytest.mark.parametrize("limits", LIMITS)
def test_norms_count_each_part_of_a_gradient_once(limits, report):
    found = report["shards"][f"{limits}, finite"]
    assert found["distance"] <= 5e-7  # Weights are up to 4: two units of float32.
    assert found["moved"] > 0.01


def test_the_compilation_cache_tells_options_apart(report):
    assert max(report["cached"].values()) <= 5e-7


@pytest.mark.parametrize("limits", LIMITS)
def test_an_infinity_in_one_shard_skips_the_step_on_all_devices(limits, report):
    assert report["shards"][f"{limits}, infinite"] == {"distance": 0.0, "moved": 0.0}


def test_a_saved_run_resumes_exactly_on_the_same_devices(report):
    assert report["saved"] == {"rows over 4": 0.0}


def test_an_error_in_the_first_step_is_not_hidden_by_averages(report):
    assert "this layer refuses" in report["failure"]


@pytest.mark.parametrize(("mistake", "number"), [("units", 6), ("batch", 6)])
def test_a_layout_that_does_not_divide_is_an_error_with_the_numbers(
    mistake, number, report
):
    message = report["mistakes"][mistake]
    assert "partitioned 4 times" in message or "divisible by 4" in message
    assert str(number) in message


@pytest.mark.slow
@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_option_on_every_layout(layout):
    report = child(options=f"options({layout!r}, 50)")["options"]
    wrong = {
        option: found
        for option, found in report.items()
        if more_than_keras(found["ours"], found["keras"])
        or not found["distance"] <= 5 * CLOSE.get(option, FLOAT32_CLOSE / 5)
    }
    assert list(report) == list(OPTIONS)
    assert wrong == {}


@pytest.mark.slow
def test_a_saved_run_resumes_on_other_devices():
    others = ["one device", "data over 8", "grid of 2 x 2"]
    found = child(saved=f"saved('rows over 4', {others})")["saved"]
    # Weights are below 1: half a unit of float32 in each of some steps.
    assert all(distance <= 6e-8 for distance in found.values()), found
