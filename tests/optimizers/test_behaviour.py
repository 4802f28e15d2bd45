"""kerasched.SGD behaves in Keras's training loops as Keras's own SGD does."""

import warnings
from functools import partial

import keras
import numpy as np
import pytest
from kernels.arrays import needs_extension
from support import BACKEND

import kerasched
from optimizers.small_model import FLOAT32
from optimizers.small_model import X
from optimizers.small_model import Y
from optimizers.small_model import arrays
from optimizers.small_model import assert_same
from optimizers.small_model import both
from optimizers.small_model import compiled
from optimizers.small_model import fit
from optimizers.small_model import fitted
from optimizers.small_model import model

LossScale = keras.optimizers.LossScaleOptimizer
# float16 has 11 significant bits and bfloat16 has 8. Gradients of these types differ in
# the last bit when a step is compiled differently.
POLICIES = {"mixed_float16": 5e-3, "mixed_bfloat16": 3e-2}


# "scratch" also runs the kernel, so the kernel alone needs fewer cases here.
# test_equality.py tests it with every option.
BY_KERNEL = pytest.param(True, marks=pytest.mark.slow)
WAYS = ["auto", *([True] if BACKEND == "torch" else ["scratch"])]


# On JAX, Keras's own update runs for small models, so the tests there use the kernel.
BY_KERAS = pytest.param("auto", marks=[pytest.mark.slow] * (BACKEND == "jax"))


@pytest.fixture(params=[BY_KERAS, *WAYS[1:], *[BY_KERNEL] * (BACKEND != "torch")])
def fused(request, monkeypatch):
    """Return `fused`: the default, the kernel, or the kernel with scratch memory.

    Scratch memory is otherwise for large models only. Torch does not use it.
    """
    if request.param == "scratch":
        monkeypatch.setattr("kerasched.kernels.scratch.MIN_BYTES", 0)
    return True if request.param == "scratch" else request.param


def test_fit_gives_the_weights_of_keras(fused, of_keras):
    ours, theirs = both(fused, nesterov=True, weight_decay=0.01)
    assert_same(fitted(ours), of_keras(lambda: fitted(theirs)), **FLOAT32)


# The first tier has each policy and each value of `fused` once.
MIXED = [
    pytest.param(
        way,
        policy,
        marks=[pytest.mark.slow] * (BACKEND != "torch" and (way == "auto") == half),
    )
    for way in WAYS
    for policy, half in zip(POLICIES, (True, False), strict=True)
]


@pytest.mark.parametrize(("fused", "policy"), MIXED, indirect=["fused"])
def test_a_mixed_policy_gives_the_weights_of_keras(fused, policy, of_keras):
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        ours, theirs = both(fused)
        ours, theirs = fitted(ours), of_keras(partial(fitted, theirs))
    finally:
        keras.config.set_dtype_policy(before)
    assert isinstance(ours.optimizer, LossScale) == (policy == "mixed_float16")
    assert_same(ours, theirs, rtol=POLICIES[policy], atol=POLICIES[policy])


def test_a_loss_scale_optimizer_scales_as_with_keras(fused, of_keras):
    wrapped = [LossScale(o, 2.0**10, dynamic_growth_steps=5) for o in both(fused)]
    ours, theirs = fitted(wrapped[0]), of_keras(lambda: fitted(wrapped[1]))
    assert_same(ours, theirs, **FLOAT32)
    scales = [float(m.optimizer.dynamic_scale) for m in (ours, theirs)]
    assert scales == [2.0**12] * 2  # It doubles every five steps, twice in twelve.


def test_a_loss_that_overflows_skips_the_update(fused):
    ours = compiled(LossScale(both(fused)[0], 2.0**10))
    before = arrays(ours.trainable_variables)
    ours.train_on_batch(np.full_like(X, np.inf), Y)
    after = arrays(ours.trainable_variables)
    assert all(np.array_equal(a, b) for a, b in zip(before, after, strict=True))
    assert int(ours.optimizer.iterations) == 0
    assert float(ours.optimizer.dynamic_scale) == 2.0**9


def test_two_optimizers_in_a_multi_optimizer_share_the_layers(fused, of_keras):
    def multi(number):
        chosen = [both(fused, learning_rate=rate)[number] for rate in (0.05, 0.01)]
        table = keras.optimizers.OptimizerMap(chosen[0])
        table[".*kernel"] = chosen[1]
        return keras.optimizers.MultiOptimizer(table)

    ours, theirs = fitted(multi(0)), of_keras(lambda: fitted(multi(1)))
    assert_same(ours, theirs, **FLOAT32)


def test_a_frozen_layer_stays(fused, of_keras):
    def frozen(optimizer):
        made = model()
        made.layers[0].trainable = False
        made.compile(optimizer, "mse")
        fit(made, 3)
        return made

    ours, theirs = both(fused, weight_decay=0.01)
    trained = [frozen(ours), of_keras(lambda: frozen(theirs))]
    assert_same(*trained, **FLOAT32)
    start = model().layers[0].get_weights()
    pairs = zip(arrays(trained[0].layers[0].weights), start, strict=True)
    assert all(np.array_equal(a, b) for a, b in pairs)


@pytest.mark.parametrize("options", [{}, {"use_ema": True}, {"weight_decay": 0.1}])
def test_a_missing_gradient_is_warned_of_and_left_out(fused, options):
    found = []
    for optimizer in both(fused, **options):
        weights = [keras.Variable(np.ones(n, "float32")) for n in (3, 7)]
        optimizer.build(weights)
        for _ in range(3):
            with pytest.warns(UserWarning, match="Gradients do not exist"):
                optimizer.apply([None, keras.ops.ones(7)], weights)
        found.append(arrays([*weights, *optimizer.variables]))
    for ours, theirs in zip(*found, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-6)
    assert found[0][0].tolist() == [1.0] * 3


def test_a_missing_gradient_under_accumulation_gives_the_sums_of_keras(fused):
    found = []
    steps = [[1.0, 1.0], [None, 1.0], [2.0, 1.0], [4.0, 1.0]]
    for optimizer in both(fused, learning_rate=1.0, gradient_accumulation_steps=2):
        weights = [keras.Variable(np.ones(3, "float32")) for _ in range(2)]
        optimizer.build(weights)
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Gradients do not exist")
            for numbers in steps:
                gradients = [n and n * keras.ops.ones(3) for n in numbers]
                optimizer.apply(gradients, weights)
        found.append(arrays([*weights, *optimizer.variables]))
    for ours, theirs in zip(*found, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-6)
    # In the update Keras clears the first weight's sum of 1, except on JAX.
    assert found[0][0].tolist() == [-2.5 if BACKEND == "jax" else -2.0] * 3


def test_a_step_without_momentum_keeps_the_velocities(fused):
    found = []
    for optimizer in both(fused, learning_rate=1.0):
        weight = keras.Variable(np.ones(3, "float32"))
        optimizer.build([weight])
        for momentum, number in ((0.5, 1.0), (0.0, 3.0), (0.5, 1.0)):
            optimizer.momentum = momentum
            optimizer.apply([number * keras.ops.ones(3)], [weight])
        found.append(arrays([weight, *optimizer.variables]))
    for ours, theirs in zip(*found, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert found[0][0].tolist() == [-4.5] * 3  # 1 - 1 - 3 - (0.5 + 1)


@pytest.mark.skipif(BACKEND == "torch", reason="Keras's own update fails on torch")
def test_a_python_number_is_accepted_as_a_gradient(fused):
    weight = keras.Variable(np.float32(2.0))
    optimizer = both("auto", learning_rate=1.0, momentum=0.0)[0]
    optimizer.build([weight])
    optimizer.apply([1.5], [weight])
    assert float(weight.numpy()) == 0.5


@pytest.mark.parametrize("options", [{}, {"gradient_accumulation_steps": 2}])
def test_a_variable_is_overwritten_with_its_gradient(fused, options):
    found = []
    for optimizer in both(fused, **options):
        weights = [keras.Variable(np.ones(n, "float32")) for n in (3, 7)]
        weights[0].overwrite_with_gradient = True
        optimizer.build(weights)
        for number in (5.0, 2.0, 3.0):
            gradients = [keras.ops.full(w.shape, number) for w in weights]
            optimizer.apply(gradients, weights)
        found.append(arrays(weights))
    for ours, theirs in zip(*found, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-6)
    assert found[0][0].tolist() == [5.0 if options else 3.0] * 3


def test_a_constraint_is_applied_after_every_step(fused, of_keras):
    limit = keras.constraints.MaxNorm(0.5)
    ours, theirs = both(fused)
    ours = fitted(ours, constraint=limit)
    theirs = of_keras(partial(fitted, theirs, constraint=limit))
    assert_same(ours, theirs, **FLOAT32)
    norms = np.linalg.norm(ours.layers[0].get_weights()[0], axis=0)
    assert norms.max() <= 0.5 + 1e-6


def test_train_on_batch_gives_the_weights_of_keras(fused, of_keras):
    def trained(optimizer):
        made = compiled(optimizer)
        for _ in range(5):
            made.train_on_batch(X, Y)
        return made

    ours, theirs = both(fused)
    assert_same(trained(ours), of_keras(lambda: trained(theirs)), **FLOAT32)


# On JAX, Keras 3.15.1 uses the same array for a weight and its average, and the second
# fit donates it twice. The test copies the averages of Keras's own optimizer.
@needs_extension  # As Keras on JAX hides why a step with averages failed.
def test_a_second_fit_with_averages_continues(fused, of_keras):
    def twice(optimizer):
        made = compiled(optimizer)
        fit(made)
        if BACKEND == "jax" and not isinstance(optimizer, kerasched.SGD):
            for average in optimizer._model_variables_moving_average:
                average.assign(keras.ops.copy(average.value))
        fit(made)
        return made

    ours, theirs = both(fused, use_ema=True, ema_momentum=0.9)
    assert_same(twice(ours), of_keras(lambda: twice(theirs)), **FLOAT32)


def custom_loop(optimizer, steps=5):
    """Train in a custom loop of the backend, and return the model."""
    made = model()
    weights = made.trainable_variables
    optimizer.build(weights)
    mse = keras.losses.MeanSquaredError()
    if BACKEND == "tensorflow":
        import tensorflow as tf

        @tf.function
        def step():
            with tf.GradientTape() as tape:
                loss = optimizer.scale_loss(mse(Y, made(X, training=True)))
            gradients = tape.gradient(loss, [w.value for w in weights])
            optimizer.apply_gradients(zip(gradients, weights, strict=True))

        for _ in range(steps):
            step()
    elif BACKEND == "torch":
        for _ in range(steps):
            made.zero_grad()
            optimizer.scale_loss(mse(Y, made(X, training=True))).backward()
            optimizer.apply([w.value.grad for w in weights], weights)
    else:
        jax_loop(made, optimizer, mse, steps)
    return made


def jax_loop(made, optimizer, mse, steps):
    import jax

    def loss(weights, others):
        outputs, others = made.stateless_call(weights, others, X, training=True)
        return optimizer.scale_loss(mse(Y, outputs)), others

    @jax.jit
    def step(weights, others, state):
        gradient = jax.value_and_grad(loss, has_aux=True)
        (_, others), gradients = gradient(weights, others)
        weights, state = optimizer.stateless_apply(state, gradients, weights)
        return weights, others, state

    variables = made.trainable_variables, made.non_trainable_variables
    values = [[v.value for v in group] for group in (*variables, optimizer.variables)]
    for _ in range(steps):
        values = step(*values)
    for group, found in zip((*variables, optimizer.variables), values, strict=True):
        for variable, value in zip(group, found, strict=True):
            variable.assign(value)


@pytest.mark.parametrize("options", [{}, {"global_clipnorm": 0.1}])
def test_a_custom_loop_gives_the_weights_of_keras(fused, options, of_keras):
    ours, theirs = both(fused, **options)
    assert_same(custom_loop(ours), of_keras(lambda: custom_loop(theirs)), **FLOAT32)


@pytest.mark.skipif(BACKEND == "torch", reason="Keras exports differently on torch")
def test_a_trained_model_is_exported(fused, tmp_path):
    made = fitted(both(fused)[0], epochs=1)
    made.export(tmp_path / "exported", verbose=False)
    import tensorflow as tf

    loaded = tf.saved_model.load(tmp_path / "exported")
    served = loaded.serve(X)
    np.testing.assert_allclose(served, made.predict(X, verbose=0), **FLOAT32)


def sparse():
    """Return a sparse gradient of rows 1, 3 and 1 of five rows."""
    numbers = np.arange(9, dtype="float32").reshape(3, 3) + 1
    if BACKEND == "tensorflow":
        import tensorflow as tf

        return tf.IndexedSlices(tf.constant(numbers), tf.constant([1, 3, 1]), (5, 3))
    from jax.experimental import sparse as jax_sparse

    places = np.array([[1], [3], [1]])
    return jax_sparse.BCOO((keras.ops.array(numbers), places), shape=(5, 3))


@pytest.mark.skipif(BACKEND == "torch", reason="Keras has no sparse tensors on torch")
@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_a_sparse_gradient_gives_the_weights_of_keras(momentum):
    found = []
    for optimizer in both("auto", momentum=momentum):
        weight = keras.Variable(np.ones((5, 3), "float32"))
        optimizer.build([weight])
        for _ in range(3):
            optimizer.apply([sparse()], [weight])
        found.append(arrays([weight, *optimizer.variables]))
    for ours, theirs in zip(*found, strict=True):
        np.testing.assert_array_equal(ours, theirs)


@needs_extension
@pytest.mark.skipif(BACKEND == "torch", reason="Keras has no sparse tensors on torch")
def test_a_sparse_gradient_is_refused_where_the_kernel_must_run():
    weight = keras.Variable(np.ones((5, 3), "float32"))
    optimizer = kerasched.SGD(0.1, fused=True)
    optimizer.build([weight])
    with pytest.raises(RuntimeError, match="a gradient is sparse"):
        optimizer.apply([sparse()], [weight])
