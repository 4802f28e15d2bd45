"""Config, equality, hash, repr and copies are derived from the fields."""

import copy
import json
import pickle

import keras
import numpy as np
import pytest
from support import BACKEND
from support import SCHEDULES
from support import compiled_calls

from kerasched import Chain
from kerasched import Constant
from kerasched import CosineDecay
from kerasched import PerEpoch
from kerasched import PiecewiseConstant
from kerasched import Schedule
from kerasched import StepDecay
from kerasched import Sum
from kerasched import Warmup
from kerasched import list_schedules
from kerasched.schedules.config import MOST_LEVELS

by_name = pytest.mark.parametrize("name", SCHEDULES)
built_in = keras.optimizers.schedules


@by_name
def test_config_survives_json(name):
    schedule = SCHEDULES[name]
    config = json.loads(json.dumps(schedule.get_config(), allow_nan=False))
    assert type(schedule).from_config(config) == schedule


@by_name
def test_keras_serialisation_restores_an_equal_schedule(name):
    schedule = SCHEDULES[name]
    text = json.dumps(keras.saving.serialize_keras_object(schedule))
    restored = keras.saving.deserialize_keras_object(json.loads(text))
    assert restored == schedule
    assert hash(restored) == hash(schedule)
    assert type(restored) is type(schedule)


@by_name
def test_an_optimizer_config_restores_an_equal_schedule(name):
    optimizer = keras.optimizers.SGD(learning_rate=SCHEDULES[name])
    config = json.loads(json.dumps(keras.optimizers.serialize(optimizer)))
    restored = keras.optimizers.deserialize(config).get_config()["learning_rate"]
    assert keras.saving.deserialize_keras_object(restored) == SCHEDULES[name]


@by_name
def test_copies_are_equal(name):
    schedule = SCHEDULES[name]
    for other in (
        copy.copy(schedule),
        copy.deepcopy(schedule),
        pickle.loads(pickle.dumps(schedule)),
    ):
        assert other == schedule
        np.testing.assert_array_equal(other.evaluate([0, 7]), schedule.evaluate([0, 7]))


@by_name
def test_repr_is_code_for_an_equal_schedule(name):
    names = {entry.cls.__name__: entry.cls for entry in list_schedules()}
    assert eval(repr(SCHEDULES[name]), names) == SCHEDULES[name]


@pytest.mark.parametrize("entry", list_schedules(), ids=lambda entry: entry.name)
def test_the_registered_name_never_changes(entry):
    registered = keras.saving.get_registered_name(entry.cls)
    assert registered == f"kerasched>{entry.cls.__name__}"


def test_repr_leaves_defaults_out():
    assert repr(Warmup(StepDecay(0.1, 5), 3)) == (
        "Warmup(schedule=StepDecay(initial_learning_rate=0.1, decay_steps=5), "
        "warmup_steps=3)"
    )


def test_schedules_differ_by_class_and_by_every_argument():
    base = Warmup(StepDecay(0.1, 5), 3)
    assert base != StepDecay(0.1, 5)
    assert base != Warmup(StepDecay(0.1, 6), 3)
    assert base != Warmup(StepDecay(0.1, 5), 4)
    assert base != Warmup(StepDecay(0.1, 5), 3, shape="cosine")
    assert len({base, Warmup(StepDecay(0.1, 5), 3), StepDecay(0.1, 5)}) == 2


def test_the_name_is_kept_and_does_not_affect_equality():
    named = StepDecay(0.1, 5, name="mine")
    assert named == StepDecay(0.1, 5)
    assert hash(named) == hash(StepDecay(0.1, 5))
    assert StepDecay.from_config(named.get_config()).name == "mine"
    assert StepDecay(0.1, 5).get_config()["name"] is None
    assert repr(named).endswith("decay_steps=5, name='mine')")


def test_arguments_of_numpy_are_stored_as_plain_numbers():
    schedule = Chain(
        [
            PiecewiseConstant(np.array([3]), np.array([0.5, 0.25])),
            Constant(np.array(1)),
        ],
        np.array([7]),
    )
    config = schedule.get_config()
    assert config["boundaries"] == [7]
    assert config["schedules"][0]["config"]["values"] == [0.5, 0.25]
    json.dumps(config, allow_nan=False)


@pytest.mark.parametrize("steps", [0, 5, np.arange(20)], ids=["0", "5", "array"])
@pytest.mark.parametrize(
    "theirs",
    [
        built_in.ExponentialDecay(0.5, 10, 0.5),
        built_in.CosineDecay(0.0, 10, warmup_target=0.5, warmup_steps=5),
        built_in.PiecewiseConstantDecay([3, 6], [0.5, 0.25, 0.125]),
    ],
    ids=lambda schedule: type(schedule).__name__,
)
def test_a_schedule_of_keras_may_be_nested(theirs, steps):
    schedule = PerEpoch(theirs, 2)
    expected = [float(theirs(int(step) // 2)) for step in np.ravel(steps)]
    np.testing.assert_allclose(np.ravel(schedule.evaluate(steps)), expected, rtol=1e-6)
    called = keras.ops.convert_to_numpy(schedule(np.asarray(steps, "int32")))
    np.testing.assert_allclose(np.ravel(called), expected, rtol=1e-6)
    assert np.shape(called) == np.shape(steps)


def test_a_nested_schedule_of_keras_is_saved_and_compared_by_its_config():
    schedule = Warmup(built_in.CosineDecay(0.1, 90, alpha=0.01), 10)
    text = json.dumps(keras.saving.serialize_keras_object(schedule))
    restored = keras.saving.deserialize_keras_object(json.loads(text))
    assert isinstance(restored.schedule, built_in.CosineDecay)
    assert restored == schedule
    assert hash(restored) == hash(schedule)
    assert schedule != Warmup(built_in.CosineDecay(0.1, 91, alpha=0.01), 10)
    assert float(restored(10)) == pytest.approx(0.1, rel=1e-6)
    assert float(restored(5)) == pytest.approx(0.05, rel=1e-6)


def test_a_tree_with_a_schedule_of_keras_is_not_exact():
    theirs = built_in.ExponentialDecay(0.1, 10, 0.5)
    assert PerEpoch(StepDecay(0.1, 2), 5).exact
    assert not PerEpoch(Warmup(theirs, 5), 5).exact
    assert PerEpoch(theirs, 5).constant_after is None


def test_a_registered_schedule_of_the_user_may_be_nested():
    @keras.saving.register_keras_serializable("tests")
    class Mine(Schedule):
        rate: float

        def value(self, step, xp):
            return self.rate / (1.0 + xp.real(step))

    schedule = Warmup(Mine(0.5), 10)
    config = keras.saving.serialize_keras_object(schedule)
    assert config["config"]["schedule"]["registered_name"] == "tests>Mine"
    assert keras.saving.deserialize_keras_object(config) == schedule
    assert schedule.evaluate(11) == 0.25


def test_our_cosine_in_the_place_of_one_of_keras_keeps_its_end():
    # Our CosineDecay has an absolute end, but Keras's alpha is a fraction.
    theirs = built_in.CosineDecay(0.5, 10, alpha=0.1)
    assert float(theirs(10)) == pytest.approx(CosineDecay(0.5, 10, 0.05).evaluate(10))


def nested(levels):
    """Return a schedule with this many nested levels."""
    schedule = Constant(0.1)
    for _ in range(levels - 1):
        schedule = Warmup(schedule, 1)
    return schedule


TOO_DEEP = "must be nested at most 32 levels deep. Received: "


def test_schedules_as_deep_as_allowed_work():
    schedule = nested(MOST_LEVELS)
    text = json.dumps(keras.saving.serialize_keras_object(schedule))
    restored = keras.saving.deserialize_keras_object(json.loads(text))
    assert restored == schedule
    assert hash(restored) == hash(schedule)
    assert repr(restored) == repr(schedule)
    assert restored.evaluate(40) == 0.1
    # torch.compile inlines calls, which takes several times as many stack frames.
    compiled = [] if BACKEND == "torch" else compiled_calls(restored).values()
    for call in (restored, *compiled):
        assert float(call(keras.ops.convert_to_tensor(40))) == np.float32(0.1)


def test_schedules_nested_too_deeply_are_refused_at_construction():
    with pytest.raises(ValueError, match="Argument `schedule` of Warmup " + TOO_DEEP):
        nested(MOST_LEVELS + 1)
    with pytest.raises(ValueError, match="Argument `schedules` of Sum " + TOO_DEEP):
        Sum((Constant(0.1), nested(MOST_LEVELS)))


def test_the_error_for_deep_nesting_gives_advice():
    with pytest.raises(ValueError, match="Use a schedule with fewer levels inside it$"):
        nested(MOST_LEVELS + 1)
    flat = "Give all schedules to one Sum instead of nesting them$"
    with pytest.raises(ValueError, match=flat):
        Sum((Constant(0.1), nested(MOST_LEVELS)))


def test_a_config_nested_too_deeply_is_refused_before_it_is_read():
    config = Constant(0.1).get_config()
    kind = keras.saving.serialize_keras_object(nested(2))
    for _ in range(300):
        inner = {**kind, "config": config}
        config = {**kind["config"], "schedule": inner}
    with pytest.raises(ValueError, match="Argument `schedule` of Warmup " + TOO_DEEP):
        Warmup.from_config(config)
    values = 0.1
    for _ in range(2000):
        values = [values]
    with pytest.raises(ValueError, match="Argument `values` of Piecewise.* must be"):
        PiecewiseConstant.from_config({"boundaries": [], "values": values})


def test_a_saved_sum_of_sums_is_not_flattened():
    sums = Sum((Sum((Constant(0.1), Constant(0.2))), Constant(0.3)))
    restored = Sum.from_config(json.loads(json.dumps(sums.get_config())))
    assert restored == sums
    assert len(restored.schedules) == 2


@pytest.mark.parametrize("config", [None, 5, "a", [("learning_rate", 0.1)], {1: 0.1}])
def test_a_config_that_is_no_dict_of_arguments_is_refused(config):
    with pytest.raises(TypeError, match="`config` of Constant.from_config") as caught:
        Constant.from_config(config)
    assert str(caught.value) == (
        "Argument `config` of Constant.from_config must be a dict of the arguments by "
        f"name, as get_config returns it. Received: config={config!r}"
    )


def test_an_invalid_nested_object_is_refused_with_its_position():
    inner = {"class_name": "__numpy__", "config": {}}
    with pytest.raises(ValueError, match=r"`schedules\[1\]` of Sum must be an object"):
        Sum.from_config({"schedules": [inner_config(Constant(0.1)), inner]})


def inner_config(schedule):
    return keras.saving.serialize_keras_object(schedule)
