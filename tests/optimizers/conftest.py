"""Fixtures of the optimizers' tests."""

from functools import partial

import pytest

KEPT = {}


@pytest.fixture(scope="module", autouse=True)
def clear_models_of_keras():
    yield
    KEPT.clear()


@pytest.fixture
def once():
    """Return a function that computes a value once in a file of tests.

    It takes a key and a function that returns the value.
    """

    def value(key, make):
        if key not in KEPT:
            KEPT[key] = make()
        return KEPT[key]

    return value


@pytest.fixture
def of_keras(request, once):
    """Return a function that computes the result of Keras's own optimizer only once.

    Cases that differ only in `fused` share it, as Keras's class has no such argument.
    """
    given = dict(request.node.callspec.params)
    del given["fused"]
    return partial(once, (request.node.originalname, repr(given)))
