"""BackupAndRestore: what it saves, its errors and warnings. tests/resuming has runs."""

import concurrent.futures
import contextlib
import functools
import io
import threading
import warnings

import h5py
import keras
import numpy as np
import pytest
from one_weight import JIT
from support import BACKEND

import kerasched
from kerasched.callbacks import BackupAndRestore
from kerasched.resuming.callback_states import ATTRIBUTES
from kerasched.resuming.callback_states import set_states
from kerasched.resuming.callback_states import states_of
from kerasched.resuming.data_state import DataState
from kerasched.resuming.encoding import decode
from kerasched.resuming.encoding import encode
from kerasched.training import progress

X = np.arange(24.0, dtype="float32").reshape(12, 2)
Y = X.sum(axis=1, keepdims=True)


EAGER = {"run_eagerly": True, "jit_compile": False}  # Tracing would take longer.


def compiled(units=1, **options):
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.layers.Input((2,)), keras.layers.Dense(units)])
    optimizer = keras.optimizers.SGD(1e-3, momentum=0.9)
    model.compile(optimizer, "mse", **{"jit_compile": JIT, **options})
    return model


def fit(model, *callbacks, epochs=3, **arguments):
    data = {"x": X, "y": Y, "batch_size": 4, **arguments}
    return model.fit(epochs=epochs, verbose=0, callbacks=list(callbacks), **data)


def backup_in(folder, **arguments):
    return BackupAndRestore(folder, delete_checkpoint=False, **arguments)


class Dataset(keras.utils.PyDataset):
    def __len__(self):
        return 3

    def __getitem__(self, index):
        return X[4 * index : 4 * index + 4], Y[4 * index : 4 * index + 4]


class Copies(Dataset):
    """A dataset whose targets are its inputs."""

    def __getitem__(self, index):
        x, _ = super().__getitem__(index)
        return x, x


class Asked(Dataset):
    """A dataset with `get_state` and `set_state`."""

    def __init__(self):
        super().__init__()
        self.ends, self.given = 0, None

    def get_state(self):
        return {"ends": self.ends, "order": np.arange(3)}

    def set_state(self, state):
        self.given = state

    def on_epoch_end(self):
        self.ends += 1


class Iterates(Dataset):
    def __init__(self):
        super().__init__()
        self.numbers = iter(range(99))


class Opaque(Dataset):
    def __init__(self):
        super().__init__()
        self.past = {0}

    def on_epoch_end(self):
        self.past = {*self.past, len(self.past)}


class Mixed(Dataset):
    """A dataset with a dict of a function and a number that changes."""

    def __init__(self):
        super().__init__()
        self.settings = {"epoch": 0, "scale": lambda x: 2.0 * x}

    def on_epoch_end(self):
        self.settings["epoch"] += 1


class Streams(Dataset):
    def __init__(self):
        super().__init__()
        self.streams = [(number for number in range(99))]


class Furnished(Dataset):
    """A dataset with many constant attributes that cannot be saved, and a counter."""

    def __init__(self):
        super().__init__()
        self.ends = 0
        self.tools = {"function": lambda x: x, "module": np, "class": Dataset}
        self.partly = functools.partial(self.tools["function"], 1)
        self.method, self.lock = self.on_epoch_end, threading.Lock()
        self.nested, self.layers = [self.lock, {"all": self}], [keras.layers.Dense(1)]
        self.file = h5py.File(io.BytesIO(), "w")
        self.rows = self.file.create_dataset("rows", data=X)
        self.pool = concurrent.futures.ThreadPoolExecutor(2)

    def __getitem__(self, index):
        x, y = super().__getitem__(index)
        rows = self.pool.submit(lambda: self.rows[4 * index : 4 * index + 4])
        return 0.5 * (x + rows.result()), y

    def on_epoch_end(self):
        self.ends += 1


@pytest.mark.host
@pytest.mark.parametrize(
    ("arguments", "error", "text"),
    [
        ({"backup_dir": ""}, ValueError, "`backup_dir` of BackupAndRestore must be no"),
        ({"backup_dir": 3}, TypeError, "must be a path. Received: backup_dir=3"),
        ({"save_freq": 10}, ValueError, "give fit a steps_per_epoch"),
        ({"save_freq": "batch"}, ValueError, "save_freq='batch'"),
        ({"delete_checkpoint": "yes"}, TypeError, "must be True or False"),
    ],
)
def test_arguments(arguments, error, text, tmp_path):
    with pytest.raises(error, match=text):
        BackupAndRestore(**{"backup_dir": tmp_path, **arguments})


def test_the_files_are_deleted_at_the_end_and_nothing_else(tmp_path):
    folder = tmp_path / "run"
    fit(compiled(), BackupAndRestore(folder))
    assert not folder.exists()
    folder.mkdir()
    (folder / "notes.txt").touch()
    fit(compiled(), BackupAndRestore(folder))
    assert [path.name for path in folder.iterdir()] == ["notes.txt"]


@pytest.mark.parametrize(("double", "names"), [(True, [3, 2]), (False, [3])])
def test_the_last_files_are_kept(double, names, tmp_path):
    fit(compiled(), backup_in(tmp_path, double_checkpoint=double))
    found = sorted((path.name for path in tmp_path.iterdir()), reverse=True)
    assert found == [f"epoch-{number:06d}.run" for number in names]


def test_the_history_has_all_epochs_and_their_rates(tmp_path):
    fit(compiled(), backup_in(tmp_path), epochs=1)
    backup = backup_in(tmp_path)
    history = fit(compiled(), backup)
    assert [one["epoch"] for one in backup.record] == [0, 1, 2]
    assert [one["logs"]["loss"] for one in backup.record] == history.history["loss"]
    assert all(list(one["rates"]) == ["learning_rate"] for one in backup.record)
    assert history.epoch == [0, 1, 2]


def test_the_next_fit_begins_at_its_initial_epoch(tmp_path):
    fit(compiled(), backup_in(tmp_path), epochs=2)
    model = compiled()
    fit(model, backup_in(tmp_path), epochs=3)
    assert fit(model, epochs=2).epoch == [0, 1]
    model = compiled()
    fit(model, backup_in(tmp_path), epochs=3)  # No epoch is left.
    assert fit(model, epochs=2).epoch == [0, 1]


def test_a_stopped_run_does_not_resume_training(tmp_path):
    results = []
    for _ in range(2):
        stopping = keras.callbacks.EarlyStopping(
            "loss", baseline=-1.0, patience=2, restore_best_weights=True
        )
        model = compiled()
        with warnings.catch_warnings():
            # A stopped run has fewer steps than nine epochs, which causes no warning.
            warnings.filterwarnings("error", "BackupAndRestore")
            history = fit(model, stopping, backup_in(tmp_path), epochs=9)
        results.append((history.epoch, [w.tolist() for w in model.get_weights()]))
    assert results[0][0] == [0, 1]
    assert results[1] == results[0]


def adam(**options):
    return keras.optimizers.Adam(kerasched.LinearDecay(0.1, 30), **options)


def multi():
    made = []

    def next_one(variable):
        made.append(kerasched.SGD(0.01, momentum=0.9) if made else adam())
        return made[-1]

    return keras.optimizers.MultiOptimizer(next_one)


OPTIMIZERS = {
    "adam": adam,
    "accumulation over epochs": lambda: adam(gradient_accumulation_steps=4),
    "averages": lambda: kerasched.SGD(0.01, use_ema=True, ema_momentum=0.9),
    "fused accumulation": lambda: kerasched.SGD(
        0.01, momentum=0.9, gradient_accumulation_steps=4
    ),
    "loss scale": lambda: keras.optimizers.LossScaleOptimizer(adam()),
    "fused loss scale": lambda: keras.optimizers.LossScaleOptimizer(
        kerasched.SGD(0.01, momentum=0.9), initial_scale=4.0, dynamic_growth_steps=2
    ),
    "multi": multi,
}


class Crash(keras.callbacks.Callback):
    def on_epoch_end(self, epoch, logs=None):
        if epoch == 2:
            raise InterruptedError


# The other optimizers contain the same state and more.
PLAINER = ("adam", "loss scale", "fused accumulation")
EACH_OPTIMIZER = [
    pytest.param(name, marks=[pytest.mark.slow] * (name in PLAINER))
    for name in OPTIMIZERS
]


@pytest.mark.parametrize("name", EACH_OPTIMIZER)
def test_a_run_resumes_with_any_optimizer(name, tmp_path):
    ends = []
    for folder, also in (("whole", []), ("died", [Crash()]), ("died", [])):
        model = compiled()
        # XLA compiles slowly in TensorFlow: one case, of two optimizers, is enough.
        options = {"jit_compile": "auto" if name == "multi" else JIT}
        options["steps_per_execution"] = 1 if BACKEND == "torch" else 2
        model.compile(OPTIMIZERS[name](), "mse", **options)
        with contextlib.suppress(InterruptedError):
            fit(model, backup_in(tmp_path / folder), *also, epochs=5)
        every = [*model.variables, *model.optimizer.variables]
        values = (np.asarray(keras.ops.convert_to_numpy(v.value)) for v in every)
        ends.append([value.tobytes() for value in values])
    assert ends[2] == ends[0] != ends[1]


def test_another_model_is_refused_and_not_changed(tmp_path):
    fit(compiled(), backup_in(tmp_path))
    model = compiled(units=2)
    before = model.get_weights()
    with pytest.raises(ValueError, match="The model is not the one that was saved: "):
        fit(model, backup_in(tmp_path))
    np.testing.assert_equal(model.get_weights(), before)


@pytest.mark.skipif(
    BACKEND != "tensorflow", reason="other backends build the optimizer before the step"
)
def test_a_model_without_weights_is_refused(tmp_path):
    model = keras.Sequential([keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    with pytest.raises(ValueError, match="must be a model with weights"):
        fit(model, backup_in(tmp_path))


def test_a_missing_callback_is_named(tmp_path):
    fit(compiled(), backup_in(tmp_path), keras.callbacks.EarlyStopping("loss"))
    with pytest.warns(UserWarning, match="callback EarlyStopping which is not there"):
        fit(compiled(), backup_in(tmp_path), epochs=4)


def test_changed_data_cause_a_warning(tmp_path):
    fit(compiled(), backup_in(tmp_path), epochs=1)
    with pytest.warns(UserWarning, match="finds other data in fit"):
        fit(compiled(), backup_in(tmp_path), epochs=2, x=X + 1.0)


@pytest.mark.parametrize("kind", ["sparse", "tensor", "lists", "scalar"])
def test_any_kind_of_array_has_a_fingerprint(kind):
    import tensorflow

    class Unreadable:
        shape = (3, 2)

    made = {
        "sparse": lambda: tensorflow.sparse.from_dense(X),
        "tensor": lambda: keras.ops.convert_to_tensor(X),
        "lists": lambda: {"a": [X, Y]},
        "scalar": Unreadable,
    }[kind]
    state = DataState(made(), (Y, None), True)
    assert state.fingerprint == DataState(made(), (Y, None), True).fingerprint
    assert state.fingerprint != DataState(made(), (Y + 1.0, None), True).fingerprint


def warnings_of(tmp_path, **arguments):
    """Return the warnings of two runs, the second of which resumes the first."""
    data = arguments.pop("data", {})
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for epochs in (2, 4):
            backup = backup_in(tmp_path, **arguments)
            fit(compiled(**EAGER), backup, epochs=epochs, **data())
    texts = (str(one.message) for one in caught)
    return [text for text in texts if text.startswith("BackupAndRestore")]


SOURCE = {"y": None, "batch_size": None}


def test_data_whose_state_is_known_cause_no_warning(tmp_path):
    assert not warnings_of(tmp_path / "arrays", data=dict)
    assert not warnings_of(tmp_path / "set", data=lambda: {"x": Dataset(), **SOURCE})
    asked = Asked()
    assert not warnings_of(tmp_path / "asked", data=lambda: {"x": asked, **SOURCE})
    assert asked.given["order"].tolist() == [0, 1, 2]


def test_constant_attributes_of_a_dataset_cause_no_warning(tmp_path):
    assert not warnings_of(tmp_path, data=lambda: {"x": Furnished(), **SOURCE})


@pytest.mark.host
@pytest.mark.parametrize(
    ("source", "text", "times"),
    [
        (Iterates, "cannot save `numbers` of Iterates, an iterator", 2),
        (Streams, "cannot save `streams` of Streams, which holds an iterator", 2),
        (Opaque, "cannot save `past` of Opaque, which changes", 2),
        (Mixed, "cannot save `settings` of Mixed, which changes", 2),
        (lambda: (pair for pair in [(X, Y)] * 99), "the order of a builtins.gen", 2),
    ],
)
def test_data_with_inaccessible_state_are_named_once(source, text, times, tmp_path):
    steps = {} if isinstance(source, type) else {"steps_per_epoch": 3}
    messages = warnings_of(tmp_path, data=lambda: {"x": source(), **SOURCE, **steps})
    assert len(messages) == times
    assert all(text in one for one in messages)


@pytest.mark.host
@pytest.mark.parametrize(
    ("source", "text"),
    [
        (Iterates, "cannot save `numbers` of Iterates (validation data), an iterator"),
        (Opaque, "cannot save `past` of Opaque (validation data), which changes"),
        (
            lambda: (pair for pair in [(X, Y)] * 99),
            "cannot see the order of a builtins.generator (validation data): the run",
        ),
    ],
)
def test_validation_data_with_inaccessible_state_are_named(source, text, tmp_path):
    def data():
        return {"validation_data": source(), "validation_steps": 2}

    messages = warnings_of(tmp_path, data=data)
    assert len(messages) == 2  # One in each of the two runs.
    assert all(text in one for one in messages)


@pytest.mark.host
@pytest.mark.parametrize("data", [(X, Y), [X, Y], (X, Y, Y[:, 0]), Dataset(), Asked()])
def test_changed_stateless_validation_data_cause_no_warning(data, tmp_path):
    arguments = {"validation_data": data, "validation_steps": 2}
    assert not warnings_of(tmp_path, data=lambda: arguments)


@pytest.mark.parametrize("validation", [{"validation_data": (X, Y)}, {}])
def test_changed_validation_data_cause_a_warning(validation, tmp_path):
    fit(compiled(), backup_in(tmp_path), epochs=1, **validation)
    other = {"validation_data": (X, Y + 1.0)}
    with pytest.warns(UserWarning, match="finds other data in fit"):
        fit(compiled(), backup_in(tmp_path), epochs=2, **other)


@pytest.mark.parametrize("data", [(X, X), Copies()])
def test_keras_begins_each_validation_at_the_start_of_its_data(data):
    model = keras.Sequential([keras.layers.Input((2,)), keras.layers.Rescaling(0.0)])
    model.compile("sgd", "mae", jit_compile=JIT)
    steps = {"validation_batch_size": 4, "validation_steps": 2}
    history = fit(model, y=X, validation_data=data, **steps).history
    # Each epoch uses the first 8 of 12 rows, which contain the numbers up to 15.
    assert history["val_loss"] == [7.5] * 3


def test_the_check_of_the_data_can_be_disabled(tmp_path):
    source = lambda: {"x": Iterates(), **SOURCE}  # noqa: E731
    assert not warnings_of(tmp_path, data=source, check_data=False)


class Augmented(Dataset):
    """A dataset that applies dropout and adds random numbers from a seed generator."""

    def __init__(self):
        super().__init__()
        self.dropout = keras.layers.Dropout(0.5, seed=3)
        self.scale = keras.layers.Rescaling(0.5)
        self.seeds = keras.random.SeedGenerator(5)

    def __getitem__(self, index):
        x, y = super().__getitem__(index)
        noise = keras.random.uniform(x.shape, seed=self.seeds)
        x = self.scale(self.dropout(x, training=True)) + noise
        return keras.ops.convert_to_numpy(x), y


def test_layers_and_seed_generators_of_a_dataset_resume(tmp_path):
    ends_alike(tmp_path, Augmented)


def ends_alike(tmp_path, dataset):
    """Check that a run that crashed and resumed has the weights of one that did not."""
    ends = []
    for folder, epochs in (("whole", 4), ("died", 2), ("died", 4)):
        model = compiled()
        data = {"x": dataset(), **SOURCE}
        with warnings.catch_warnings():
            warnings.filterwarnings("error", ".*BackupAndRestore")
            fit(model, backup_in(tmp_path / folder), epochs=epochs, **data)
        ends.append(np.concatenate([w.ravel() for w in model.get_weights()]).tolist())
    assert ends[2] == ends[0] != ends[1]


class Noisy(Dataset):
    """A dataset that adds random numbers from a torch generator."""

    def __init__(self):
        import torch

        super().__init__()
        self.generator = torch.Generator().manual_seed(5)

    def __getitem__(self, index):
        import torch

        x, y = super().__getitem__(index)
        return x + torch.rand(x.shape, generator=self.generator).numpy(), y


@pytest.mark.skipif(BACKEND != "torch", reason="only the torch backend loads torch")
def test_a_torch_generator_resumes(tmp_path):
    ends_alike(tmp_path, Noisy)


class Counting(Dataset):
    """A dataset that changes at the end of an epoch and has two loading threads."""

    def __init__(self):
        super().__init__(workers=2)
        self.ends = 0

    def on_epoch_end(self):
        self.ends += 1


def test_a_dataset_that_changes_during_prefetching_causes_a_warning(tmp_path):
    data = {"x": Counting(), **SOURCE}
    assert not warnings_of(tmp_path / "whole", data=lambda: data)
    messages = warnings_of(
        tmp_path / "by steps", data=lambda: {**data, "steps_per_epoch": 2}
    )
    assert len(messages) == 2
    assert "cannot repeat which batches of Counting are drawn" in messages[0]


@pytest.mark.host
@pytest.mark.parametrize("verbose", [0, 1])
def test_skipped_epochs_show_progress_unless_fit_is_silent(
    verbose, tmp_path, monkeypatch, capsys
):
    monkeypatch.setattr(progress, "SECONDS_BEFORE_PROGRESS", 0.0)
    for epochs in (2, 3):
        options = {"steps_per_epoch": 1, "epochs": epochs, "verbose": verbose}
        options["callbacks"] = [backup_in(tmp_path)]
        compiled(**EAGER).fit(Dataset(), shuffle=False, **options)
    shown = "Skipping the data of 2 epochs:" in capsys.readouterr().out
    assert shown == bool(verbose)


@pytest.mark.skipif(
    BACKEND != "tensorflow", reason="other backends shuffle from a saved random state"
)
def test_shuffling_without_a_seed_causes_a_warning_on_tensorflow(tmp_path):
    import tensorflow

    model = compiled()
    tensorflow.random.set_seed(None)
    with pytest.warns(UserWarning, match="Call keras.utils.set_random_seed before"):
        fit(model, backup_in(tmp_path))


def mapped(optimizers):
    return lambda: keras.optimizers.MultiOptimizer(
        keras.optimizers.OptimizerMap(adam(), {name: adam() for name in optimizers})
    )


def scaled():
    return keras.optimizers.LossScaleOptimizer(adam())


BY_STEPS = {"steps_per_epoch": 3}
COUNTS = [
    (0, 0, False, adam, {}),
    (0, 2, True, adam, {}),
    (6, 0, True, adam, {}),
    (6, 2, False, adam, BY_STEPS),
    (3, 5, True, adam, BY_STEPS),
    (6, 2, False, multi, {}),
    (5, 2, True, multi, {}),
    (6, 2, False, mapped([".*bias"]), {}),
    (5, 2, True, mapped([".*bias"]), {}),
    # The default optimizer gets no variables.
    (6, 2, False, mapped([".*"]), {}),
    (5, 2, True, mapped([".*"]), {}),
    # A skipped step with non-finite gradients is not counted.
    (5, 2, False, scaled, {}),
    (7, 2, True, scaled, {}),
    (0, 2, True, scaled, {}),
]
COUNTS_ON_THE_HOST = [pytest.param(*case, marks=pytest.mark.host) for case in COUNTS]


@pytest.mark.parametrize(
    ("steps", "initial_epoch", "warns", "made", "arguments"),
    [
        (6, 2, False, adam, {}),
        (5, 2, True, adam, {}),
        *COUNTS_ON_THE_HOST,
    ],
)
def test_a_step_count_that_does_not_match_the_epoch_causes_a_warning(
    steps, initial_epoch, warns, made, arguments, tmp_path
):
    model = compiled()
    model.compile(made(), "mse", **EAGER)
    for _ in range(steps):
        model.train_on_batch(X[:4], Y[:4])
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        options = {"epochs": initial_epoch + 1, **arguments}
        fit(model, backup_in(tmp_path), initial_epoch=initial_epoch, **options)
    texts = [str(one.message) for one in caught if "is step" in str(one.message)]
    assert len(texts) == warns
    if warns:
        expected = f"begins at epoch {initial_epoch}, which is step {3 * initial_epoch}"
        assert expected in texts[0]
        assert f"has done {steps} steps" in texts[0]


def test_the_state_of_a_custom_callback_is_saved():
    class Own(keras.callbacks.Callback):
        count, sums = 0, None

        def get_state(self):
            return {"count": self.count}

        def set_state(self, state):
            self.count = state["count"]

        def get_arrays(self):
            return {"sums": self.sums}

        def set_arrays(self, arrays):
            self.sums = arrays["sums"]

    first, second = Own(), Own()
    first.count, first.sums = 3, np.arange(2.0)
    second.count, second.sums = 4, np.arange(3.0)
    arrays = {}
    states = states_of([first, second, keras.callbacks.Callback()], arrays)
    assert list(states) == ["Own", "Own#2"]
    others = [Own(), Own()]
    assert set_states(others, {**states, "Gone": {"dict": []}}, arrays) == ["Gone"]
    assert [one.count for one in others] == [3, 4]
    assert others[1].sums.tolist() == [0.0, 1.0, 2.0]


def test_values_are_the_same_when_encoded_and_decoded():
    import random

    value = {
        "numbers": [1, 0.1, None, True, (2, "a")],
        3: {"nested": np.arange(3, dtype="int8")},
        "python": random.Random(3),
        "new": np.random.default_rng(3),
        "old": np.random.RandomState(3),
    }
    arrays = {}
    found = decode(encode(value, arrays, "value"), arrays)
    assert found["numbers"] == value["numbers"]
    assert found[3]["nested"].dtype == "int8"
    assert found["python"].random() == value["python"].random()
    assert found["new"].random() == value["new"].random()
    assert found["old"].rand() == value["old"].rand()
    with pytest.raises(TypeError, match="value/1 is of <class 'set'>"):
        encode([1, {2}], {}, "value")
    with pytest.raises(TypeError, match="value is of <class 'numpy.ndarray'>"):
        encode(np.zeros(2, [("age", "i4"), ("name", "U8")]), {}, "value")


def test_keras_has_the_attributes_that_are_its_state(tmp_path):
    made = {
        keras.callbacks.EarlyStopping: {},
        keras.callbacks.History: {},
        keras.callbacks.ReduceLROnPlateau: {},
        keras.callbacks.ModelCheckpoint: {"filepath": tmp_path / "m.keras"},
        keras.callbacks.SwapEMAWeights: {},
    }
    assert set(made) == set(ATTRIBUTES)
    for kind, arguments in made.items():
        callback = kind(**arguments)
        callback.set_model(compiled())
        if kind is not keras.callbacks.SwapEMAWeights:
            callback.on_train_begin()
        for name in ATTRIBUTES[kind]:
            assert hasattr(callback, name), (kind, name)


def test_keras_has_the_private_names_that_are_used(tmp_path):
    class Look(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            fit = next(o for o in others if isinstance(o, BackupAndRestore))._fit
            assert hasattr(self.model, "_initial_epoch")
            for name in ("_steps_seen", "_current_iterator", "_get_iterator"):
                assert hasattr(fit._iterator, name), name

    others = [backup_in(tmp_path)]
    fit(compiled(), *others, Look(), steps_per_epoch=3)
