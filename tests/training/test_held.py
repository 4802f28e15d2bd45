"""Finding all optimizers, variables and generators of a model, by attribute path."""

import types

import keras
import numpy as np
import own_step
import pytest
from own_step import Two
from own_step import new_model
from own_step import sgd

import kerasched
from kerasched import CosineDecay
from kerasched import copy_optimizer_state
from kerasched import find_learning_rate
from kerasched import load_training_state
from kerasched import set_schedule
from kerasched.training.leaves import leaves
from kerasched.training.model_contents import contents_of
from kerasched.training.model_contents import every_variable
from kerasched.training.model_contents import training_optimizers


class Helper:
    """A user's object that contains an optimizer."""

    def __init__(self, optimizer):
        self.opt = optimizer


class Inner(keras.layers.Layer):
    def __init__(self, optimizer):
        super().__init__()
        self.opt = optimizer


class Furnished(Two):
    """A model with variables that Keras tracks, and with others."""

    def __init__(self):
        super().__init__()
        self.tracked = keras.Variable(1.0)
        self.helper = Helper(sgd(0.1))
        self.helper.seeds = keras.random.SeedGenerator(3)
        self.helper.loose = [keras.Variable(2.0), self.tracked]
        self.counts = [keras.metrics.Mean(name="m")]


HOLDERS = {
    "opt": lambda model, one: setattr(model, "opt", one),
    "opts/1": lambda model, one: setattr(model, "opts", [None, one]),
    "opts/0/g": lambda model, one: setattr(model, "opts", ({"g": one}, 3)),
    "layer/opt": lambda model, one: setattr(model, "layer", Inner(one)),
    "nets/x/opt": lambda model, one: setattr(model, "nets", {"x": Inner(one)}),
    "helper/opt": lambda model, one: setattr(model, "helper", Helper(one)),
    "space/opt": lambda model, one: setattr(
        model, "space", types.SimpleNamespace(opt=one)
    ),
}


@pytest.mark.parametrize("path", HOLDERS)
def test_an_optimizer_is_found_at_any_attribute_path(path):
    model, optimizer = Two(), sgd(0.1)
    HOLDERS[path](model, optimizer)
    assert list(contents_of(model).optimizers) == [path]
    assert contents_of(model).optimizers[path] is optimizer


def test_an_optimizer_has_one_name_and_an_inner_one_has_none():
    model, inner = Two(), sgd(0.1)
    model.inner = inner
    model.twice = keras.optimizers.LossScaleOptimizer(inner)
    model.compile(model.twice, optimizer=model.twice)
    assert contents_of(model).optimizers == {"optimizer": model.twice}


def test_a_model_with_many_layers_has_no_other_contents():
    layers = [keras.layers.Dense(2), keras.layers.Dropout(0.5), keras.layers.Dense(1)]
    inner = keras.Sequential([keras.layers.Input((2,)), *layers])
    model = keras.Sequential([keras.layers.Input((2,)), inner, keras.layers.Dense(1)])
    model.compile("sgd", "mse", metrics=["mae"])
    model.fit(np.ones((4, 2)), np.ones((4, 1)), verbose=0)
    held = contents_of(model)
    assert list(held.optimizers) == ["optimizer"]
    assert held.metrics == held.variables == {}


def test_every_variable_is_found_once():
    model = new_model(kind=Furnished)
    loose = contents_of(model).variables
    assert list(loose) == ["helper/seeds", "helper/loose/0"]
    every = every_variable(model)
    assert len({id(v) for v in every}) == len(every)
    wanted = [model.tracked, model.helper.loose[0], model.helper.seeds.state]
    wanted += [*model.counts[0].variables, *model.helper.opt.variables]
    wanted += [*model.a_opt.variables, *model.optimizer.variables, *model.variables]
    assert {id(v) for v in wanted} <= {id(v) for v in every}


def test_the_default_optimizer_does_not_count_while_it_is_unused():
    model = new_model()
    assert isinstance(model.optimizer, keras.optimizers.RMSprop)
    assert list(training_optimizers(model)) == ["a_opt", "b_opt"]
    own_step.fit(model)  # On torch and JAX this builds the default optimizer.
    assert list(training_optimizers(model)) == ["a_opt", "b_opt"]
    model.optimizer.iterations.assign(1)
    assert list(training_optimizers(model)) == ["optimizer", "a_opt", "b_opt"]


@pytest.mark.parametrize(
    "given",
    [
        lambda: "sgd",
        lambda: keras.optimizers.RMSprop(0.01),
        lambda: keras.optimizers.RMSprop(rho=0.5),
        lambda: keras.optimizers.RMSprop(CosineDecay(0.1, 3)),
    ],
)
def test_an_optimizer_passed_to_compile_counts_as_training(given):
    model = new_model(optimizer=given())
    assert list(training_optimizers(model)) == ["optimizer", "a_opt", "b_opt"]


def test_the_optimizer_of_a_pretrained_submodel_does_not_count():
    inner = keras.Sequential([keras.layers.Input((2,)), keras.layers.Dense(1)])
    inner.compile("adam", "mse")
    model = keras.Sequential([keras.layers.Input((2,)), inner])
    model.compile("sgd", "mse")
    assert list(contents_of(model).optimizers) == ["optimizer", "layers/1/optimizer"]
    assert training_optimizers(model) == {"optimizer": model.optimizer}


AMBIGUOUS = {
    "set_schedule": lambda m: set_schedule(m, 0.5),
    "find_learning_rate": lambda m: find_learning_rate(m, own_step.X, own_step.Y),
}


@pytest.mark.parametrize("owner", AMBIGUOUS)
def test_an_ambiguous_rate_is_refused(owner):
    text = (
        f"Argument `optimizer` of {owner} must be the only one that trains the model, "
        r"as it is not known which rate is meant. Received: optimizer=\['a_opt', "
        r"'b_opt'\]"
    )
    with pytest.raises(ValueError, match=text):
        AMBIGUOUS[owner](new_model())


def rates(model):
    optimizers = [model.optimizer, *(optimizer for _, optimizer in model.pairs())]
    return [float(leaf.learning_rate) for one in optimizers for leaf in leaves(one)]


def test_each_rate_is_set_by_its_attribute():
    model = new_model()
    set_schedule(model, {"a_opt": 0.5, "b_opt": CosineDecay(0.25, 10)})
    assert rates(model) == pytest.approx([0.001, 0.5, 0.25])
    set_schedule(model, {"optimizer": 2.0})
    assert rates(model) == pytest.approx([2.0, 0.5, 0.25])


@pytest.mark.parametrize("given", [{}, {"c_opt": 0.1}, {"a_opt": 0.1, 3: 0.1}])
def test_an_unknown_optimizer_name_is_refused(given):
    text = "must be a dict with names among optimizer, a_opt, b_opt"
    with pytest.raises(ValueError, match=text):
        set_schedule(new_model(), given)


def test_the_only_custom_optimizer_is_used():
    model = new_model(sgd(0.05))
    set_schedule(model, 0.5)
    assert rates(model) == pytest.approx([0.001, 0.5])


def test_the_next_update_of_a_custom_optimizer_has_the_new_rate():
    model = new_model(keras.optimizers.SGD(0.05))
    own_step.fit(model)
    before = model.a.get_weights()
    set_schedule(model, CosineDecay(0.05, 10) * 0.0)
    own_step.fit(model)
    np.testing.assert_array_equal(before[0], model.a.get_weights()[0])


def test_a_sweep_of_the_only_custom_optimizer_restores_all_state():
    model = new_model(sgd(0.05))
    model.helper = Helper(None)
    model.helper.loose = [keras.Variable(2.0)]
    own_step.fit(model)
    every = every_variable(model)
    before = [keras.ops.convert_to_numpy(v.value).copy() for v in every]
    sweep = find_learning_rate(
        model, own_step.X, own_step.Y, batch_size=8, steps=30, max_lr=100.0, verbose=0
    )
    assert len(sweep.losses) < 30  # The loss diverges, so the rates were used.
    for variable, value in zip(every, before, strict=True):
        np.testing.assert_array_equal(keras.ops.convert_to_numpy(variable.value), value)


def test_an_optimizer_that_could_not_be_restored_is_refused():
    text = r"one whose optimizer a_opt is built.*Call model.a_opt.build\(variables\)"
    with pytest.raises(ValueError, match=text):
        AMBIGUOUS["find_learning_rate"](new_model(sgd(0.05), build=False))


@pytest.mark.parametrize("kind", [".keras", ".weights.h5"])
@pytest.mark.parametrize("rate", [0.05, CosineDecay(0.1, 10)])
def test_a_file_has_the_state_of_all_optimizers(kind, rate, tmp_path):
    model = new_model()
    own_step.fit(model)
    path = tmp_path / f"model{kind}"
    model.save(path) if kind == ".keras" else model.save_weights(path)
    other = new_model(sgd(rate), sgd(0.02))
    load_training_state(other, path)
    for before, after in zip(model.pairs(), other.pairs(), strict=True):
        assert own_step.updates(after[1]) == 4
        for a, b in zip(before[1].momentums, after[1].momentums, strict=True):
            np.testing.assert_array_equal(*map(keras.ops.convert_to_numpy, (a, b)))
    for a, b in zip(model.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def saved(model, tmp_path):
    own_step.fit(model)
    model.save_weights(tmp_path / "model.weights.h5")
    return tmp_path / "model.weights.h5"


def test_a_custom_optimizer_must_be_built_before_loading(tmp_path):
    path, other = saved(new_model(), tmp_path), new_model(build=False)
    before = other.get_weights()
    with pytest.raises(ValueError, match=r"Call model.a_opt.build\(variables\)"):
        load_training_state(other, path)
    for a, b in zip(before, other.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_file_without_a_custom_optimizer_raises(tmp_path):
    path, other = saved(new_model(sgd(0.05)), tmp_path), new_model()
    text = r"b_opt does not find iteration, momentum of \S+kernel, .*strict=False"
    with pytest.raises(ValueError, match=text):
        load_training_state(other, path)
    with pytest.warns(UserWarning, match="b_opt does not find iteration"):
        load_training_state(other, path, strict=False)
    assert [own_step.updates(one) for _, one in other.pairs()] == [4, 0]


def test_state_is_copied_to_the_optimizer_of_the_same_variables():
    model = new_model()
    own_step.fit(model)
    old, new = model.b_opt, sgd(CosineDecay(0.1, 10))
    new.build(model.b.trainable_variables)
    model.b_opt = new
    copy_optimizer_state(old, model)
    assert own_step.updates(new) == 4
    np.testing.assert_array_equal(
        *(keras.ops.convert_to_numpy(one.momentums[0]) for one in (old, new))
    )


def test_state_for_one_of_several_is_refused():
    model = new_model()
    own_step.fit(model)
    old, model.b_opt = model.b_opt, sgd(0.1)
    with pytest.raises(ValueError, match="Build the new one before, on the variables"):
        copy_optimizer_state(old, model)


def test_accelerate_names_the_attributes():
    text = r"\['a_opt', 'b_opt'\].*model.a_opt = kerasched.accelerate\(model.a_opt\)"
    with pytest.raises(ValueError, match=text):
        kerasched.accelerate(new_model())


def looped(momentum):
    """Return a model after five updates in a custom training loop."""
    model = keras.Sequential([keras.layers.Input((3,)), keras.layers.Dense(1)])
    model.compile(sgd(0.1), loss="mse")
    model.optimizer.build(model.trainable_variables)
    model.own = sgd(0.05)
    model.own.build(model.trainable_variables)
    model.own.iterations.assign(5)
    for slot in model.own.momentums:
        slot.assign(keras.ops.full(slot.shape, momentum))
    return model


def test_an_optimizer_of_a_training_loop_continues_from_a_file(tmp_path):
    looped(0.25).save_weights(tmp_path / "model.weights.h5")
    other = looped(0.0)
    other.own.iterations.assign(0)
    load_training_state(other, tmp_path / "model.weights.h5")
    assert own_step.updates(other.own) == 5
    for slot in other.own.momentums:
        assert np.all(keras.ops.convert_to_numpy(slot) == 0.25)


def test_an_optimizer_that_is_not_in_the_file_is_not_changed(tmp_path):
    model = looped(0.25)
    model.own = None
    model.save_weights(tmp_path / "model.weights.h5")
    other = looped(0.5)
    load_training_state(other, tmp_path / "model.weights.h5")
    assert own_step.updates(other.own) == 5
