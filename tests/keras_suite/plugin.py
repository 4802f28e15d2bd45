"""A plugin of pytest that puts another class in the place of Keras's SGD.

What Keras's test files import is replaced before they are loaded; the optimizers that a
case makes are counted in its report. This is test code: it reaches into Keras.
"""

import functools
import importlib
import inspect
import re
import types
from collections import Counter

import keras
import pytest
from keras.src import api_export
from keras.src import optimizers
from keras.src.optimizers import sgd

from keras_suite.exceptions import exceptions

BACKEND = keras.backend.backend()
if BACKEND == "torch":
    # Keras's subclass for torch is made of Keras's class, before that is replaced.
    importlib.import_module("keras.src.backend.torch.optimizers.torch_sgd")

KERAS_SGD = sgd.SGD
MADE = Counter()


def pytest_addoption(parser):
    group = parser.getgroup("keras_suite")
    group.addoption("--sgd", default="", help="module:Class; empty: Keras's own")
    group.addoption("--sgd-fused", action="store_true", help="fused=True by default")
    group.addoption("--sgd-only", action="store_true", help="skip what makes no SGD")


def pytest_configure(config):
    config.addinivalue_line("markers", "requires_trainable_backend: a mark of Keras")
    name = config.getoption("--sgd")
    substitute = load(name) if name else None
    count(substitute)
    if substitute is None:
        return
    if config.getoption("--sgd-fused"):
        fuse(substitute)
    replace(substitute)


def load(name):
    module, _, attribute = name.partition(":")
    return getattr(importlib.import_module(module), attribute)


def replace(substitute):
    """Give the class to all who ask Keras for its SGD from now on."""
    sgd.SGD = substitute
    optimizers.ALL_OBJECTS_DICT["sgd"] = substitute
    api_export.REGISTERED_NAMES_TO_OBJS["keras.optimizers.SGD"] = substitute
    # A copy of the module for the tests alone: the optimizer for torch looks its class
    # up in the module itself, and would make another object of ours.
    copy = types.ModuleType(optimizers.__name__)
    copy.__dict__.update(vars(optimizers), SGD=substitute)
    keras.src.optimizers = copy


def fuse(substitute):
    """Change the default of a class to `fused=True`."""
    make = substitute.__init__

    @functools.wraps(make)
    def make_fused(self, *args, fused=True, **kwargs):
        make(self, *args, fused=fused, **kwargs)

    substitute.__init__ = make_fused


def count(substitute):
    """Count what is made of Keras's class and its subclasses, ours among them."""
    make = KERAS_SGD.__init__

    @functools.wraps(make)
    def make_counted(self, *args, **kwargs):
        ours = substitute is not None and isinstance(self, substitute)
        MADE["substitute" if ours else "keras"] += 1
        make(self, *args, **kwargs)

    KERAS_SGD.__init__ = make_counted


@pytest.fixture(autouse=True)
def counted(record_property):
    MADE.clear()
    yield
    for name in ("substitute", "keras"):
        record_property(name, MADE[name])


def concerned(item):
    """Return whether a case names SGD, in its code or in its parameters."""
    given = getattr(item.obj, "__x_params_repr__", "")
    function = inspect.unwrap(item.obj)
    return re.search("sgd", f"{item.name} {given} {source(function)}", re.I) is not None


def source(function):
    """Return the code of a case without its decorators, which name other cases too."""
    return inspect.getsource(function).partition("def ")[2]


def pytest_collection_modifyitems(config, items):
    if config.getoption("--sgd-only"):
        for item in items:
            if not concerned(item):
                item.add_marker(pytest.mark.skip(reason="it makes no SGD"))
    if config.getoption("--sgd"):
        expect_failures(items, exceptions(BACKEND, config.getoption("--sgd-fused")))


def expect_failures(items, reasons):
    """Mark the cases of the table: each must raise an error, or its reason is stale."""
    files = {item.nodeid.partition("::")[0] for item in items}
    of_these = {case for case in reasons if case.partition("::")[0] in files}
    unknown = of_these - {item.nodeid for item in items}
    if unknown:
        raise pytest.UsageError(f"No such cases: {', '.join(sorted(unknown))}")
    for item in items:
        if item.nodeid in reasons:
            reason = reasons[item.nodeid]
            mark = pytest.mark.xfail(strict=True, raises=RuntimeError, reason=reason)
            item.add_marker(mark)
