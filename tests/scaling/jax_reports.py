"""Functions that test_jax_devices.py runs in a process with 8 virtual devices."""

import functools
import tempfile
from pathlib import Path

import jax
import keras
import numpy as np
from jax.experimental.compilation_cache import compilation_cache
from jax.sharding import Mesh
from jax.sharding import NamedSharding
from jax.sharding import PartitionSpec

import kerasched
from scaling.jax_devices import NOT_IN_KERAS
from scaling.jax_devices import ONE_DEVICE
from scaling.jax_devices import OPTIONS
from scaling.jax_devices import bytes_exchanged
from scaling.jax_devices import collectives
from scaling.jax_devices import data
from scaling.jax_devices import distribution_of
from scaling.jax_devices import model_of
from scaling.jax_devices import run
from scaling.jax_devices import step_of


def options(layout, steps, names=tuple(OPTIONS)):
    """Return each option's collectives and its distance to the result of one device."""
    report = {}
    for option in names:
        ours = step_of(kerasched, option, layout)
        alone = step_of(kerasched, option, ONE_DEVICE)
        values = [run(ours, layout, steps), run(alone, ONE_DEVICE, steps)]
        report[option] = {
            "ours": collectives(ours.text()),
            "keras": keras_collectives(NOT_IN_KERAS.get(option, option), layout),
            "calls": calls(ours.text()),
            "distance": distance(*values),
        }
    return report


def by_hand(layout):
    """Return the collectives of our and Keras's steps without a distribution."""
    packages = (kerasched, keras.optimizers)
    steps = (step_of(package, "momentum", layout, by_hand=True) for package in packages)
    return [collectives(step.text()) for step in steps]


@functools.cache
def keras_collectives(option, layout):
    """Return the collectives of the step of Keras's SGD with an option."""
    return collectives(step_of(keras.optimizers, option, layout).text())


def exchanged(layout, names):
    """Return the counts and bytes of each option's collectives."""

    def found(package, option):
        text = step_of(package, option, layout).text()
        return {**collectives(text), "bytes": bytes_exchanged(text)}

    return [
        {
            "layout": layout,
            "option": option,
            "ours": found(kerasched, option),
            "keras": found(keras.optimizers, option),
        }
        for option in names
    ]


def calls(text):
    """Return how often a program calls each handler of the kernel."""
    names = ("kerasched_update", "kerasched_gradient_statistics")
    return [text.count(f'custom_call_target="{name}"') for name in names]


def distance(some, others):
    """Return the largest difference between arrays."""
    pairs = zip(some, others, strict=True)
    return max(float(np.abs(a.astype("float64") - b).max()) for a, b in pairs)


# The axes "a" and "b" have 2 devices each. A weight sharded by one axis has two copies
# of each shard, and an unsharded weight has four copies.
SPECS = [
    PartitionSpec("a", None),
    PartitionSpec(None, "b"),
    PartitionSpec("b", "a"),
    PartitionSpec(("a", "b"), None),
    PartitionSpec(),
]
LIMITS = {
    "none": {},
    "clipnorm": {"clipnorm": 0.5},
    "global_clipnorm": {"global_clipnorm": 1.0},
    "accumulation": {"global_clipnorm": 1.0, "gradient_accumulation_steps": 2},
}


def shards():
    """Return the results of sharded steps with finite and with infinite gradients."""
    random = np.random.default_rng(0)
    weights = [random.standard_normal((16, 8)).astype("float32") for _ in SPECS]
    gradients = [random.standard_normal((16, 8)).astype("float32") for _ in SPECS]
    infinite = [g.copy() for g in gradients]
    infinite[3][13, 2] = np.inf  # Only in the shard of the last device.
    report = {}
    for name, limits in LIMITS.items():
        for kind, given in (("finite", gradients), ("infinite", infinite)):
            found = one_step(weights, given, limits, sharded=True)
            right = one_step(weights, given, limits, sharded=False)
            report[f"{name}, {kind}"] = {
                "distance": distance(found, right),
                "moved": distance(found[: len(weights)], weights),
            }
    return report


def cached():
    """Return the distances of sharded steps that JAX's compilation cache has seen.

    They differ in an option only, and the cache ignores the addresses of objects.
    """
    random = np.random.default_rng(0)
    given = [
        [random.standard_normal((16, 8)).astype("float32") for _ in SPECS]
        for _ in range(2)
    ]
    with tempfile.TemporaryDirectory() as folder:
        settings = {
            "jax_compilation_cache_dir": folder,
            "jax_persistent_cache_min_compile_time_secs": 0.0,
            "jax_persistent_cache_min_entry_size_bytes": -1,
            "jax_remove_custom_partitioning_ptr_from_cache_key": True,
        }
        before = {name: getattr(jax.config, name) for name in settings}
        update(settings)
        try:
            return {
                norm: distance(
                    one_step(*given, {"clipnorm": norm}, sharded=True),
                    one_step(*given, {"clipnorm": norm}, sharded=False),
                )
                for norm in (1.0, 0.5)
            }
        finally:
            update(before)


def update(settings):
    """Set options of JAX, and let its compilation cache use them."""
    for name, value in settings.items():
        jax.config.update(name, value)
    compilation_cache.reset_cache()


def one_step(weights, gradients, limits, sharded):
    """Return weights and state after two steps under a loss scale of 4."""
    mesh = Mesh(np.array(jax.devices()[:4]).reshape(2, 2), ("a", "b"))
    variables = [keras.Variable(w) for w in weights]
    sgd = kerasched.SGD(0.1, momentum=0.5, fused=True, **limits)
    optimizer = kerasched.LossScaleOptimizer(sgd, initial_scale=4.0)
    optimizer.build(variables)

    def place(values, specs):
        if not sharded:
            return [jax.device_put(x, jax.devices()[0]) for x in values]
        shardings = [NamedSharding(mesh, spec) for spec in specs]
        return list(map(jax.device_put, values, shardings))

    specs = {v.path: spec for v, spec in zip(variables, SPECS, strict=True)}
    of_state = [
        next((s for path, s in specs.items() if path in v.path), PartitionSpec())
        for v in optimizer.variables
    ]
    step = jax.jit(
        lambda weights, state, gradients: optimizer.stateless_apply(
            state, gradients, weights
        ),
        donate_argnums=(0, 1),
    )
    values = place(weights, SPECS)
    state = place([v.value for v in optimizer.variables], of_state)
    for _ in range(2):
        scaled = place([4 * g for g in gradients], SPECS)
        values, state = step(values, state, scaled)
    return [np.asarray(x) for x in [*values, *state]]


def fit(model, steps, start=0):
    """Fit a model on `steps` steps of the data, as in a user's script."""
    x, y = (a[start : start + steps].reshape(-1, a.shape[-1]) for a in data(8))
    model.fit(x, y, batch_size=8, epochs=1, shuffle=False, verbose=0)


def on(layout, function):
    """Return the result of a function on a layout."""
    keras.distribution.set_distribution(distribution_of(layout))
    try:
        return function()
    finally:
        keras.distribution.set_distribution(None)


def values_of(model):
    """Return the weights and the optimizer's variables of a model."""
    variables = [*model.trainable_variables, *model.optimizer.variables]
    return [np.asarray(v.value) for v in variables]


def saved(first, then):
    """Return the distance between an uninterrupted run and runs resumed on layouts.

    Args:
        first: the layout of the first four steps and of the uninterrupted run.
        then: the layout of the last four steps of each resumed run.
    """
    option = "global_clipnorm"

    def whole():
        model = model_of(kerasched, option)
        fit(model, 8)
        return values_of(model)

    def beginning(path):
        model = model_of(kerasched, option)
        fit(model, 4)
        model.save(path)

    def rest(path):
        model = keras.models.load_model(path)
        fit(model, 4, start=4)
        return values_of(model)

    right = on(first, whole)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.keras"
        on(first, lambda: beginning(path))
        return {
            layout: distance(on(layout, lambda: rest(path)), right) for layout in then
        }


class Refusing(keras.layers.Layer):
    """A layer that raises in training."""

    def call(self, inputs, training=False):
        if training:
            raise KeyError("this layer refuses")
        return inputs


def failure(layout):
    """Return the error of a first step that raises, with averaged weights."""

    def fit_it():
        optimizer = kerasched.SGD(0.1, use_ema=True, fused=True)
        layers = [keras.Input((16,)), keras.layers.Dense(8), Refusing()]
        model = keras.Sequential(layers)
        model.compile(optimizer, "mse")
        fit(model, 1)

    return on(layout, lambda: error_of(fit_it))


def mistakes():
    """Return the errors of layouts that do not divide a model or its data."""

    def indivisible_units():
        model = keras.Sequential([keras.Input((16,)), keras.layers.Dense(6)])
        model.compile(kerasched.SGD(0.1, fused=True), "mse")

    def indivisible_batch():
        model = model_of(kerasched, "momentum")
        model.fit(np.ones((6, 16)), np.ones((6, 8)), verbose=0)

    return {
        "units": on("columns over 4", lambda: error_of(indivisible_units)),
        "batch": on("data over 4", lambda: error_of(indivisible_batch)),
    }


def error_of(function):
    """Return the text of the error that a function raises, or None."""
    try:
        function()
    except Exception as error:
        return str(error)
    return None
