"""Processes that run different programs raise an error that names the difference."""

import keras
import pytest

import kerasched
from kerasched.resuming.same_program import check_same_program
from kerasched.schedules.piecewise import PiecewiseConstant
from scaling.group import Group

pytestmark = pytest.mark.host


def errors(*optimizers):
    """Return the errors of processes with one of the optimizers each."""
    models = [keras.Sequential([keras.layers.Input((2,))]) for _ in optimizers]
    for model, optimizer in zip(models, optimizers, strict=True):
        model.compile(optimizer, "mse")

    def check(processes):
        check_same_program("Owner", models[processes.rank], processes)

    return [error and str(error) for error in Group(len(models))(check)]


def table(last):
    rates = [0.1] * 400
    rates[-1] = last
    return PiecewiseConstant(list(range(1, 400)), rates)


def test_the_same_programs_pass():
    made = [kerasched.SGD(table(0.2), name=name) for name in ("one", "other")]
    assert errors(*made) == [None, None]
    made = [kerasched.SGD(lambda: 0.1) for _ in range(2)]
    with pytest.warns(UserWarning, match="lambda"):
        assert errors(*made) == [None, None]


def test_another_class_is_named():
    found = errors(keras.optimizers.SGD(0.1), keras.optimizers.Adam(0.1))
    assert found[0] == found[1]
    assert 'in `class` of optimizer: "Adam" instead of "SGD"' in found[0]


def test_the_process_and_the_option_are_named():
    same = keras.optimizers.SGD(0.1, momentum=0.9)
    found = errors(same, same, keras.optimizers.SGD(0.1, momentum=0.8))
    assert found == 3 * [
        "Owner: process 2 differs from process 0 in `momentum` of optimizer: 0.8 "
        "instead of 0.9. All processes must run the same program, with the same "
        "versions of its packages."
    ]


def test_a_difference_at_the_end_of_a_long_schedule_shows_by_a_digest():
    found = errors(kerasched.SGD(table(0.2)), kerasched.SGD(table(0.3)))
    assert found[0] == found[1]
    assert found[0].count("... (digest ") == 2
    assert "in `learning_rate` of optimizer" in found[0]


def test_other_versions_are_named(monkeypatch):
    versions = iter(["3.14.0", "3.15.0"])
    monkeypatch.setattr(keras, "version", lambda: next(versions))
    same = keras.optimizers.SGD(0.1)
    (first, _) = errors(same, same)
    assert "in the version of keras: 3.1" in first
