"""What the tests of the optimizers share."""

import pytest

KEPT = {}


@pytest.fixture(scope="module", autouse=True)
def models_of_keras_are_kept_for_a_file():
    yield
    KEPT.clear()


@pytest.fixture
def of_keras(request):
    """Return what makes Keras's own model, once for all ways of ours to run.

    Those differ in `fused` alone, which Keras's class does not have.
    """
    given = dict(request.node.callspec.params)
    del given["fused"]
    key = request.module.__name__, request.node.originalname, repr(given)

    def once(make):
        if key not in KEPT:
            KEPT[key] = make()
        return KEPT[key]

    return once
