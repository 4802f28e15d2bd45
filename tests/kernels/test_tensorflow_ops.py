"""Outside of XLA, TensorFlow's own operations update small weights."""

import keras
import numpy as np
import pytest

from kerasched import SGD
from kerasched import LinearDecay
from kerasched.kernels import tensorflow_ops
from kernels.arrays import needs_extension

tf = pytest.importorskip("tensorflow")
pytestmark = pytest.mark.skipif(
    keras.backend.backend() != "tensorflow", reason="tests TensorFlow operations"
)
SHAPES = [(3, 5), (5,), (), (5, 2)]
EMPTY = (0, 2)
OWN = {"ResourceApplyKerasMomentum", "ResourceApplyGradientDescent"}
PLAIN = {
    "none": {},
    "momentum": {"momentum": 0.9},
    "nesterov": {"momentum": 0.9, "nesterov": True},
}
each_plain = pytest.mark.parametrize("options", PLAIN.values(), ids=PLAIN)
MORE = {
    "weight_decay": 0.1,
    "clipvalue": 1.0,
    "clipnorm": 1.0,
    "global_clipnorm": 1.0,
    "use_ema": True,
    "gradient_accumulation_steps": 2,
    "loss_scale_factor": 2.0,
}


def arrays(seed, dtype="float32", shapes=SHAPES):
    random = np.random.default_rng(seed)
    return [np.asarray(random.standard_normal(s)).astype(dtype) for s in shapes]


def stepping(optimizer, dtype="float32", graph=True, jit=False, shapes=SHAPES):
    """Return weights, and a function that runs a step on them."""
    weights = [keras.Variable(a, dtype=dtype) for a in arrays(0, dtype, shapes)]
    optimizer.build(weights)

    def step(*gradients):
        optimizer.apply(list(gradients), weights)

    return weights, tf.function(step, jit_compile=jit) if graph else step


def trained(optimizer, dtype="float32", graph=True):
    shapes = [*SHAPES, EMPTY]
    weights, step = stepping(optimizer, dtype, graph, shapes=shapes)
    for seed in range(1, 6):
        step(*map(tf.constant, arrays(seed, dtype, shapes)))
    return [v.numpy() for v in [*weights, *optimizer.variables]]


def operations(optimizer, jit=False):
    """Return the types of the operations in the graph of a step."""
    _, step = stepping(optimizer, jit=jit)
    gradients = [tf.constant(a) for a in arrays(1)]
    graph = step.get_concrete_function(*gradients).graph
    return [operation.type for operation in graph.get_operations()]


@pytest.mark.parametrize("graph", [True, False], ids=["graph", "eager"])
@pytest.mark.parametrize("dtype", ["float32", "float64", "bfloat16"])
@each_plain
def test_results_are_those_of_keras_to_the_bit(options, dtype, graph):
    rate = LinearDecay(0.1, 5)
    ours = trained(SGD(rate, **options), dtype, graph)
    theirs = trained(keras.optimizers.SGD(rate, **options), dtype, graph)
    for a, b in zip(ours, theirs, strict=True):
        np.testing.assert_array_equal(a, b, strict=True)


@needs_extension
@each_plain
def test_one_operation_updates_a_weight(options):
    optimizer = SGD(0.1, **options)
    found = [name for name in operations(optimizer) if name in OWN]
    assert len(found) == len(SHAPES)
    assert optimizer._step_cache.path == ("operations", "")


@pytest.mark.parametrize("name", MORE)
def test_other_updates_do_not_use_them(name):
    optimizer = SGD(0.1, momentum=0.9, **{name: MORE[name]})
    assert not OWN & set(operations(optimizer))
    assert optimizer._step_cache.path[0] != "operations"


def test_under_xla_and_with_fused_set_they_are_not_used():
    assert not OWN & set(operations(SGD(0.1), jit=True))
    assert not OWN & set(operations(SGD(0.1, fused=True)))
    assert not OWN & set(operations(SGD(0.1, fused=False)))


@pytest.mark.parametrize("other", [True, False])
def test_a_momentum_that_is_a_schedule_is_followed(other):
    momentum = LinearDecay(0.9, 4, end_learning_rate=0.1)
    ours = trained(SGD(0.1, momentum=momentum))
    forced = trained(SGD(0.1, momentum=momentum, fused=other))
    for a, b in zip(ours, forced, strict=True):
        np.testing.assert_array_equal(a, b)


@needs_extension
def test_the_kernel_updates_large_weights(monkeypatch):
    monkeypatch.setattr(tensorflow_ops, "LARGE", 10)
    optimizer = SGD(0.1, momentum=0.9)
    found = [name for name in operations(optimizer) if name in OWN]
    assert len(found) == 2  # (3, 5) and (5, 2) have at least `LARGE` numbers.
    mixed = trained(SGD(0.1, momentum=0.9))
    theirs = trained(keras.optimizers.SGD(0.1, momentum=0.9))
    for a, b in zip(mixed, theirs, strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_value_read_before_a_step_does_not_change():
    weights, step = stepping(SGD(0.1, momentum=0.9), graph=False)
    before = weights[0].value.read_value()
    numbers = before.numpy().copy()
    step(*map(tf.constant, arrays(1)))
    np.testing.assert_array_equal(before.numpy(), numbers)
    assert np.any(weights[0].numpy() != numbers)
