"""The digest of a value changes if and only if the value changes."""

import random
import re
import threading

import keras
import numpy as np
import pytest

from kerasched.resuming.digest import digest_of


class Thing:
    def __init__(self, number, held):
        self.number, self.held = number, held


class Broken:
    def __init__(self, number):
        self.number = number

    def __reduce_ex__(self, protocol):
        raise RuntimeError


def generate():
    yield 1


def layer(value):
    made = keras.layers.Dense(1, kernel_initializer=keras.initializers.Constant(value))
    made.build((None, 2))
    return made


def deep(value):
    for _ in range(100_000):
        value = [value]
    return value


# Each function creates a value that depends on a number.
VALUES = {
    "numbers": lambda n: [1, 2.5, n],
    "an array": lambda n: np.array([1, n]),
    "a large array": lambda n: np.full(2**23, n, "int8"),
    "beside a function": lambda n: {"function": lambda x: x, "number": n},
    "behind a function": lambda n: {"function": lambda x: x, "object": Thing(n, 0)},
    "beside a lock": lambda n: Thing(n, threading.Lock()),
    "beside a module": lambda n: (np, n),
    "beside a class": lambda n: (type("Local", (), {}), n),
    "beside an object of a local class": lambda n: (type("Local", (), {})(), n),
    "beside a generator": lambda n: [generate(), n],
    "beside what raises": lambda n: [Broken(n), n],
    "beside a ufunc and a pattern": lambda n: [np.add, len, re.compile("a"), n],
    "a method": lambda n: [n].append,
    "a generator of numbers": lambda n: {"inside": random.Random(n)},
    "a layer": lambda n: [layer(n)],
}


@pytest.mark.parametrize("name", VALUES)
def test_equal_values_have_equal_digests_and_others_have_not(name):
    make = VALUES[name]
    first, again, other = (digest_of(make(number)).seen for number in (3, 3, 4))
    assert first == again != other
    assert first is not None


def test_the_digest_of_a_function_depends_on_its_name_only():
    def made(number):
        return lambda: number

    assert digest_of(made(3)) == digest_of(made(4)) != digest_of(generate)


def test_the_digest_of_an_object_that_raises_depends_on_its_class_only():
    assert digest_of([Broken(3)]) == digest_of([Broken(4)]) != digest_of([3])


def test_the_digest_does_not_include_the_owner():
    owner = Thing(3, None)
    owner.held = {"all": owner, "number": 1}
    before = digest_of(owner.held, owner)
    owner.number = 4
    assert digest_of(owner.held, owner) == before
    owner.held["number"] = 2
    assert digest_of(owner.held, owner) != before


@pytest.mark.parametrize(
    ("value", "holds"),
    [
        ([generate()], True),
        ({"a": Thing(1, (generate(),))}, True),
        ([Broken(1), generate, threading.Lock()], False),
        ([iter([1])], False),  # The state of this iterator is accessible.
    ],
)
def test_an_iterator_with_inaccessible_state_is_noted(value, holds):
    assert digest_of(value).holds_iterator == holds


def test_a_value_that_is_nested_too_deeply_has_no_digest():
    assert digest_of(deep(1)).seen is None
