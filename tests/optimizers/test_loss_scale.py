"""kerasched.LossScaleOptimizer gives Keras's results without its passes over memory."""

from functools import partial

import keras
import numpy as np
import pytest
from support import BACKEND
from support import sampled

import kerasched
from kerasched import LossScaleOptimizer
from kerasched.kernels import native
from optimizers.small_model import FLOAT32
from optimizers.small_model import X
from optimizers.small_model import Y
from optimizers.small_model import arrays
from optimizers.small_model import assert_same
from optimizers.small_model import both
from optimizers.small_model import compiled
from optimizers.small_model import fit
from optimizers.small_model import fitted

KERAS = keras.optimizers.LossScaleOptimizer
OPTIONS = {
    "momentum": {},
    "all": {"nesterov": True, "weight_decay": 0.01, "global_clipnorm": 1.0},
    "ema": {"use_ema": True, "ema_momentum": 0.9},
    "accumulation": {"gradient_accumulation_steps": 2, "clipnorm": 1.0},
}
# The first tier has each option and each value of `fused` at least once.
SAMPLE = {"auto-accumulation", "True-all", "scratch-momentum", "scratch-ema"}
SAMPLE |= {f"True-{name}" for name in OPTIONS if BACKEND == "torch"}
WAYS = ["auto", True, *["scratch"] * (BACKEND != "torch")]
WAYS_AND_OPTIONS = {
    f"{way}-{name}": (way, options) for way in WAYS for name, options in OPTIONS.items()
}
each_way_and_option = pytest.mark.parametrize(
    ("fused", "options"), sampled(WAYS_AND_OPTIONS, SAMPLE), indirect=["fused"]
)
needs_kernel = pytest.mark.skipif(
    bool(native.missing), reason=native.missing or "it is there"
)


# "scratch" also runs the kernel.
BY_KERNEL = pytest.param(True, marks=[pytest.mark.slow] * (BACKEND != "torch"))


@pytest.fixture(params=["auto", BY_KERNEL, *WAYS[2:]])
def fused(request, monkeypatch):
    """Return `fused`: the default, the kernel, or the kernel with scratch memory."""
    if request.param != "auto" and native.missing:
        pytest.skip(native.missing)
    if request.param == "scratch":
        monkeypatch.setattr("kerasched.kernels.scratch.MIN_BYTES", 0)
    return True if request.param == "scratch" else request.param


def pair(fused, *arguments, **options):
    """Return our wrapper with our optimizer, and Keras's wrapper with Keras's."""
    ours, theirs = both(fused, **options)
    return LossScaleOptimizer(ours, *arguments), KERAS(theirs, *arguments)


@pytest.fixture
def trained(request, once, fused, options):
    """Return ours after some epochs, the same model for all tests of a case."""
    ours, _ = pair(fused, 2.0**10, 5, **options)
    return once(request.node.callspec.id, lambda: fitted(ours))


@each_way_and_option
def test_the_weights_and_the_scale_are_those_of_keras(
    fused, options, trained, of_keras
):
    theirs = KERAS(both(fused, **options)[1], 2.0**10, 5)
    ours, theirs = trained, of_keras(partial(fitted, theirs))
    assert_same(ours, theirs, **FLOAT32)
    for model in (ours, theirs):
        assert float(model.optimizer.dynamic_scale) == 2.0**12
        assert int(model.optimizer.step_counter) == 2
    counts = [int(model.optimizer.iterations) for model in (ours, theirs)]
    assert counts[0] == counts[1] > 0


@needs_kernel
def test_the_kernel_includes_the_loss_scale(monkeypatch):
    optimizer, _ = pair(True)
    inner = optimizer.inner_optimizer
    monkeypatch.setattr(inner, "apply", None)  # Keras's own class would call this.
    monkeypatch.setattr(inner, "stateless_apply", None)
    fitted(optimizer)
    assert inner._step_cache.path == ("kernel", "")


@each_way_and_option
def test_a_step_that_overflows_changes_the_scale_alone(trained):
    model, optimizer = trained, trained.optimizer
    own = {id(optimizer.dynamic_scale), id(optimizer.step_counter)}
    rest = [v for v in optimizer.variables if id(v) not in own]
    kept = [*model.trainable_variables, *rest]
    before = arrays(kept)
    for value, scale in ((np.nan, 2.0**11), (np.inf, 2.0**10)):
        optimizer.step_counter.assign(1)
        model.train_on_batch(np.full_like(X, value), Y)
        for old, new in zip(before, arrays(kept), strict=True):
            np.testing.assert_array_equal(old, new)
        assert float(optimizer.dynamic_scale) == scale
        assert int(optimizer.step_counter) == 0
    optimizer.dynamic_scale.assign(2.0**12)  # As it was, for other tests.
    optimizer.step_counter.assign(2)


def constrained(optimizer):
    return fitted(optimizer, constraint=keras.constraints.MaxNorm(0.5))


@pytest.mark.parametrize("fused", WAYS[-1:], indirect=True)
def test_a_constraint_holds(fused, of_keras):
    ours, theirs = pair(fused, 2.0**10)
    kept = of_keras(lambda: constrained(theirs))
    assert_same(constrained(ours), kept, **FLOAT32)


# The first tier has our file with scratch memory and Keras's file.
FILES = {f"{WAYS[-1]}-ours first", "auto-keras first"}
WAYS_AND_FIRST = {
    f"{way}-{first} first": (way, number)
    for way in WAYS
    for number, first in enumerate(("ours", "keras"))
}


def apply(optimizer, gradients, weights):
    """Run a step, on JAX with the method that Keras's trainer calls."""
    if BACKEND != "jax":
        optimizer.apply(gradients, weights)
        return
    state = [v.value for v in optimizer.variables]
    new = optimizer.stateless_apply(state, gradients, [w.value for w in weights])
    variables = [*weights, *optimizer.variables]
    for variable, value in zip(variables, [*new[0], *new[1]], strict=True):
        variable.assign(value)


def test_a_missing_gradient_is_left_out(fused):
    found = []
    for optimizer in pair(fused):
        weights = [keras.Variable(np.ones(n, "float32")) for n in (3, 7)]
        optimizer.build(weights)
        with pytest.warns(UserWarning, match="Gradients do not exist"):
            apply(optimizer, [None, 2.0**15 * keras.ops.ones(7)], weights)
        found.append(arrays(weights))
    assert found[0][0].tolist() == [1.0] * 3
    np.testing.assert_allclose(found[0][1], found[1][1], rtol=1e-6)
    assert found[0][1][0] != 1.0


def test_another_optimizer_is_updated_as_by_keras():
    ours = fitted(LossScaleOptimizer(keras.optimizers.Adam(0.01), 2.0**10))
    theirs = fitted(KERAS(keras.optimizers.Adam(0.01), 2.0**10))
    assert_same(ours, theirs, **FLOAT32)


@pytest.mark.skipif(BACKEND == "jax", reason="Keras's `apply` leaks tracers on JAX")
def test_it_is_built_by_its_first_step(fused):
    found = []
    for optimizer in pair(fused, 4.0):
        weight = keras.Variable(np.ones(3, "float32"))
        optimizer.apply([4.0 * keras.ops.ones(3)], [weight])
        optimizer.apply([4.0 * keras.ops.ones(3)])
        found.append(arrays([weight, *optimizer.variables]))
    for ours, theirs in zip(*found, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-6)


def test_a_float16_policy_does_not_wrap_it_again():
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_float16")
    try:
        made = [compiled(optimizer) for optimizer in pair("auto")]
        for model in made:
            fit(model)
    finally:
        keras.config.set_dtype_policy(before)
    assert isinstance(made[0].optimizer.inner_optimizer, kerasched.SGD)
    assert_same(*made, rtol=5e-3, atol=5e-3)


@pytest.mark.parametrize(
    ("fused", "number"), sampled(WAYS_AND_FIRST, FILES), indirect=["fused"]
)
def test_files_are_those_of_keras(fused, number, tmp_path):
    first, second = pair(fused, 2.0**10, 5)[:: 1 - 2 * number]
    model = fitted(first)
    stores = [{}, {}]
    model.optimizer.save_own_variables(stores[0])
    other = compiled(second)
    fit(other)
    other.optimizer.load_own_variables(stores[0])
    other.optimizer.save_own_variables(stores[1])
    assert stores[0].keys() == stores[1].keys()
    for key, value in stores[0].items():
        np.testing.assert_array_equal(value, stores[1][key])
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert type(loaded.optimizer) is type(model.optimizer)
    assert float(loaded.optimizer.dynamic_scale) == 2.0**12
    for each in (model, loaded):
        fit(each)
    assert_same(model, loaded)


def test_accelerate_converts_it_and_back_in_the_middle_of_training():
    model, plain = (
        fitted(pair("auto", 2.0**10, 5)[1]),
        fitted(pair("auto", 2.0**10, 5)[1]),
    )
    for back, cls in ((False, LossScaleOptimizer), (True, KERAS)):
        kerasched.accelerate(model, back=back)
        assert type(model.optimizer) is cls
        for each in (model, plain):
            fit(each)
        assert_same(model, plain, **FLOAT32)
        scales = [float(m.optimizer.dynamic_scale) for m in (model, plain)]
        assert scales[0] == scales[1]


def test_accelerate_leaves_the_old_optimizer_its_memory():
    old = fitted(pair("auto")[1]).optimizer
    new = kerasched.accelerate(old)
    assert type(new) is LossScaleOptimizer
    held = {id(v.value) for v in old.variables}
    assert not any(id(v.value) in held for v in new.variables)
    assert kerasched.accelerate(new) is new


@pytest.mark.skipif(BACKEND != "jax", reason="reads JAX's program")
@needs_kernel
def test_on_jax_there_is_one_program_without_branches():
    import jax

    optimizer, _ = pair(True)
    weights = [keras.Variable(np.ones((8, 4), "float32"))]
    optimizer.build(weights)
    state = [v.value for v in optimizer.variables]
    ones = [jax.numpy.ones((8, 4))]
    step = jax.jit(optimizer.stateless_apply)
    text = step.lower(state, ones, [w.value for w in weights]).compile().as_text()
    assert text.count('custom_call_target="kerasched_update"') == 1
    assert "conditional(" not in text
