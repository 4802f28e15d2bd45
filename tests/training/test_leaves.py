"""Finding the optimizers that have a learning rate, and the rate's object."""

import keras
import numpy as np
import pytest
from one_weight import compiled
from one_weight import fit
from one_weight import next_update
from one_weight import sgd

from kerasched import LinearDecay
from kerasched import StepDecay
from kerasched import set_schedule
from kerasched.callbacks import EpochSchedule
from kerasched.callbacks import ReduceOnPlateau
from kerasched.training.leaves import leaves
from kerasched.training.leaves import leaves_of
from kerasched.training.leaves import schedule_of
from kerasched.training.leaves import variable_of

SCHEDULE = StepDecay(0.1, 5)


class Hidden:
    """An optimizer that exposes only its config."""

    def __init__(self, optimizer):
        self.get_config = optimizer.get_config


@pytest.mark.parametrize("rate", [0.1, SCHEDULE, lambda: 0.1])
def test_the_schedule_is_the_same_by_the_attribute_and_by_the_config(rate):
    optimizer = keras.optimizers.SGD(rate)
    # The attribute is needed because a config contains only copies.
    assert optimizer._learning_rate is rate or rate == 0.1
    expected = SCHEDULE if rate is SCHEDULE else None
    assert schedule_of(optimizer) == expected
    if not callable(rate) or rate is SCHEDULE:
        assert schedule_of(Hidden(optimizer)) == expected


def test_a_number_is_in_a_variable_of_its_name():
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


def undecided(rate):
    """Return a model with a nested MultiOptimizer that has no optimizers yet."""
    plain = sgd(rate)
    several = keras.optimizers.MultiOptimizer(lambda v: plain)
    return compiled(keras.optimizers.LossScaleOptimizer(several, 1.0)), plain


def test_optimizers_without_members_are_found_wherever_they_are():
    model, plain = undecided(0.5)
    assert leaves_of(model, model.optimizer) == [plain]


@pytest.mark.parametrize("rate", [0.5, LinearDecay(1.0, 8)])
def test_a_rate_is_set_in_optimizers_without_members(rate):
    model, _ = undecided(rate)
    set_schedule(model, 0.25)
    np.testing.assert_allclose(next_update(model), 0.25)


def test_a_callback_sets_the_rate_in_optimizers_without_members():
    model, plain = undecided(9.0)
    fit(model, 1, callbacks=[EpochSchedule(lambda epoch: 0.25)])
    np.testing.assert_allclose(model.get_weights(), -0.25)
    model, plain = undecided(LinearDecay(1.0, 8))
    with pytest.raises(ValueError, match="needs an optimizer whose learning"):
        fit(model, 1, callbacks=[EpochSchedule(lambda epoch: 0.25)])
    model, plain = undecided(0.5)
    plateau = ReduceOnPlateau("loss", 0.5, patience=1, min_delta=99.0)
    fit(model, 1, epochs=2, callbacks=[plateau])
    np.testing.assert_allclose(next_update(model), 0.25)
