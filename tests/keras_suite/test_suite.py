"""Keras's own test files pass with our optimizers instead of Keras's.

By hand: python -m tests.keras_suite sgd_test [-- options of pytest]
"""

import pytest
from support import BACKEND

from keras_suite.exceptions import BACKENDS
from keras_suite.exceptions import EXCEPTIONS
from keras_suite.run import FILES
from keras_suite.run import collected
from keras_suite.run import results

# Most cases in some files are about other optimizers. The first tier skips cases that
# create none of ours, and the thorough tier checks that it skips no others.
CONCERNED = ["--concerned"]
WAYS = {"auto": [], "fused": ["--ours-fused"]}
# In the first tier TensorFlow uses the kernel in all cases, and JAX the default.
FIRST = {"tensorflow": ["fused"], "jax": ["auto"]}.get(BACKEND, [*WAYS])
EACH_WAY = [
    pytest.param(way, marks=[pytest.mark.slow] * (way not in FIRST)) for way in WAYS
]


@pytest.fixture(scope="module")
def keras_cases():
    return collected()


@pytest.fixture(scope="module", params=EACH_WAY)
def cases(request, tmp_path_factory):
    report = tmp_path_factory.mktemp("suite") / "report.xml"
    return results(report, options=[*CONCERNED, *WAYS[request.param]])


def failures(cases):
    bad = ("failure", "error")
    return {name: case.text for name, case in cases.items() if case.outcome in bad}


# The collected cases do not depend on the backend.
@pytest.mark.slow
@pytest.mark.host
def test_all_cases_of_keras_are_collected(cases, keras_cases):
    assert set(cases) == keras_cases


def test_all_files_of_keras_are_run(cases):
    assert {name.partition(".py::")[0] for name in cases} == set(FILES)


def test_no_case_fails(cases):
    assert failures(cases) == {}


def test_every_optimizer_is_ours(cases):
    assert {name for name, case in cases.items() if case.keras} == set()


# Keras has no sparse tensors on torch, so it skips that file.
def test_every_file_creates_our_optimizers(cases):
    for file in FILES:
        made = [
            case.substitute for name, case in cases.items() if name.startswith(file)
        ]
        without = (BACKEND, file) == ("torch", "optimizer_sparse_test")
        assert (sum(made) == 0) == without, file


# This tests the plugin and not a backend.
# Exactly the cases of sgd_test fail that check a weight after an update.
@pytest.mark.slow
@pytest.mark.host
def test_a_broken_sgd_fails(tmp_path):
    cases = results(tmp_path / "a.xml", ["sgd_test"], ours="keras_suite.broken")
    failed = {name.rpartition("::")[2] for name in failures(cases)}
    assert failed == {"test_single_step", "test_correctness_with_golden"}


@pytest.mark.host
def test_every_exception_names_backends_and_a_reason():
    for case, backends, _, reason in EXCEPTIONS:
        assert case.count("::") == 2
        assert set(backends) <= set(BACKENDS)
        assert reason.endswith(".")


# The cases that the quick run skips create none of our optimizers.
@pytest.mark.slow
def test_only_the_selected_cases_create_our_optimizers(tmp_path, keras_cases):
    everything = results(tmp_path / "all.xml")
    quick = results(tmp_path / "quick.xml", options=CONCERNED)
    assert set(everything) == keras_cases
    assert failures(everything) == {}
    skipped = [n for n, case in quick.items() if "makes no optimizer" in case.text]
    assert {name for name in skipped if everything[name].substitute} == set()
