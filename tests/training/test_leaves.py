"""The optimizers that hold a rate are found, and what they hold."""

import keras
import pytest

from kerasched import StepDecay
from kerasched.training.leaves import leaves
from kerasched.training.leaves import schedule_of
from kerasched.training.leaves import variable_of

SCHEDULE = StepDecay(0.1, 5)


class Hidden:
    """An optimizer that shows nothing but its config."""

    def __init__(self, optimizer):
        self.get_config = optimizer.get_config


@pytest.mark.parametrize("rate", [0.1, SCHEDULE, lambda: 0.1])
def test_the_schedule_is_the_same_by_the_attribute_and_by_the_config(rate):
    optimizer = keras.optimizers.SGD(rate)
    # What the attribute is for: a config has copies only.
    assert optimizer._learning_rate is rate or rate == 0.1
    expected = SCHEDULE if rate is SCHEDULE else None
    assert schedule_of(optimizer) == expected
    if not callable(rate) or rate is SCHEDULE:
        assert schedule_of(Hidden(optimizer)) == expected


def test_a_number_is_held_by_a_variable_of_its_name():
    number, schedule = keras.optimizers.SGD(0.1), keras.optimizers.SGD(SCHEDULE)
    assert float(variable_of(number, "learning_rate")) == pytest.approx(0.1)
    assert variable_of(schedule, "learning_rate") is None
    for optimizer in (number, schedule):
        assert variable_of(optimizer, "iteration") is optimizer.variables[0]


def test_leaves_are_inside_of_wrappers():
    one, other = keras.optimizers.SGD(0.1), keras.optimizers.Adam(0.1)
    both = keras.optimizers.OptimizerMap(one, {".*bias": other})
    assert leaves(one) == [one]
    assert leaves(keras.optimizers.LossScaleOptimizer(one)) == [one]
    assert set(leaves(keras.optimizers.MultiOptimizer(both))) == {one, other}
