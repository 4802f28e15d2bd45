"""A sweep restores all state bit for bit, however it ends."""

import random
import signal

import keras
import numpy as np
import pytest
from support import BACKEND

import kerasched
from finder.states import FEW
from finder.states import JIT
from finder.states import X
from finder.states import Y
from finder.states import end_of
from finder.states import everything
from finder.states import fit
from finder.states import model_with
from kerasched import LinearDecay
from kerasched import find_learning_rate
from kerasched.training.restored import restored_after
from kerasched.training.restored import uninterrupted


def multi():
    optimizers = [keras.optimizers.SGD(0.1), keras.optimizers.Adam(LinearDecay(0.1, 9))]
    places = iter(range(99))
    return keras.optimizers.MultiOptimizer(lambda v: optimizers[next(places) % 2])


OPTIMIZERS = {
    "sgd": lambda: keras.optimizers.SGD(0.1, momentum=0.9),
    "adamw, schedule": lambda: keras.optimizers.AdamW(LinearDecay(0.1, 30)),
    "function": lambda: keras.optimizers.RMSprop(lambda: 0.01),
    "averages": lambda: kerasched.SGD(0.1, use_ema=True),
    "accumulation": lambda: keras.optimizers.Adam(
        LinearDecay(0.1, 30), gradient_accumulation_steps=4
    ),
    "loss scale": lambda: keras.optimizers.LossScaleOptimizer(
        keras.optimizers.Adam(LinearDecay(0.1, 30))
    ),
    "multi": multi,
    "fused": lambda: kerasched.SGD(0.1, momentum=0.9, weight_decay=1e-3),
    "fused, schedule": lambda: kerasched.SGD(LinearDecay(0.1, 30), momentum=0.9),
}


# The other cases contain the same kinds of rates, slots and optimizers.
# Each backend has some of the cases.
SHARED = {
    "tensorflow": ["function", "multi", "fused, schedule"],
    "jax": ["accumulation", "loss scale", "fused, schedule"],
    "torch": ["function", "accumulation", "loss scale", "multi", "fused, schedule"],
}
FOLLOWED = SHARED[BACKEND]
CASES = [(name, 1) for name in FOLLOWED] + [("sgd", 0), ("fused", 0)]
CASES += [
    pytest.param(name, 1, marks=pytest.mark.slow)
    for name in OPTIMIZERS
    if name not in FOLLOWED
]


@pytest.mark.parametrize(("name", "epochs"), CASES)
def test_training_after_a_sweep_is_as_without_it(name, epochs):
    ends = []
    for sweeps in (True, False):
        model = model_with(OPTIMIZERS[name](), build=bool(epochs))
        if epochs:
            fit(model, epochs)
        if sweeps:
            before = everything(model)
            result = find_learning_rate(model, X, Y, **FEW)
            assert len(set(result.losses)) > 1
            after = everything(model)
            # State that was not built before exists now with its initial values.
            values = {place: after["values"][place] for place in before["values"]}
            assert {**after, "values": values} == before
        ends.append(end_of(model))
    assert ends[0] == ends[1]


class Failing(keras.utils.PyDataset):
    """A dataset that draws from all generators and raises after some batches."""

    def __init__(self, error, after=5):
        super().__init__()
        self.error, self.left = error, after

    @property
    def num_batches(self):
        return None

    def __getitem__(self, index):
        self.left -= 1
        if self.left < 0:
            raise self.error
        noise = random.random() + np.random.normal()
        noise += keras.ops.convert_to_numpy(keras.random.normal(()))
        return X[:8] + np.float32(noise), Y[:8]


@keras.saving.register_keras_serializable("finder_tests")
class FailingMetric(keras.metrics.Mean):
    """A metric that raises after some calls in an eager step."""

    left = 10**6

    def update_state(self, y_true, y_pred, sample_weight=None):
        FailingMetric.left -= 1
        if FailingMetric.left < 0:
            raise ArithmeticError("a metric fails")
        return super().update_state(y_pred)


def loss_that_fails(y_true, y_pred):
    FailingMetric.left -= 1
    if FailingMetric.left < 0:
        raise ArithmeticError("a loss fails")
    return keras.ops.mean(y_pred - y_true, axis=-1)


SCHEDULED = OPTIMIZERS["adamw, schedule"]


def test_all_state_is_restored_if_the_data_raise():
    model = model_with(SCHEDULED())
    fit(model)
    before = everything(model)
    for error in (RuntimeError("no data"), KeyboardInterrupt()):
        with pytest.raises(type(error)):
            find_learning_rate(model, Failing(error), verbose=0)
        assert everything(model) == before


@pytest.mark.parametrize("part", ["metric", "loss"])
def test_all_state_is_restored_if_a_metric_or_loss_raises(part):
    model = model_with(SCHEDULED())
    loss = loss_that_fails if part == "loss" else "mse"
    metrics = [FailingMetric()] if part == "metric" else []
    model.compile(
        model.optimizer, loss, metrics=metrics, run_eagerly=True, jit_compile=False
    )
    fit(model)
    before = everything(model)
    FailingMetric.left = 6
    try:
        with pytest.raises(ArithmeticError, match=f"a {part} fails"):
            find_learning_rate(model, X, Y, **FEW)
    finally:
        FailingMetric.left = 10**6
    assert everything(model) == before
    fit(model)


class Interrupted(keras.Sequential):
    """A model that is interrupted after a step has run, before it has returned."""

    after = 10**6

    def make_train_function(self, force=False):
        if self.train_function is not None and not force:
            return
        super().make_train_function(force)
        inner = self.train_function

        def step(*arguments):
            outputs = inner(*arguments)
            self.after -= 1
            if self.after == 0:
                raise KeyboardInterrupt
            return outputs

        self.train_function = step


def interrupted(optimizer):
    layers = model_with(optimizer).layers
    model = Interrupted([keras.layers.Input((4,)), *layers])
    model.compile(optimizer, "mse", metrics=["accuracy"], jit_compile=JIT)
    return model


@pytest.mark.parametrize(
    ("name", "after"),
    [
        ("sgd", 1),
        ("fused", 4),
        ("multi", 4),
        pytest.param("adamw, schedule", 4, marks=pytest.mark.slow),
    ],
)
def test_all_state_is_restored_if_a_step_is_interrupted(name, after):
    ends = []
    for sweeps in (True, False):
        model = interrupted(OPTIMIZERS[name]())
        fit(model)
        if sweeps:
            before, model.after = everything(model), after
            with pytest.raises(KeyboardInterrupt):
                find_learning_rate(model, X, Y, **FEW)
            assert everything(model) == before
        ends.append(end_of(model))
    assert ends[0] == ends[1]


def test_a_model_built_by_a_sweep_trains_as_without_it():
    ends = []
    for sweeps in (True, False):
        keras.utils.set_random_seed(5)
        layers = [keras.layers.Dense(8, "relu"), keras.layers.Dense(1)]
        model = keras.Sequential(layers)
        model.compile(keras.optimizers.Adam(0.1), "mse", jit_compile=JIT)
        if sweeps:
            find_learning_rate(model, X, Y, **FEW)
        ends.append(end_of(model))
    assert ends[0] == ends[1]


@pytest.mark.skipif(
    BACKEND == "torch", reason="Keras does not support steps_per_execution on torch"
)
def test_several_steps_per_execution_continue_as_before():
    ends = []
    for sweeps in (True, False):
        model = model_with(SCHEDULED(), steps_per_execution=4)
        fit(model)
        if sweeps:
            find_learning_rate(model, X, Y, **FEW)
        ends.append(end_of(model))
    assert ends[0] == ends[1]


@pytest.fixture
def interrupts():
    """Python's handler of Ctrl-C, which a background process starts without."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_an_interrupt_is_delayed_while_state_is_restored(monkeypatch, interrupts):
    model = model_with(keras.optimizers.SGD(0.1))
    fit(model)
    before = everything(model)
    first = model.variables[0]
    assign = first.assign

    def interrupted_assign(value):
        signal.raise_signal(signal.SIGINT)
        return assign(value)

    def train():
        with restored_after(model):
            model.set_weights([weight + 1 for weight in model.get_weights()])
            monkeypatch.setattr(first, "assign", interrupted_assign)

    with pytest.raises(KeyboardInterrupt):
        train()
    assert everything(model) == before


def test_an_interrupt_in_an_uninterruptible_block_is_raised_at_its_end(interrupts):
    done = []

    def work():
        with uninterrupted():
            signal.raise_signal(signal.SIGINT)
            done.append("the rest")

    with pytest.raises(KeyboardInterrupt):
        work()
    assert done == ["the rest"]
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)


@pytest.mark.skipif(BACKEND != "torch", reason="tests torch modules")
def test_torch_modules_keep_their_training_mode():
    import torch

    norm = torch.nn.BatchNorm1d(4)
    layers = [keras.layers.TorchModuleWrapper(norm), keras.layers.Dense(1)]
    model = keras.Sequential([keras.layers.Input((4,)), *layers])
    model.compile("sgd", "mse")
    fit(model)
    norm.eval()
    before = norm.running_mean.clone(), norm.running_var.clone()
    count = int(norm.num_batches_tracked)
    find_learning_rate(model, X, Y, **FEW)
    assert torch.equal(norm.running_mean, before[0])
    assert torch.equal(norm.running_var, before[1])
    assert int(norm.num_batches_tracked) == count
    assert not norm.training
