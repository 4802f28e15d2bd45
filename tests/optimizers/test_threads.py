"""The state of a step of kerasched.SGD is visible to its own thread only.

Replicas of a tf.distribute strategy are threads that share one optimizer. TensorFlow's
devices must be configured before its first use, so these tests run a child process.
"""

from concurrent.futures import ThreadPoolExecutor

import keras
import numpy as np
import pytest
from support import BACKEND
from support import run_json

from kerasched import SGD

IN_REPLICAS = """
import json, sys, keras, numpy as np, tensorflow as tf
import kerasched
(cpu,) = tf.config.list_physical_devices("CPU")
two = [tf.config.LogicalDeviceConfiguration()] * 2
tf.config.set_logical_device_configuration(cpu, two)
random = np.random.default_rng(0)
x = random.normal(size=(24, 4)).astype("float32")
y = random.normal(size=(24, 1)).astype("float32")
found = {}
# Only one strategy: two would use the same numbers for their sums over replicas.
strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])

def replicated(layers, optimizer, loss):
    with strategy.scope():
        keras.utils.set_random_seed(0)
        model = keras.Sequential(layers())
        model.compile(optimizer(), loss, jit_compile=False)
    return model

def one():
    layer = keras.layers.Dense(1, use_bias=False, kernel_initializer="zeros")
    return [keras.Input((1,)), layer]

make = lambda: kerasched.SGD(1.0, loss_scale_factor=128.0)
model = replicated(one, make, lambda y, outputs: outputs)
ones = np.ones((4, 1), "float32")
model.fit(ones, ones, batch_size=4, verbose=0)
found["factor"] = model.optimizer.loss_scale_factor, model.get_weights()[0].tolist()

def layers():
    return [keras.Input((4,)), *(keras.layers.Dense(n) for n in (4, 3, 1))]

calls = []

class Counted(keras.optimizers.schedules.LearningRateSchedule):
    def __call__(self, step):
        calls.append(step)
        return 0.1 / (1 + keras.ops.cast(step, "float32"))

make = lambda: kerasched.SGD(Counted(), weight_decay=0.1)
replicated(layers, make, "mse").fit(x[:8], y[:8], batch_size=8, verbose=0)
found["calls"] = len(calls)

rate = kerasched.LinearDecay(0.5, 9, end_learning_rate=0.1)
rows = {
    "factor": {"loss_scale_factor": 128.0, "clipnorm": 0.1, "weight_decay": 0.0},
    "dynamic": {"global_clipnorm": 0.1, "momentum": 0.9},
    "schedule": {"learning_rate": rate, "weight_decay": 0.1, "clipvalue": 0.05},
    "average": {"use_ema": True, "global_clipnorm": 0.1, "loss_scale_factor": 8.0},
    "all": {
        "learning_rate": rate, "momentum": 0.9, "nesterov": True, "weight_decay": 0.1,
        "clipnorm": 0.1, "use_ema": True, "ema_momentum": 0.5,
        "loss_scale_factor": 128.0,
    },
}

def trained(library, name):
    def make():
        optimizer = library.SGD(**{"learning_rate": 0.5, **rows[name]})
        optimizer.exclude_from_weight_decay(var_names=["bias"])
        wraps = name == "dynamic"
        return library.LossScaleOptimizer(optimizer) if wraps else optimizer

    model = replicated(layers, make, "mse")
    model.fit(x, y, batch_size=8, epochs=2, shuffle=False, verbose=0)
    return [w.tolist() for w in model.get_weights()]

libraries = keras.optimizers, kerasched
found["rows"] = {n: [trained(l, n) for l in libraries] for n in sys.argv[1:]}
print(json.dumps(found))
"""


in_replicas = pytest.mark.skipif(BACKEND != "tensorflow", reason="needs TensorFlow")
# "all" has the options of the other rows, which run in the thorough tier.
WITH_ALL = ("all",)


@pytest.fixture(scope="module")
def found():
    return run_json(IN_REPLICAS, arguments=WITH_ALL)


@in_replicas
def test_a_loss_scale_factor_divides_the_gradients_of_all_replicas(found):
    # The loss is the mean of w * x with x = 1, so the gradient is 1.
    assert found["factor"] == [128.0, [[-1.0]]]


@in_replicas
def test_each_replica_computes_the_rate_once_a_step(found):
    assert found["calls"] == 2


def assert_same_rows(rows, names):
    assert sorted(rows) == sorted(names)
    for name, (theirs, ours) in rows.items():
        for a, b in zip(ours, theirs, strict=True):
            # Both run the same operations in the same order.
            np.testing.assert_array_equal(a, b, err_msg=name)


@in_replicas
def test_weights_of_replicas_are_those_of_keras_to_the_bit(found):
    assert_same_rows(found["rows"], WITH_ALL)


@in_replicas
@pytest.mark.slow
def test_weights_of_replicas_under_few_options_are_those_of_keras_to_the_bit():
    names = ("factor", "dynamic", "schedule", "average")
    assert_same_rows(run_json(IN_REPLICAS, arguments=names)["rows"], names)


def in_another_thread(function):
    """Return the result of a function that runs in another thread."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(function).result()


def seen_during_a_step(look, **options):
    """Return the result of `look` in another thread during a step of an optimizer."""
    found = []

    class Looking(keras.optimizers.schedules.LearningRateSchedule):
        def __call__(self, step):
            found.append(in_another_thread(lambda: look(optimizer)))
            return 0.5

    weight = keras.Variable(np.ones(3, "float32"))
    optimizer = SGD(momentum=Looking(), **options)
    optimizer.build([weight])
    optimizer.apply([keras.ops.ones(3)], [weight])
    return found[0]


def test_another_thread_reads_the_loss_scale_factor_of_the_constructor():
    look = lambda optimizer: optimizer.loss_scale_factor  # noqa: E731
    assert seen_during_a_step(look, loss_scale_factor=8.0) == 8.0


def test_another_thread_computes_its_own_rate():
    rates = iter([0.1, 0.2])
    look = lambda optimizer: optimizer.learning_rate  # noqa: E731
    assert seen_during_a_step(look, learning_rate=lambda: next(rates)) == 0.2


def test_a_loss_scaled_in_another_thread_does_not_affect_the_step():
    optimizer = SGD(0.1)
    in_another_thread(lambda: optimizer.scale_loss(1.0))
    assert not optimizer._step_state.computes_gradients
    optimizer.scale_loss(1.0)
    assert optimizer._step_state.computes_gradients


def test_a_step_that_failed_leaves_no_state_behind():
    class Failing(keras.optimizers.schedules.LearningRateSchedule):
        def __call__(self, step):
            raise KeyError("momentum")

    weight = keras.Variable(np.ones(3, "float32"))
    optimizer = SGD(0.1, momentum=Failing(), loss_scale_factor=8.0)
    optimizer.build([weight])
    with pytest.raises(KeyError):
        optimizer.apply([keras.ops.ones(3)], [weight])
    assert optimizer.loss_scale_factor == 8.0
    assert optimizer._step_state.rate is None
