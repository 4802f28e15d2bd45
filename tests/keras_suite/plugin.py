"""A plugin of pytest that puts other classes in the place of Keras's optimizers.

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
from keras.src.optimizers.base_optimizer import BaseOptimizer

from keras_suite.exceptions import exceptions

BACKEND = keras.backend.backend()
NAMES = ("SGD", "Adam", "AdamW", "Lion")
if BACKEND == "torch":
    # Keras's subclasses for torch are made of its classes, before those are replaced.
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
    """Give the classes to all who ask Keras for its own from now on."""
    for name, substitute in ours.items():
        module = importlib.import_module(f"keras.src.optimizers.{name.lower()}")
        setattr(module, name, substitute)
        optimizers.ALL_OBJECTS_DICT[name.lower()] = substitute
        api_export.REGISTERED_NAMES_TO_OBJS[f"keras.optimizers.{name}"] = substitute
    # A copy of the module for the tests alone: the optimizer for torch looks its class
    # up in the module itself, and would make another object of ours.
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
    """Count what is made of Keras's classes and their subclasses, ours among them."""
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
    """Return whether a case names an optimizer of ours, in code or parameters."""
    given = getattr(item.obj, "__x_params_repr__", "")
    function = inspect.unwrap(item.obj)
    text = f"{item.name} {given} {source(function)}"
    return re.search("|".join(NAMES), text, re.IGNORECASE) is not None


def source(function):
    """Return the code of a case without its decorators, which name other cases too."""
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
