"""Problems in Keras: each test reproduces one with Keras alone and solves it here.

The table of docs/problems.md has a row for each. If the part with Keras alone fails,
Keras has solved the problem, and the row can be removed.
"""

import re
from pathlib import Path

import keras
import numpy as np
import pytest
from keras.optimizers import schedules
from one_weight import Metric
from one_weight import Rates
from one_weight import compiled
from one_weight import fit
from one_weight import fitted
from one_weight import next_update
from one_weight import sgd
from support import BACKEND
from support import INSTALLED
from support import run_python

import kerasched
from kerasched import Constant
from kerasched import CosineDecay
from kerasched import ExponentialDecay
from kerasched import FromFunction
from kerasched import LinearDecay
from kerasched import PerUpdate
from kerasched import PiecewiseConstant
from kerasched import Schedule
from kerasched import StepDecay
from kerasched import copy_optimizer_state
from kerasched import load_training_state
from kerasched import set_schedule
from kerasched.callbacks import BackupAndRestore
from kerasched.callbacks import EpochSchedule
from kerasched.callbacks import LearningRateLogger
from kerasched.callbacks import ReduceOnPlateau

PAGE = Path(__file__).parents[1] / "docs" / "problems.md"

not_on_torch = pytest.mark.skipif(
    BACKEND == "torch", reason="torch does not have this problem"
)


def rates_of(optimizer, steps, epochs=1, callbacks=(), **options):
    rates = Rates()
    model = compiled(optimizer, **options)
    fit(model, steps, epochs=epochs, callbacks=[rates, *callbacks])
    return rates.taken


def test_problem_1_accumulation_makes_the_schedule_run_ahead():
    accumulating = {"gradient_accumulation_steps": 2}
    theirs = schedules.PolynomialDecay(1.0, 8, 0.0)
    taken = rates_of(sgd(theirs, **accumulating), 6)
    # Updates 0, 1 and 2 use the rates of steps 1, 3 and 5.
    np.testing.assert_allclose(taken, [0, 7 / 8, 0, 5 / 8, 0, 3 / 8], rtol=1e-5)

    ours = PerUpdate(LinearDecay(1.0, 8), 2)
    taken = rates_of(sgd(ours, **accumulating), 6)
    np.testing.assert_allclose(taken, [0, 1, 0, 7 / 8, 0, 6 / 8], rtol=1e-5)


@not_on_torch
def test_problem_2_a_new_schedule_on_a_fitted_model_is_ignored():
    model = fitted(sgd(schedules.ExponentialDecay(0.5, 1, 1.0)))
    model.optimizer.learning_rate = StepDecay(0.125, 99)
    assert float(keras.ops.convert_to_numpy(model.optimizer.learning_rate)) == 0.125
    np.testing.assert_allclose(next_update(model), 0.5)

    set_schedule(model, StepDecay(0.125, 99))
    np.testing.assert_allclose(next_update(model), 0.125)


def test_problem_3_an_integer_as_rate_makes_the_rate_zero():
    theirs = schedules.ExponentialDecay(1, 1000, 0.96)
    assert float(keras.ops.convert_to_numpy(theirs(1))) == 0.0

    assert ExponentialDecay(1, 1000, 0.96).evaluate(1) == 0.96 ** (1 / 1000)


def test_problem_4_a_number_that_becomes_a_schedule_drops_the_optimizer_state(tmp_path):
    path = tmp_path / "model.weights.h5"
    fitted(sgd(0.5, momentum=0.5)).save_weights(path)
    model = compiled(sgd(StepDecay(0.5, 99), momentum=0.5))
    model.optimizer.build(model.trainable_variables)
    with pytest.warns(UserWarning, match="Skipping variable loading for optimizer"):
        model.load_weights(path)
    assert int(model.optimizer.iterations) == 0
    np.testing.assert_allclose(next_update(model), 0.5)  # The velocity was 0.

    model = compiled(sgd(StepDecay(0.5, 99), momentum=0.5))
    load_training_state(model, path)
    assert int(model.optimizer.iterations) == 2
    np.testing.assert_allclose(next_update(model), 0.875)  # 0.5, 0.75, 0.875.


def test_problem_5_initial_epoch_and_compile_leave_the_schedule_at_its_start():
    theirs = schedules.PolynomialDecay(1.0, 8, 0.0)
    model, rates = compiled(sgd(theirs)), Rates()
    fit(model, 2, epochs=3, initial_epoch=2, callbacks=[rates])
    np.testing.assert_allclose(rates.taken, [1, 7 / 8], rtol=1e-6)

    model, rates = compiled(sgd(9.0)), Rates()
    by_batch = EpochSchedule(LinearDecay(1.0, 8), steps_per_epoch=2)
    fit(model, 2, epochs=3, initial_epoch=2, callbacks=[rates, by_batch])
    np.testing.assert_allclose(rates.taken, [4 / 8, 3 / 8], rtol=1e-6)

    model = fitted(sgd(theirs))
    old = model.optimizer
    model.compile(sgd(theirs), model.loss, jit_compile=model.jit_compile)
    np.testing.assert_allclose(next_update(model), 1.0)

    model.compile(sgd(theirs), model.loss, jit_compile=model.jit_compile)
    copy_optimizer_state(old, model)
    np.testing.assert_allclose(next_update(model), 6 / 8, rtol=1e-6)


class Crash(keras.callbacks.Callback):
    """Raises in the sixth batch of the fourth epoch."""

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch

    def on_train_batch_end(self, batch, logs=None):
        if self.epoch == 3 and batch == 5:
            raise InterruptedError


def steps_after_a_crash(backup, folder, **options):
    """Return the step count after a crash and a restart, of 6 epochs of 8 steps."""
    model, callbacks = compiled(sgd(0.5)), [backup(folder, **options), Crash()]
    with pytest.raises(InterruptedError):
        fit(model, 8, epochs=6, callbacks=callbacks)
    model = compiled(sgd(0.5))
    fit(model, 8, epochs=6, callbacks=[backup(folder, **options)])
    return int(keras.ops.convert_to_numpy(model.optimizer.iterations))


def test_problem_6_a_backup_within_an_epoch_counts_steps_twice(tmp_path):
    theirs = keras.callbacks.BackupAndRestore
    counted = steps_after_a_crash(theirs, str(tmp_path / "theirs"), save_freq=1)
    assert counted > 48  # The steps of the fourth epoch before the crash count twice.
    assert steps_after_a_crash(BackupAndRestore, tmp_path / "ours") == 48
    with pytest.raises(ValueError, match="give fit a steps_per_epoch"):
        BackupAndRestore(tmp_path, save_freq=1)


def test_problem_7_a_restart_resets_the_counters_of_a_plateau():
    values, halves = [1.0] * 6, {"factor": 0.5, "patience": 3, "mode": "min"}
    theirs = keras.callbacks.ReduceLROnPlateau("metric", **halves)
    model = compiled(sgd(0.5))
    fit(model, 1, epochs=3, callbacks=[Metric(values), theirs])
    assert theirs.wait == 2
    theirs = keras.callbacks.ReduceLROnPlateau("metric", **halves)
    callbacks = [Metric(values), theirs]
    fit(model, 1, epochs=4, initial_epoch=3, callbacks=callbacks)
    np.testing.assert_allclose(next_update(model), 0.5)  # The reduction did not happen.

    ours, model = ReduceOnPlateau("metric", **halves), compiled(sgd(0.5))
    fit(model, 1, epochs=3, callbacks=[Metric(values), ours])
    restarted = ReduceOnPlateau("metric", **halves)
    restarted.set_state(ours.get_state())
    callbacks = [Metric(values), restarted]
    fit(model, 1, epochs=4, initial_epoch=3, callbacks=callbacks)
    np.testing.assert_allclose(next_update(model), 0.25)


def test_problem_8_a_plateau_on_a_schedule_stops_the_run():
    halves = {"factor": 0.5, "patience": 2, "mode": "min"}
    values, schedule = [1.0] * 4, LinearDecay(1.0, 8)
    theirs = keras.callbacks.ReduceLROnPlateau("metric", **halves)
    model = compiled(sgd(schedule))
    with pytest.raises(TypeError, match="its learning rate is not settable"):
        fit(model, 1, epochs=4, callbacks=[Metric(values), theirs])
    assert int(model.optimizer.iterations) == 3  # It stopped after three epochs.

    ours = ReduceOnPlateau("metric", **halves)
    taken = rates_of(sgd(schedule), 1, epochs=4, callbacks=[Metric(values), ours])
    np.testing.assert_allclose(taken, [1, 7 / 8, 6 / 8, 5 / 16], rtol=1e-5)


def test_problem_9_steps_above_2_to_the_24_are_rounded():
    step = 2**24 + 1
    theirs = schedules.ExponentialDecay(1.0, step, 0.5, staircase=True)
    # The rate drops one step early.
    assert float(keras.ops.convert_to_numpy(theirs(step - 1))) == 0.5

    ours = StepDecay(1.0, step, 0.5)
    at = [float(keras.ops.convert_to_numpy(ours(s))) for s in (step - 1, step)]
    assert at == [1.0, 0.5]


def test_problem_10_schedules_do_not_agree_on_a_boundary():
    by_list = schedules.PiecewiseConstantDecay([100], [1.0, 0.1])
    by_rate = schedules.ExponentialDecay(1.0, 100, 0.1, staircase=True)
    at_100 = [float(keras.ops.convert_to_numpy(one(100))) for one in (by_list, by_rate)]
    np.testing.assert_allclose(at_100, [1.0, 0.1], rtol=1e-6)
    # Keras accepts boundaries that decrease.
    assert schedules.PiecewiseConstantDecay([20, 10], [1.0, 0.1, 0.01])

    ours = [PiecewiseConstant((100,), (1.0, 0.1)), StepDecay(1.0, 100, 0.1)]
    np.testing.assert_allclose([one.evaluate(100) for one in ours], 0.1)
    with pytest.raises(ValueError, match="must be strictly increasing"):
        PiecewiseConstant((20, 10), (1.0, 0.1, 0.01))


class WithoutConfig(schedules.LearningRateSchedule):
    def __init__(self, rate):
        self.rate = rate

    def __call__(self, step):
        return self.rate


@keras.saving.register_keras_serializable("problems")
class WithFields(Schedule):
    """A constant rate."""

    rate: float

    def value(self, step, xp):
        return self.rate


def test_problem_12_a_schedule_cannot_be_saved_which_shows_after_the_training(tmp_path):
    path = tmp_path / "model.keras"
    with pytest.raises(NotImplementedError):
        fitted(sgd(WithoutConfig(0.5))).save(path)
    with pytest.raises(TypeError):
        fitted(sgd(schedules.PiecewiseConstantDecay(range(1, 2), [0.5, 0.25]))).save(
            path
        )

    for ours in (WithFields(0.5), PiecewiseConstant(range(1, 2), (0.75, 0.5))):
        fitted(sgd(ours)).save(path)
        np.testing.assert_allclose(next_update(keras.saving.load_model(path)), 0.5)


TRAINED_ON_TORCH = """
import sys, keras, numpy as np
model = keras.Sequential([keras.layers.Input((1,)), keras.layers.Dense(1)])
model.compile(keras.optimizers.SGD(0.1, momentum=0.9), keras.losses.MeanSquaredError())
model.train_on_batch(np.ones((1, 1), "float32"), np.zeros((1, 1), "float32"))
model.save(sys.argv[1])
"""


@pytest.mark.skipif(
    BACKEND == "torch" or "torch" not in INSTALLED,
    reason="needs torch as another backend",
)
def test_problem_13_a_model_trained_on_torch_cannot_be_trained_on_elsewhere(tmp_path):
    path, one = tmp_path / "model.keras", np.ones((1, 1), "float32")
    run_python(TRAINED_ON_TORCH, "torch", [path])
    goes_on = "import sys, keras, numpy as np; one = np.ones((1, 1), 'float32'); "
    goes_on += "model = keras.saving.load_model(sys.argv[1]); "
    goes_on += "model.train_on_batch(one, one)"
    done = run_python(goes_on, BACKEND, [path], check=False)
    assert done.returncode != 0
    assert re.search("expected Tensor|cannot be imported", done.stderr), done.stderr

    model = keras.Sequential([keras.layers.Input((1,)), keras.layers.Dense(1)])
    model.compile(sgd(0.1, momentum=0.9), "mse", jit_compile=False)
    load_training_state(model, path)
    model.train_on_batch(one, one)
    assert int(model.optimizer.iterations) == 2


def test_problem_14_the_rate_of_a_schedule_is_not_shown(capsys):
    model, data = compiled(sgd(LinearDecay(1.0, 8))), np.ones((2, 1), "float32")
    history = model.fit(data, data, batch_size=1).history
    assert list(history) == ["loss"]
    assert "learning_rate" not in capsys.readouterr().out

    callbacks = [LearningRateLogger(every=1)]
    history = model.fit(data, data, batch_size=1, callbacks=callbacks).history
    np.testing.assert_allclose(history["learning_rate"], [5 / 8])
    assert "learning_rate" in capsys.readouterr().out


@pytest.mark.skipif(BACKEND != "jax", reason="only JAX keeps the state inside its loop")
def test_problem_15_reading_the_optimizer_in_a_batch_fails_or_waits():
    model = compiled(sgd(LinearDecay(1.0, 8)))
    seen, syncs = [], []

    class Reads(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            try:
                seen.append(int(model.optimizer.iterations))
            except TypeError as error:
                seen.append(type(error))

    fit(model, 2, callbacks=[Reads()])
    assert seen == [TypeError, TypeError]

    class Counting(type(model)):
        def jax_state_sync(self):
            syncs.append(self)
            super().jax_state_sync()

    def syncs_of(callbacks):
        model.__class__ = Counting
        syncs.clear()
        fit(model, 8, callbacks=callbacks)
        return len(syncs)

    class ReadsThroughTheModel(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            int(self.model.optimizer.iterations)

    assert syncs_of([ReadsThroughTheModel()]) >= syncs_of([]) + 8
    few, many = (syncs_of([LearningRateLogger(every)]) for every in (None, 1))
    assert few <= many < syncs_of([]) + 8


class TheirSubclass(keras.optimizers.SGD):
    """A subclass without changes."""


class OurSubclass(kerasched.SGD):
    """A subclass without changes."""


def operations_of_update(optimizer):
    """Return the number of torch operations in an update of 50 variables."""
    from torch.utils._python_dispatch import TorchDispatchMode

    class Counting(TorchDispatchMode):
        count = 0

        def __torch_dispatch__(self, function, types, args=(), kwargs=None):
            self.count += 1
            return function(*args, **(kwargs or {}))

    variables = [keras.Variable(np.ones(8, "float32")) for _ in range(50)]
    gradients = [keras.ops.ones(8) for _ in variables]
    optimizer.build(variables)
    optimizer.apply(gradients)
    with Counting() as counting:
        optimizer.apply(gradients)
    return counting.count


@pytest.mark.skipif(
    BACKEND != "torch", reason="only Keras on torch has another optimizer class"
)
def test_problem_16_a_subclass_of_sgd_is_several_times_slower():
    plain = operations_of_update(sgd(0.1, momentum=0.9))
    assert plain < 50  # Fewer than one for each variable.
    assert operations_of_update(TheirSubclass(0.1, momentum=0.9)) > 3 * 50

    assert operations_of_update(OurSubclass(0.1, momentum=0.9)) <= plain
    # `fused=True` raises if the kernel cannot run.
    fused = OurSubclass(0.1, momentum=0.9, fused=True)
    assert operations_of_update(fused) <= plain


@keras.saving.register_keras_serializable("problems")
def falling(step):
    return 1.0 - step / 8.0


def test_problem_17_a_function_of_the_step_is_not_accepted():
    with pytest.raises(TypeError, match="missing 1 required positional argument"):
        fit(compiled(sgd(falling)), 2)

    taken = rates_of(sgd(FromFunction(falling)), 2)
    np.testing.assert_allclose(taken, [1, 7 / 8], rtol=1e-6)


def test_problem_18_numbers_that_are_no_float_are_refused():
    for rate in (1, np.float32(0.5)):
        with pytest.raises(ValueError, match="should be float, or an instance"):
            sgd(rate)
        np.testing.assert_allclose(rates_of(sgd(Constant(rate)), 1), rate)
    with pytest.raises(IndexError):
        schedules.PiecewiseConstantDecay([], [0.5])(0)
    assert PiecewiseConstant((), (0.5,)).evaluate(0) == 0.5


@pytest.mark.skipif(
    BACKEND == "torch", reason="Keras does not support steps_per_execution on torch"
)
def test_problem_19_a_rate_set_in_a_batch_waits_for_the_whole_execution():
    class FromBatch2(keras.callbacks.Callback):
        def on_train_batch_begin(self, batch, logs=None):
            if batch == 2:
                self.model.optimizer.learning_rate = 0.125

    model = compiled(sgd(0.5), steps_per_execution=4)
    fit(model, 4, callbacks=[FromBatch2()])
    np.testing.assert_allclose(model.get_weights(), -4 * 0.5)

    model = compiled(sgd(PiecewiseConstant((2,), (0.5, 0.125))), steps_per_execution=4)
    fit(model, 4)
    np.testing.assert_allclose(model.get_weights(), -2 * (0.5 + 0.125))


def test_problem_20_lengths_are_in_steps_where_epochs_were_meant():
    theirs = schedules.CosineDecay(0.5, 30)  # The user means 30 epochs of 2 steps.
    assert float(keras.ops.convert_to_numpy(theirs(15 * 2))) == 0.0

    ours = CosineDecay.from_epochs(0.5, decay_epochs=30, steps_per_epoch=2)
    np.testing.assert_allclose(ours.evaluate(15 * 2), 0.25)

    class Unknown:
        """Has the cardinality of a tf.data.Dataset of unknown length."""

        def cardinality(self):
            return -2

    with pytest.raises(ValueError, match="A tf.data.Dataset of unknown cardinality"):
        CosineDecay.from_epochs(0.5, decay_epochs=30, steps_per_epoch=Unknown())


@pytest.mark.skipif(BACKEND != "jax", reason="only JAX donates buffers")
def test_problem_29_a_second_fit_with_an_average_of_the_weights_crashes():
    options = {"momentum": 0.5, "use_ema": True}
    with pytest.raises((TypeError, ValueError)) as caught:
        next_update(fitted(sgd(0.5, **options)))
    # The end of fit raises too, because the first error left the state incomplete.
    first = caught.value.__context__ or caught.value
    assert "donate the same buffer twice" in str(first)

    model = fitted(kerasched.SGD(0.5, **options))
    weight = model.get_weights()[0]
    # At its end, fit sets the weights to the average. The velocity is then 0.75.
    np.testing.assert_allclose(weight, 0.99 * -0.5 + 0.01 * -1.25, rtol=1e-6)
    fit(model, 1)
    assert int(model.optimizer.iterations) == 3


def rows():
    """Return the rows of the page's table of problems."""
    text = PAGE.read_text(encoding="utf-8")
    table = text.partition("| problem in Keras |")[2].partition("\n\n")[0]
    return [line for line in table.splitlines()[2:] if line.startswith("|")]


@pytest.mark.host
def test_the_page_has_a_row_for_each():
    pains = [name for name in globals() if name.startswith("test_problem_")]
    assert len(rows()) == len(pains)


@pytest.mark.host
def test_the_names_in_the_rows_exist():
    cures = " ".join(row.split("|")[2] for row in rows())
    names = re.findall(r"\b([A-Z]\w+|[a-z]+_[a-z_]+)\(", cures)
    assert len(set(names)) >= 12
    for name in names:
        places = [kerasched, kerasched.callbacks, keras.optimizers]
        places += [CosineDecay, ReduceOnPlateau]
        assert any(hasattr(place, name) for place in places), name
