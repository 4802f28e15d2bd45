"""kerasched.SGD: its arguments, errors, saving, and which code runs the update."""

import re

import keras
import numpy as np
import pytest
from keras import ops
from kernels.arrays import needs_extension

import kerasched
from kerasched import SGD
from kerasched import CosineDecay
from kerasched import LinearDecay
from kerasched import PerUpdate
from kerasched import StepDecay
from kerasched.kernels import dispatch
from kerasched.kernels import native
from kerasched.kernels import reference
from kerasched.kernels.options import Arrays
from kerasched.kernels.options import Options
from kerasched.kernels.options import Scalars
from kerasched.kernels.options import Step

BACKEND = keras.backend.backend()
SHAPES = [(3, 5), (7,), (), (65,), (1000,)]


def variables(seed=0):
    random = np.random.default_rng(seed)
    return [
        keras.Variable(np.asarray(random.standard_normal(s), "float32"), name=f"v{i}")
        for i, s in enumerate(SHAPES)
    ]


def gradients(step):
    random = np.random.default_rng(100 + step)
    return [
        ops.convert_to_tensor(np.asarray(random.standard_normal(s), "float32"))
        for s in SHAPES
    ]


def trained(optimizer, steps=5):
    """Return weights after `steps` steps, as NumPy arrays."""
    weights = variables()
    optimizer.build(weights)
    for step in range(steps):
        optimizer.apply(gradients(step), weights)
    return [ops.convert_to_numpy(w.value) for w in weights]


def in_numpy(rates, momenta, decays, independent=False):
    """Return the weights after one step per rate, momentum and decay, in float64."""
    weights = [np.float64(ops.convert_to_numpy(v.value)) for v in variables()]
    velocities = [np.zeros(s) for s in SHAPES]
    for step, (rate, momentum, decay) in enumerate(
        zip(rates, momenta, decays, strict=True)
    ):
        for i, gradient in enumerate(map(ops.convert_to_numpy, gradients(step))):
            part = decay if independent else decay * rate
            velocities[i] = velocities[i] * momentum - rate * gradient
            weights[i] = weights[i] * (1 - part) + velocities[i]
    return weights


def close(found, expected):
    """Compare float32 to float64: five steps with a few roundings each."""
    return all(
        np.allclose(a, b, rtol=1e-5, atol=1e-5)
        for a, b in zip(found, expected, strict=True)
    )


@pytest.mark.parametrize("fused", [True, False])
def test_a_schedule_of_the_momentum_is_followed(fused):
    momentum = LinearDecay(0.5, 4, end_learning_rate=0.9)
    found = trained(SGD(0.1, momentum=momentum, fused=fused))
    expected = in_numpy([0.1] * 5, momentum.evaluate(np.arange(5)), [0] * 5)
    assert close(found, expected)


@pytest.mark.parametrize("fused", [True, False])
def test_a_schedule_of_the_weight_decay_is_followed(fused):
    decay = LinearDecay(0.5, 4, end_learning_rate=0.1)
    found = trained(SGD(0.1, momentum=0.9, weight_decay=decay, fused=fused))
    expected = in_numpy([0.1] * 5, [0.9] * 5, decay.evaluate(np.arange(5)))
    assert close(found, expected)


@pytest.mark.parametrize("fused", [True, False])
def test_an_independent_decay_is_not_multiplied_by_the_rate(fused):
    optimizer = SGD(
        0.1, 0.9, weight_decay=0.05, independent_weight_decay=True, fused=fused
    )
    expected = in_numpy([0.1] * 5, [0.9] * 5, [0.05] * 5, independent=True)
    assert close(trained(optimizer), expected)


@pytest.mark.parametrize("fused", [True, False])
def test_under_accumulation_a_schedule_counts_updates(fused):
    rate = LinearDecay(0.1, 2, end_learning_rate=0.3)
    optimizer = SGD(rate, gradient_accumulation_steps=2, fused=fused)
    weights = [np.float64(ops.convert_to_numpy(v.value)) for v in variables()]
    for update in range(2):
        pair = zip(gradients(2 * update), gradients(2 * update + 1), strict=True)
        for i, (a, b) in enumerate(pair):
            mean = (ops.convert_to_numpy(a) + ops.convert_to_numpy(b)) / 2
            weights[i] = weights[i] - rate.evaluate(update) * mean
    assert close(trained(optimizer, 4), weights)


def test_the_learning_rate_is_that_of_the_next_update():
    optimizer = SGD(LinearDecay(0.1, 2), gradient_accumulation_steps=2)
    trained(optimizer, 2)
    assert float(ops.convert_to_numpy(optimizer.learning_rate)) == pytest.approx(0.05)


@pytest.mark.parametrize(
    "argument", ["learning_rate", "momentum", "weight_decay"], ids=str
)
def test_per_update_together_with_accumulation_is_refused(argument):
    schedule = 0.5 * PerUpdate(StepDecay(0.1, 3), 2)
    fix = "kerasched.SGD counts updates by itself: drop PerUpdate"
    with pytest.raises(ValueError, match=re.escape(fix)):
        SGD(**{argument: schedule}, gradient_accumulation_steps=2)


@pytest.mark.parametrize("rate", [1, np.float32(0.5), np.float64(0.5), np.int64(1)])
def test_any_real_number_is_a_rate(rate):
    optimizer = SGD(rate, momentum=0, weight_decay=0)
    assert float(ops.convert_to_numpy(optimizer.learning_rate)) == float(rate)


@pytest.mark.parametrize("momentum", [1.5, -0.1, "0.9", True])
def test_a_momentum_outside_0_to_1_is_refused(momentum):
    with pytest.raises(ValueError, match="`momentum` must be a float between"):
        SGD(0.1, momentum=momentum)


def test_another_string_for_fused_is_refused():
    text = (
        "Argument `fused` of SGD must be \"auto\", True or False. Received: fused='yes'"
    )
    with pytest.raises(ValueError, match=f"^{re.escape(text)}$"):
        SGD(0.1, fused="yes")


def test_the_config_makes_an_equal_optimizer():
    optimizer = SGD(
        CosineDecay(0.1, 9),
        momentum=LinearDecay(0.8, 5, end_learning_rate=0.9),
        weight_decay=StepDecay(0.1, 3),
        independent_weight_decay=True,
        fused=False,
    )
    config = optimizer.get_config()
    again = SGD.from_config(config)
    assert again.get_config() == config
    assert again.momentum == optimizer.momentum
    assert again.weight_decay == optimizer.weight_decay


def test_reading_a_config_does_not_change_it():
    config = SGD(0.1, momentum=StepDecay(0.9, 3)).get_config()
    before = dict(config)
    SGD.from_config(config)
    assert config == before


@pytest.mark.parametrize("fused", [True, False, "auto"])
def test_a_step_records_which_code_ran(fused):
    optimizer = SGD(0.1, momentum=0.9, fused=fused)
    trained(optimizer, 1)
    of_kernels = {"torch": "kernel", "tensorflow": "operations"}
    small = "keras" if native.missing else of_kernels.get(BACKEND, "keras")
    path = {True: "kernel", False: "keras", "auto": small}[fused]
    assert optimizer._step_cache.path[0] == path


def test_an_environment_variable_disables_the_kernel(monkeypatch):
    monkeypatch.setenv("KERASCHED_FUSED", "0")
    optimizer = SGD(0.1, momentum=0.9)
    trained(optimizer, 1)
    reason = "the environment variable KERASCHED_FUSED is 0"
    assert optimizer._step_cache.path == ("keras", reason)


def test_fused_true_is_an_error_if_the_kernel_is_disabled(monkeypatch):
    monkeypatch.setenv("KERASCHED_FUSED", "0")
    text = re.escape("fused=True cannot use the compiled kernel: the environment")
    with pytest.raises(RuntimeError, match=text):
        trained(SGD(0.1, fused=True), 1)


def test_a_type_unknown_to_the_kernel_is_updated_by_keras():
    weight = keras.Variable(np.ones(3), dtype="float16")
    optimizer = SGD(0.5)
    optimizer.apply([ops.ones(3, "float16")], [weight])
    assert ops.convert_to_numpy(weight.value).tolist() == [0.5] * 3


@needs_extension
def test_a_type_unknown_to_the_kernel_is_an_error_with_fused_true():
    weight = keras.Variable(np.ones(3), dtype="float16")
    with pytest.raises(RuntimeError, match="a weight is of float16"):
        SGD(0.5, fused=True).apply([ops.ones(3, "float16")], [weight])


def test_a_sum_keeps_its_type_under_wider_gradients():
    arrays = Arrays([ops.ones(3, "float16")], sums=[ops.ones(3, "float16")])
    options = Options(gradient_accumulation_steps=2)
    for iterations in (0, 1):
        scalars = Scalars(0.5, 0.0, ops.convert_to_tensor(iterations))
        gradients = [ops.ones(3, "float32")]
        new, _ = reference.compute(Step(options, scalars, gradients, arrays, (True,)))
        types = [keras.backend.standardize_dtype(x.dtype) for x in new.flat()]
        assert types == ["float16", "float16"]


def test_the_rate_is_computed_once_a_step():
    calls = []

    @keras.saving.register_keras_serializable(package="tests")
    class Counted(keras.optimizers.schedules.LearningRateSchedule):
        def __call__(self, step):
            calls.append(step)
            return ops.convert_to_tensor(0.1)

    trained(SGD(Counted(), weight_decay=0.1, fused=False), 1)
    assert len(calls) == 1


def test_a_momentum_changed_between_steps_is_used():
    weights = variables()
    optimizer = SGD(0.1, momentum=0.9, fused=True)
    optimizer.build(weights)
    for _ in range(2):
        optimizer.apply(gradients(0), weights)
    optimizer.momentum = 0.0
    before = [ops.convert_to_numpy(w.value) for w in weights]
    optimizer.apply(gradients(0), weights)
    after = [ops.convert_to_numpy(w.value) for w in weights]
    steps = [0.1 * ops.convert_to_numpy(g) for g in gradients(0)]
    assert close(after, [b - s for b, s in zip(before, steps, strict=True)])


def test_a_rate_assigned_between_steps_is_used():
    weights = variables()
    optimizer = SGD(0.1, fused=True)
    optimizer.build(weights)
    optimizer.apply(gradients(0), weights)
    optimizer.learning_rate = 0.0
    before = [ops.convert_to_numpy(w.value) for w in weights]
    optimizer.apply(gradients(1), weights)
    after = [ops.convert_to_numpy(w.value) for w in weights]
    assert all(map(np.array_equal, before, after))


def test_averages_of_weights_without_a_gradient_follow_them():
    found = {}
    for cls in (keras.optimizers.SGD, SGD):
        options = {} if cls is keras.optimizers.SGD else {"fused": True}
        weights = variables()
        optimizer = cls(0.1, use_ema=True, ema_overwrite_frequency=2, **options)
        optimizer.build(weights)
        for step in range(3):
            given = [*gradients(step)[:-1], None]
            with pytest.warns(UserWarning, match="Gradients do not exist"):
                optimizer.apply(given, weights)
        found[cls] = [ops.convert_to_numpy(v.value) for v in optimizer.variables[2:]]
    assert close(found[SGD], found[keras.optimizers.SGD])


def test_the_same_class_is_registered_on_all_backends():
    assert keras.saving.get_registered_name(SGD) == "kerasched>SGD"
    assert kerasched.SGD is SGD


@pytest.mark.parametrize("elements", [999_999, 1_000_000])
def test_keras_updates_a_small_model_where_that_is_as_fast(elements):
    reason = dispatch.too_small(BACKEND, elements)
    assert bool(reason) == (BACKEND != "torch" and elements < 1_000_000)


@pytest.mark.parametrize("elements", [99_999, 100_000])
def test_adam_leaves_smaller_models_to_keras(elements):
    reason = dispatch.too_small(BACKEND, elements, rule="adam_amsgrad")
    assert bool(reason) == (BACKEND != "torch" and elements < 100_000)


def test_on_jax_the_kernel_accumulates_at_any_size():
    reason = dispatch.too_small(BACKEND, 1, accumulates=True)
    assert bool(reason) == (BACKEND == "tensorflow")


@pytest.mark.parametrize("elements", [7_999, 8_000])
def test_under_xla_the_kernel_accumulates_from_a_small_size_on(elements):
    reason = dispatch.too_small(
        "tensorflow", elements, accumulates=True, under_xla=True
    )
    assert bool(reason) == (elements < 8_000)
