"""The kernel in torch updates tensors in their own memory."""

from functools import partial

import keras
import numpy as np
import pytest

from kerasched import SGD
from kerasched.kernels.options import Options
from kerasched.kernels.options import Scalars
from kernels.arrays import needs_extension
from kernels.expected import moved

pytestmark = pytest.mark.skipif(
    keras.backend.backend() != "torch", reason="the kernel of torch runs on torch"
)


def one(shape=(4, 6), **options):
    """Return an optimizer and its only weight, which is all ones."""
    weight = keras.Variable(np.ones(shape, "float32"))
    optimizer = SGD(0.5, **options)
    optimizer.build([weight])
    return optimizer, weight


def ones(*shape):
    import torch

    return torch.ones(*shape)


def test_a_weight_keeps_its_memory():
    optimizer, weight = one(fused=True)
    before = weight.value.data_ptr()
    optimizer.apply([ones(4, 6)], [weight])
    assert weight.value.data_ptr() == before
    assert np.array_equal(weight.numpy(), np.full((4, 6), 0.5))


@pytest.mark.parametrize("first", [0, 1])
def test_keras_applies_a_gradient_with_strides(first):
    optimizer, weight = one(momentum=0.9)
    paths = []
    for step in range(3):
        gradient = ones(6, 4).T if step == first else ones(4, 6)
        optimizer.apply([gradient], [weight])
        paths.append(optimizer._step_cache.path[0])
    assert paths[first] == "keras"
    # The three updates subtract 0.5 * (1 + 1.9 + 2.71).
    assert np.allclose(weight.numpy(), 1 - 0.5 * 5.61)


def test_a_weight_with_replaced_memory_is_updated():
    optimizer, weight = one(fused=True)
    optimizer.apply([ones(4, 6)], [weight])
    weight.value.data = ones(4, 6) * 7
    optimizer.apply([ones(4, 6)], [weight])
    assert np.array_equal(weight.numpy(), np.full((4, 6), 6.5))


def test_a_gradient_of_another_shape_is_an_error_of_torch():
    optimizer, weight = one()
    with pytest.raises(RuntimeError, match="must match the size"):
        optimizer.apply([ones(6, 5)], [weight])
    optimizer.apply([ones(4, 6)], [weight])
    with pytest.raises(RuntimeError, match="must match the size"):
        optimizer.apply([ones(6, 5)], [weight])


def test_steps_after_the_first_are_repeated():
    optimizer, weight = one(fused=True)
    optimizer.apply([ones(4, 6)], [weight])
    assert optimizer._step_cache.repeated is not None
    optimizer.apply([ones(4, 6)], [weight])
    assert int(optimizer.iterations.value) == 2


def test_a_repeated_step_needs_no_variables():
    optimizer, weight = one(fused=True)
    optimizer.apply([ones(4, 6)])
    optimizer.apply([ones(4, 6)])
    assert np.array_equal(weight.numpy(), np.zeros((4, 6)))


def unsupported(kind, plain):
    """Return the gradient `plain` in a form that the kernel does not accept."""
    import torch

    if kind == "strides":
        return plain.T.contiguous().T
    if kind == "type":
        return plain.to(torch.float64)
    if kind == "half":
        return plain.to(torch.bfloat16)
    if kind == "sparse":
        return plain.to_sparse()
    if kind == "shape":
        return plain[:1]
    return plain.to("meta")


def unlisted(tensor):
    """Return a tensor of a type without DLPack's C exchange API."""
    import torch

    class Unlisted(torch.Tensor):
        __dlpack_c_exchange_api__ = None

    # Only a strided tensor can have such a type, and DLPack supports no other layout.
    return tensor if tensor.is_sparse else tensor.as_subclass(Unlisted)


each_kind = pytest.mark.parametrize(
    "kind", ["strides", "type", "half", "sparse", "shape", "meta"]
)


@each_kind
@pytest.mark.parametrize("way", [lambda tensor: tensor, unlisted], ids=["dlpack", "no"])
def test_a_step_with_another_kind_of_gradient_is_not_repeated(kind, way):
    optimizer, weight = one(fused=True)
    optimizer.apply([ones(4, 6)], [weight])
    repeated = optimizer._step_cache.repeated
    assert repeated.fits([way(ones(4, 6))], [weight])
    assert not repeated.fits([way(unsupported(kind, ones(4, 6)))], [weight])


def test_a_tensor_type_without_the_dlpack_api_is_supported():
    optimizer, weight = one(momentum=0.5, fused=True)
    for _ in range(3):
        optimizer.apply([unlisted(ones(4, 6))], [weight])
        assert optimizer._step_cache.repeated is not None
    # The three updates subtract 0.5 * (1 + 1.5 + 1.75).
    assert np.array_equal(weight.numpy(), np.full((4, 6), 1 - 0.5 * 4.25))


@needs_extension
def test_keras_updates_such_a_weight_with_strides():
    optimizer, weight = one(momentum=0.5)
    weight._value = unlisted(ones(4, 6))
    paths = []
    for step in range(3):
        if step == 2:
            weight.value.data = (7 * ones(6, 4)).T
        optimizer.apply([ones(4, 6)], [weight])
        paths.append(optimizer._step_cache.path[0])
    assert paths == ["kernel", "kernel", "keras"]
    # The third update subtracts 0.5 * 1.75 from 7.
    assert np.array_equal(weight.value.numpy(), np.full((4, 6), 7 - 0.5 * 1.75))


def test_a_dimension_of_one_may_have_any_stride():
    import torch

    optimizer, weight = one((4, 1), fused=True)
    optimizer.apply([ones(4, 1)], [weight])
    strided = torch.as_strided(ones(4), (4, 1), (1, 7))
    assert optimizer._step_cache.repeated.fits([strided], [weight])


def test_a_constraint_is_applied_at_every_step():
    weight = keras.Variable(np.ones(3, "float32"))
    weight.constraint = keras.constraints.NonNeg()
    optimizer = SGD(4.0, fused=True)
    for _ in range(3):
        optimizer.apply([ones(3)], [weight])
    assert np.array_equal(weight.numpy(), np.zeros(3))


def test_a_missing_gradient_after_a_full_step_is_left_out():
    first, second = (keras.Variable(np.ones(3, "float32")) for _ in range(2))
    optimizer = SGD(0.5, fused=True)
    optimizer.apply([ones(3), ones(3)], [first, second])
    with pytest.warns(UserWarning, match="Gradients do not exist"):
        optimizer.apply([ones(3), None], [first, second])
    assert (first.numpy()[0], second.numpy()[0]) == (0.0, 0.5)


@pytest.mark.parametrize("kind", ["float64", "bfloat16", "float16"])
@pytest.mark.parametrize("steps", [0, 2])
def test_keras_updates_a_weight_whose_type_has_changed(kind, steps):
    import torch

    # With gradients of 1 and a rate of 0.5, all products except the one with the
    # momentum are exact, so it does not matter whether torch rounds them.
    found = []
    for cls in (SGD, keras.optimizers.SGD):
        weight = keras.Variable(np.ones(1000, "float32"))
        optimizer = cls(0.5, momentum=0.9)
        optimizer.build([weight])
        for _ in range(steps):
            optimizer.apply([ones(1000)], [weight])
        weight.value.data = weight.value.data.to(getattr(torch, kind))
        optimizer.apply([ones(1000)], [weight])
        found.append(weight.value.detach().double().numpy())
    np.testing.assert_array_equal(*found)


RULES = {
    "plain": {},
    "momentum": {"momentum": 0.9},
    "nesterov": {"momentum": 0.9, "nesterov": True},
    "decay": {"momentum": 0.9, "weight_decay": 0.01},
}
each_rule = pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
each_width = pytest.mark.parametrize("dtype", ["float32", "float64"])


def drawn(dtype, steps=20):
    """Return an initial weight, and gradients that do not depend on it."""
    random = np.random.default_rng(0)
    return [random.normal(size=1003).astype(dtype) for _ in range(1 + steps)]


def trained(cls, rule, dtype, **more):
    import torch

    start, *gradients = drawn(dtype)
    weight = keras.Variable(start, dtype=dtype)
    optimizer = cls(0.1, **rule, **more)
    optimizer.build([weight])
    for gradient in gradients:
        optimizer.apply([torch.from_numpy(gradient)], [weight])
    return weight.numpy()


def followed(rule, dtype):
    """Return the rule's weight in NumPy, with each operation rounded once, and a bound.

    The bound is the largest difference of Keras's weight on any processor. torch rounds
    a product and a sum once or twice, and it decays a weight by one factor. Either rule
    rounds at most eight times per weight, three of them for the velocity. No rounded
    number is larger than the sum of all numbers.
    """
    weight, *gradients = drawn(dtype)
    name = "sgd_nesterov" if "nesterov" in rule else "sgd_momentum"
    options = Options(
        name if "momentum" in rule else "sgd", weight_decay="weight_decay" in rule
    )
    momentum, decay = rule.get("momentum", 0.0), rule.get("weight_decay", 0.0)
    # Keras's rate is float32 for weights of any type.
    given = (momentum,) * options.slots
    scalars = Scalars(float(np.float32(0.1)), decay, 0, hyperparameters=given)
    slots = [np.zeros_like(weight)] * options.slots
    # Half a unit per rounding; both rules have the same number of roundings.
    unit, apart, velocities_apart = np.finfo(dtype).eps, 0.0, 0.0
    for gradient in gradients:
        before = sum(map(np.abs, (weight, *slots)))
        weight, *slots = moved(options, scalars, True, gradient, weight, *slots)
        after = sum(map(np.abs, (weight, *slots)))
        largest = before + after + 0.1 * np.abs(gradient)
        velocities_apart = momentum * velocities_apart + 3 * unit * largest
        apart = apart + (1 + momentum) * velocities_apart + 8 * unit * largest
        if decay:  # Keras's factor is float32 too.
            apart = apart + np.finfo("float32").eps * np.abs(weight)
    return weight, apart


@needs_extension
@each_width
@each_rule
def test_the_kernel_rounds_every_operation_once(rule, dtype):
    expected, _ = followed(rule, dtype)
    np.testing.assert_array_equal(trained(SGD, rule, dtype, fused=True), expected)


@each_width
@each_rule
def test_keras_differs_by_the_allowed_roundings(rule, dtype):
    expected, apart = followed(rule, dtype)
    found = trained(keras.optimizers.SGD, rule, dtype)
    assert (np.abs(found - expected) <= apart).all()
    # A different rule exceeds the bound; here it is the rule without its last step.
    one_less = np.abs(0.1 * drawn(dtype)[-1])
    assert (apart < one_less).mean() > 0.9


def test_a_slot_of_another_shape_is_an_error_of_torch():
    optimizer, weight = one(momentum=0.9)
    optimizer.apply([ones(4, 6)], [weight])
    optimizer.momentums[0].value.data = ones(2)
    with pytest.raises(RuntimeError, match="size"):
        optimizer.apply([ones(4, 6)], [weight])


def test_weights_are_distinguished_by_identity_and_not_by_value():
    weights = [keras.Variable(np.ones(1, "float32")) for _ in range(2)]
    optimizer = SGD(1.0)
    optimizer.build(weights)
    gradients = [ones(1), 3 * ones(1)]
    optimizer.apply(gradients, weights)
    optimizer.apply(gradients, weights[::-1])
    assert [float(w.numpy()[0]) for w in weights] == [-3.0, -3.0]
    optimizer.apply(gradients)
    assert [float(w.numpy()[0]) for w in weights] == [-4.0, -6.0]


def test_a_constraint_set_after_the_first_step_is_applied():
    optimizer, weight = one(fused=True)
    optimizer.apply([ones(4, 6)], [weight])
    weight.constraint = keras.constraints.NonNeg()
    optimizer.apply([10 * ones(4, 6)], [weight])
    assert not weight.numpy().any()


def test_overwriting_with_the_gradient_may_be_set_after_the_first_step():
    optimizer, weight = one(fused=True)
    optimizer.apply([ones(4, 6)], [weight])
    weight.overwrite_with_gradient = True
    optimizer.apply([7 * ones(4, 6)], [weight])
    assert np.array_equal(weight.numpy(), np.full((4, 6), 7.0))


@pytest.mark.parametrize("fused", ["auto", True])
def test_tensors_of_a_stateless_scope_are_updated_as_by_keras(fused):
    found = []
    for cls in (partial(SGD, fused=fused), keras.optimizers.SGD):
        weight = keras.Variable(np.ones(3, "float32"))
        optimizer = cls(0.5, momentum=0.9)
        optimizer.build([weight])
        optimizer.apply([ones(3)], [weight])
        state = [v.value.clone() for v in optimizer.variables]
        new, _ = optimizer.stateless_apply(state, [ones(3)], [2 * ones(3)])
        found.append((new[0].tolist(), weight.numpy().tolist()))
    # The step subtracts 0.5 * 1.9 from 2, and the variable itself stays at 0.5.
    assert found[0] == found[1]
    np.testing.assert_allclose(found[0], [[1.05] * 3, [0.5] * 3])


def test_a_schedule_that_fails_leaves_no_rate_behind():
    class Failing(keras.optimizers.schedules.LearningRateSchedule):
        fails = False

        def __call__(self, step):
            if self.fails:
                raise KeyError("momentum")
            return 0.9

    momentum = Failing()
    optimizer, weight = one(momentum=momentum)
    optimizer.apply([ones(4, 6)], [weight])
    momentum.fails = True
    with pytest.raises(KeyError):
        optimizer.apply([ones(4, 6)], [weight])
    assert optimizer._step_state.rate is None
