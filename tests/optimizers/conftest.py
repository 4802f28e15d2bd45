"""Fixtures of the optimizers' tests."""

import pytest

KEPT = {}


@pytest.fixture(scope="module", autouse=True)
def clear_models_of_keras():
    yield
    KEPT.clear()


@pytest.fixture
def of_keras(request):
    """Return a function that computes the result of Keras's own optimizer only once.

    Cases that differ only in `fused` share it, as Keras's class has no such argument.
    """
    given = dict(request.node.callspec.params)
    del given["fused"]
    key = request.module.__name__, request.node.originalname, repr(given)

    def once(make):
        if key not in KEPT:
            KEPT[key] = make()
        return KEPT[key]

    return once
