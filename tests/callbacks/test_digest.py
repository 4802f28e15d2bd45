"""What is seen of a value changes with the value, and with nothing else."""

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


# Each makes a value of a number.
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
def test_it_is_the_same_for_the_same_value_and_another_for_another(name):
    make = VALUES[name]
    first, again, other = (digest_of(make(number)).seen for number in (3, 3, 4))
    assert first == again != other
    assert first is not None


def test_a_function_is_what_its_name_says():
    def made(number):
        return lambda: number

    assert digest_of(made(3)) == digest_of(made(4)) != digest_of(generate)


def test_what_raises_is_what_its_class_is():
    assert digest_of([Broken(3)]) == digest_of([Broken(4)]) != digest_of([3])


def test_the_owner_is_not_looked_into():
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
        ([iter([1])], False),  # Can be looked into.
    ],
)
def test_an_iterator_that_cannot_be_looked_into_is_noted(value, holds):
    assert digest_of(value).holds_iterator == holds


def test_what_is_too_deep_has_none():
    assert digest_of(deep(1)).seen is None
