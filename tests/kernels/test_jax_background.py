"""JAX runs an update of many weights on another thread."""

import keras
import numpy as np
import pytest

from kerasched import SGD
from kerasched import LossScaleOptimizer

if keras.backend.backend() != "jax":
    pytest.skip("only JAX runs updates in the background", allow_module_level=True)

import jax

from kerasched.kernels import jax_background

# On a CPU, XLA runs a program of this many operations or more on another thread.
ENOUGH = 1000
MANY = jax_background.MIN_ARRAYS // 2  # Weights, each with a velocity.


def compiled_update(optimizer, count, size=4):
    """Return the compiled update of `count` weights, and its arguments."""
    variables = [keras.Variable(np.full(size, i, "float32")) for i in range(count)]
    optimizer.build(variables)
    weights = [jax.numpy.array(v.value) for v in variables]
    state = [jax.numpy.array(v.value) for v in optimizer.variables]
    gradients = [jax.numpy.full(size, 0.1 * i - 1) for i in range(count)]
    step = jax.jit(
        lambda weights, state, gradients: optimizer.stateless_apply(
            state, gradients, weights
        ),
        donate_argnums=(0, 1),
    )
    arguments = (weights, state, gradients)
    return step.lower(*arguments).compile(), arguments


def operations(program):
    return program.cost_analysis().get("flops", 0)


@pytest.mark.parametrize("options", [{}, {"gradient_accumulation_steps": 4}])
def test_an_update_of_many_weights_counts_as_long(options):
    optimizer = SGD(0.1, momentum=0.9, fused=True, **options)
    program, _ = compiled_update(optimizer, MANY)
    assert operations(program) >= ENOUGH


def test_an_update_under_a_loss_scale_counts_as_long():
    optimizer = LossScaleOptimizer(SGD(0.1, momentum=0.9, fused=True))
    program, _ = compiled_update(optimizer, MANY)
    assert operations(program) >= ENOUGH


def test_an_accumulation_without_the_kernel_counts_as_long():
    optimizer = SGD(0.1, momentum=0.9, fused=False, gradient_accumulation_steps=4)
    program, _ = compiled_update(optimizer, MANY, size=1)
    assert operations(program) >= ENOUGH


def test_an_update_of_few_weights_runs_on_the_calling_thread():
    program, _ = compiled_update(SGD(0.1, momentum=0.9, fused=True), MANY - 1)
    assert operations(program) < ENOUGH


def test_an_update_of_many_weights_returns_before_it_has_finished():
    # 16 million numbers take several milliseconds, and starting the update less than
    # one.
    optimizer = SGD(0.1, momentum=0.9, fused=True)
    program, (weights, state, gradients) = compiled_update(optimizer, MANY, 160_000)
    went_on = False
    for _ in range(20):  # A busy machine may pause this thread for that long.
        weights, state = program(weights, state, gradients)
        went_on = went_on or not weights[-1].is_ready()
    assert went_on


@pytest.mark.parametrize("number", [0, 1, 12_345, 2**31 - 1024, 2**31 - 2, 2**31 - 1])
def test_the_detour_does_not_change_the_counter(number):
    optimizer = SGD(0.1)
    optimizer.build([keras.Variable(np.zeros(1, "float32"))])
    counter = jax.numpy.asarray(number, optimizer.iterations.dtype)
    again = jax.jit(jax_background._with_detour)(counter)
    assert (int(again), again.dtype) == (number, counter.dtype)


@pytest.mark.parametrize("fused", [True, False])
def test_many_weights_are_updated_as_by_keras(fused):
    options = {"momentum": 0.9, "gradient_accumulation_steps": 3, "use_ema": True}
    results = []
    for optimizer in (
        SGD(0.1, fused=fused, **options),
        keras.optimizers.SGD(0.1, **options),
    ):
        program, (weights, state, gradients) = compiled_update(optimizer, MANY)
        for _ in range(7):
            weights, state = program(weights, state, gradients)
        results.append([np.asarray(value) for value in [*weights, *state[2:]]])
    # Seven float32 steps on weights up to 100; some products and sums are fused.
    for ours, theirs in zip(*results, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-6, atol=1e-6)


def test_an_uncompiled_step_gets_no_detour(monkeypatch):
    monkeypatch.setattr(jax_background, "_with_detour", None)
    optimizer = SGD(0.1, momentum=0.9, fused=True)
    variables = [keras.Variable(np.ones(4, "float32")) for _ in range(MANY)]
    optimizer.build(variables)
    optimizer.apply([jax.numpy.ones(4) for _ in variables])
    assert int(optimizer.iterations.value) == 1


def test_a_step_that_computes_gradients_gets_no_detour(monkeypatch):
    monkeypatch.setattr(jax_background, "_with_detour", None)
    monkeypatch.setattr(jax_background, "MIN_ARRAYS", 1)
    model = keras.Sequential([keras.layers.Input((2,)), keras.layers.Dense(1)])
    model.compile(SGD(0.1, momentum=0.9, fused=True), loss="mse")
    model.fit(np.ones((4, 2)), np.ones((4, 1)), verbose=0)
    assert int(model.optimizer.iterations.value) == 1
