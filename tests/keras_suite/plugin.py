"""A pytest plugin that replaces Keras's optimizers by other classes.

It replaces what Keras's test files import before they are loaded, and counts in the
report the optimizers that a case creates. As test code it may use Keras's internals.
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
from keras.src.optimizers.base_optimizer import BaseOptimizer

from keras_suite.exceptions import exceptions

BACKEND = keras.backend.backend()
NAMES = ("SGD", "Adam", "AdamW", "Lion")
if BACKEND == "torch":
    # Keras's subclasses for torch are created before their base classes are replaced.
    for name in NAMES:
        importlib.import_module(
            f"keras.src.backend.torch.optimizers.torch_{name.lower()}"
        )

THEIRS = {name: getattr(optimizers, name) for name in NAMES}
MADE = Counter()


def pytest_addoption(parser):
    group = parser.getgroup("keras_suite")
    group.addoption("--ours", default="", help="a module of classes; empty: Keras's")
    group.addoption("--ours-fused", action="store_true", help="fused=True by default")
    group.addoption("--concerned", action="store_true", help="skip what makes no such")


def pytest_configure(config):
    config.addinivalue_line("markers", "requires_trainable_backend: a mark of Keras")
    name = config.getoption("--ours")
    module = importlib.import_module(name) if name else None
    ours = {n: getattr(module, n) for n in NAMES if hasattr(module, n)}
    count({n: THEIRS[n] for n in ours or NAMES}, ours)
    for substitute in ours.values():
        if config.getoption("--ours-fused"):
            fuse(substitute)
    if ours:
        replace(ours)


def replace(ours):
    """Replace Keras's own classes for all later imports and look-ups."""
    for name, substitute in ours.items():
        module = importlib.import_module(f"keras.src.optimizers.{name.lower()}")
        setattr(module, name, substitute)
        optimizers.ALL_OBJECTS_DICT[name.lower()] = substitute
        api_export.REGISTERED_NAMES_TO_OBJS[f"keras.optimizers.{name}"] = substitute
    # Only the tests get this copy of the module. On torch, Keras looks up the class in
    # the original module and would create a different object from ours.
    copy = types.ModuleType(optimizers.__name__)
    copy.__dict__.update(vars(optimizers), **ours)
    keras.src.optimizers = copy


def fuse(substitute):
    """Change the default of a class to `fused=True`."""
    make = vars(substitute)["__init__"]

    @functools.wraps(make)
    def make_fused(self, *args, fused=True, **kwargs):
        make(self, *args, fused=fused, **kwargs)

    substitute.__init__ = make_fused


def count(theirs, ours):
    """Count the instances of Keras's classes and their subclasses, including ours."""
    make = BaseOptimizer.__init__

    @functools.wraps(make)
    def make_counted(self, *args, **kwargs):
        if isinstance(self, tuple(theirs.values())):
            by_us = isinstance(self, tuple(ours.values()))
            MADE["substitute" if by_us else "keras"] += 1
        make(self, *args, **kwargs)

    BaseOptimizer.__init__ = make_counted


@pytest.fixture(autouse=True)
def counted(record_property):
    MADE.clear()
    yield
    for name in ("substitute", "keras"):
        record_property(name, MADE[name])


def concerned(item):
    """Return whether the code or parameters of a case name one of our optimizers."""
    given = getattr(item.obj, "__x_params_repr__", "")
    function = inspect.unwrap(item.obj)
    text = f"{item.name} {given} {source(function)}"
    return re.search("|".join(NAMES), text, re.IGNORECASE) is not None


def source(function):
    """Return the code of a case without decorators, which also name other cases."""
    return inspect.getsource(function).partition("def ")[2]


def pytest_collection_modifyitems(config, items):
    if config.getoption("--concerned"):
        for item in items:
            if not concerned(item):
                item.add_marker(
                    pytest.mark.skip(reason="it makes no optimizer of ours")
                )
    if config.getoption("--ours"):
        expect_failures(items, exceptions(BACKEND, config.getoption("--ours-fused")))


def expect_failures(items, reasons):
    """Mark the cases of the table, each of which must raise or is out of date."""
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
