"""The private parts of Keras on which kerasched.SGD relies, to detect changes."""

import inspect

import keras
import numpy as np
import pytest

import kerasched
from kerasched.kernels.scope import in_stateless_scope

BACKEND = keras.backend.backend()


def built(**options):
    variable = keras.Variable(np.ones(3, "float32"), name="kernel")
    optimizer = keras.optimizers.SGD(0.1, momentum=0.9, **options)
    optimizer.build([variable])
    return optimizer, variable


def test_apply_passes_gradients_and_variables_to_one_method():
    found = inspect.signature(keras.optimizers.SGD._backend_apply_gradients)
    assert list(found.parameters) == ["self", "grads", "trainable_variables"]


def test_the_rate_comes_from_one_method():
    optimizer, _ = built()
    optimizer._get_current_learning_rate = lambda: "asked"
    assert optimizer.learning_rate == "asked"


def test_the_lists_of_variables_have_an_entry_for_each_weight():
    optimizer, variable = built(use_ema=True, gradient_accumulation_steps=2)
    lists = ("momentums", "_accumulated_gradients", "_model_variables_moving_average")
    assert [len(getattr(optimizer, name)) for name in lists] == [1, 1, 1]
    assert optimizer._trainable_variables == [variable]
    assert optimizer._get_variable_index(variable) == 0


def test_the_counter_counts_micro_batches():
    optimizer, variable = built(gradient_accumulation_steps=2)
    for _ in range(3):
        optimizer.apply([keras.ops.ones(3)], [variable])
    assert int(optimizer._iterations.value) == 3


def test_variables_are_excluded_by_name():
    variable = keras.Variable(np.ones(3, "float32"), name="a_bias")
    optimizer = keras.optimizers.SGD(0.1, weight_decay=0.1)
    optimizer.exclude_from_weight_decay(var_names=["bias"])
    asked = variable.value if BACKEND == "tensorflow" else variable
    assert optimizer._use_weight_decay(asked) is False


@pytest.mark.skipif(BACKEND != "torch", reason="only torch variables contain tensors")
def test_a_variable_on_torch_has_its_tensor_in_one_attribute():
    _, variable = built()
    tensor = variable._value
    variable.assign(np.zeros(3))
    assert variable._value is tensor
    assert variable.value is tensor
    assert "_value" in vars(variable)


@pytest.mark.skipif(BACKEND != "torch", reason="used for torch variables only")
def test_a_variable_has_its_constraint_and_overwriting_in_two_attributes():
    _, variable = built()
    assert vars(variable)["_constraint"] is None
    assert vars(variable)["_overwrite_with_gradient"] is False
    constraint = keras.constraints.NonNeg()
    variable.constraint, variable.overwrite_with_gradient = constraint, True
    assert vars(variable)["_constraint"] is constraint
    assert vars(variable)["_overwrite_with_gradient"] is True


@pytest.mark.skipif(BACKEND != "jax", reason="only JAX removes the values of variables")
def test_a_variable_without_a_value_has_one_attribute_set_to_none():
    _, variable = built()
    assert variable._value is variable.value
    assert variable.value.is_deleted() is False
    model = keras.Sequential([keras.layers.Input((1,)), keras.layers.Dense(1)])
    model._purge_model_variables(trainable_variables=True)
    assert all(weight._value is None for weight in model.trainable_variables)


def test_a_model_has_the_optimizer_that_it_saves_in_one_attribute():
    optimizer = keras.optimizers.SGD()
    model = keras.Sequential([keras.layers.Input((1,)), keras.layers.Dense(1)])
    model.compile(optimizer, "mse")
    assert model._compile_config.config["optimizer"] is optimizer


def test_a_stateless_scope_is_detected():
    assert in_stateless_scope() is False
    with keras.StatelessScope():
        assert in_stateless_scope() is True


def test_the_class_that_is_extended_is_the_one_that_keras_makes():
    assert isinstance(kerasched.SGD(0.1), type(keras.optimizers.SGD(0.1)))


@pytest.mark.skipif(BACKEND != "jax", reason="only JAX has scratch memory")
def test_a_train_function_on_jax_takes_and_returns_a_state_of_four_lists(monkeypatch):
    model = keras.Sequential([keras.layers.Input((1,)), keras.layers.Dense(1)])
    model.compile(keras.optimizers.SGD(0.1, momentum=0.9), "mse")
    states = []

    def make_train_function(trained, force=False):
        if trained.train_function is not None and not force:
            return
        made(trained, force)
        step = trained.train_function

        def train_function(state, iterator):
            logs, new = step(state, iterator)
            states.extend([state, new])
            return logs, new

        trained.train_function = train_function

    made = keras.Model.make_train_function
    monkeypatch.setattr(keras.Model, "make_train_function", make_train_function)
    model.fit(np.ones((4, 1)), np.ones((4, 1)), batch_size=2, verbose=0)
    lists = (
        model.trainable_variables,
        model.non_trainable_variables,
        model.optimizer.variables,
        model.metrics_variables,
    )
    lengths = list(map(len, lists))
    assert [list(map(len, state)) for state in states] == [lengths] * 4
