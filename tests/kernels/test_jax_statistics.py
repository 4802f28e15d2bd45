"""Statistics of sharded gradients in JAX, and an update that uses them."""

import keras
import numpy as np
import pytest

from kerasched.kernels.options import Options
from kernels.arrays import needs_extension

if keras.backend.backend() != "jax":
    pytest.skip("only JAX has shards", allow_module_level=True)

import jax
import jax.numpy as jnp

from kerasched.kernels import dispatch
from kerasched.kernels import jax_calls

pytestmark = needs_extension

SIZES = (3, 0, 9000, 1)
NORM = {"global_clipnorm": 1.0}
ALL = {"unscales": True, "gradient_accumulation_steps": 2, **NORM}


@pytest.fixture(autouse=True, scope="module")
def _registered():
    assert dispatch.unavailable("jax") == ""


def operands(options, iterations=1, dtype="float32"):
    """Return the operands of an update: multiples of 1/8, which have exact squares."""
    random = np.random.default_rng(0)
    scalars = [jnp.asarray(x, "float32") for x in (0.5, 0.0, 4.0)]
    hyperparameters = [jnp.asarray(0.0, "float32")] * options.slots
    groups = jax_calls.groups(options) + 1
    arrays = [
        jnp.asarray(random.integers(-4, 5, size) / 8, dtype) for size in SIZES * groups
    ]
    return [*scalars, jnp.asarray(iterations, "int32"), *hyperparameters, *arrays]


def statistics(options, given):
    program = jax.jit(lambda *x: jax_calls.statistics(options, len(SIZES), *x))
    return np.asarray(program(*given))


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("iterations", [0, 1])
@pytest.mark.parametrize("given", [{}, NORM, {"clipnorm": 1.0}, ALL], ids=str)
def test_squares_are_those_of_the_prepared_gradients(given, iterations, dtype):
    options = Options("sgd_momentum", use_ema=True, skips_nonfinite=True, **given)
    arrays = operands(options, iterations, dtype)
    found = statistics(options, arrays)
    count = len(SIZES)
    gradients = [np.asarray(x, "float64") for x in arrays[-count:]]
    if options.unscales:
        gradients = [g / 4 for g in gradients]
    if options.accumulates:
        sums = arrays[options.scalars + 2 * count :]
        both = zip(gradients, sums[:count], strict=True)
        gradients = [(g + np.asarray(s, "float64")) / 2 for g, s in both]
    updates = not options.accumulates or iterations == 1
    right = [float(np.sum(g**2)) * (options.clips_norm and updates) for g in gradients]
    rough = 2**-6 if dtype == "bfloat16" and options.accumulates else 2**-22
    np.testing.assert_allclose(found, [*right, 0.0], rtol=rough)


@pytest.mark.parametrize("value", [np.inf, -np.inf, np.nan])
@pytest.mark.parametrize("given", [{}, NORM], ids=str)
def test_one_number_that_is_not_finite_is_counted(given, value):
    options = Options(skips_nonfinite=True, **given)
    arrays = operands(options)
    arrays[-2] = arrays[-2].at[8999].set(value)
    assert statistics(options, arrays)[-1] == 1.0


def test_a_large_number_is_finite_though_its_square_is_not():
    options = Options(skips_nonfinite=True, **NORM)
    arrays = operands(options)
    arrays[-1] = jnp.asarray([1e30], "float32")
    assert statistics(options, arrays)[-1] == 0.0


def updated(options, given, values):
    decays = (True,) * len(SIZES)
    program = jax.jit(
        lambda *x: jax_calls.update(options, decays, *x[:-1], statistics=x[-1])
    )
    return [np.asarray(x) for x in program(*given, jnp.asarray(values))]


def test_an_update_clips_by_the_statistics_that_it_is_given():
    options = Options(**NORM)
    given = operands(options)
    found = updated(options, given, [0.0, 0.0, 15.0, 1.0, 0.0])  # A norm of 4.
    for new, weight, gradient in zip(found, given[4:8], given[8:], strict=True):
        np.testing.assert_array_equal(new, weight - 0.5 * (gradient * 0.25))


@pytest.mark.parametrize("nonfinite", [0.0, 1.0, 3.0])
def test_an_update_is_skipped_if_any_shard_was_not_finite(nonfinite):
    options = Options(skips_nonfinite=True)
    given = operands(options)
    *found, applied = updated(options, given, [0.0, 0.0, 0.0, 0.0, nonfinite])
    assert bool(applied) == (nonfinite == 0)
    kept = all(map(np.array_equal, found, given[4:8]))
    assert kept == (nonfinite > 0)


@pytest.mark.parametrize("values", [[0.0] * 4, [0.0] * 6, [0] * 5], ids=str)
def test_statistics_of_another_size_or_type_are_refused(values):
    options = Options(**NORM)
    with pytest.raises(Exception, match="statistics of the gradients have a wrong"):
        updated(options, operands(options), values)


def test_sums_that_do_not_fit_are_refused():
    options = Options(**ALL)
    given = operands(options)
    given[options.scalars + len(SIZES)] = jnp.zeros(7, "float32")
    with pytest.raises(Exception, match="arrays of a weight must have its type"):
        statistics(options, given)
