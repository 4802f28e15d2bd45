"""A run that crashes anywhere and resumes ends with bit-identical results."""

import io
import shutil
import warnings

import keras
import numpy as np
import pytest
from support import BACKEND
from support import sampled

from kerasched.resuming.model_state import arrays_of
from kerasched.resuming.random_states import random_states
from kerasched.resuming.run_file import RunFiles
from kerasched.resuming.run_file import read
from kerasched.resuming.run_file import write
from kerasched.training.leaves import build_optimizer
from resuming.training import BATCH
from resuming.training import KINDS
from resuming.training import WITHIN_DATA
from resuming.training import X
from resuming.training import Y
from resuming.training import make_model
from resuming.training import train

# TensorFlow prefetches batches of a PyDataset, which changes at the end of an epoch.
LEFT_OUT = {"tensorflow": ("dataset by steps",)}.get(BACKEND, ("tf.data",))
AVAILABLE = [kind for kind in (*KINDS, *WITHIN_DATA) if not kind.startswith(LEFT_OUT)]
# JAX runs the first. "tf.data by steps" is resumed within the dataset as well.
SLOW = ("arrays by steps", "tf.data") if BACKEND == "tensorflow" else ()


class CrashError(Exception):
    pass


class Crash(keras.callbacks.Callback):
    """Raises in the middle of an epoch."""

    def __init__(self, epoch):
        super().__init__()
        self.at = epoch

    def on_epoch_begin(self, epoch, logs=None):
        self.now = epoch

    def on_train_batch_end(self, batch, logs=None):
        if self.now == self.at and batch == 1:
            raise CrashError


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory):
    """A function that returns the result of an uninterrupted run on a kind of data."""
    known = {}

    def of(kind):
        if kind not in known:
            known[kind] = train(kind, tmp_path_factory.mktemp("whole"))
        return known[kind]

    return of


def crash(kind, folder, epoch):
    with pytest.raises(CrashError):
        train(kind, folder, also=[Crash(epoch)])


@pytest.fixture(scope="module")
def crashed(tmp_path_factory):
    """A function that returns the folder of a run that crashed in its fifth epoch."""
    known = {}

    def of(kind):
        if kind not in known:
            known[kind] = tmp_path_factory.mktemp("died")
            crash(kind, known[kind], 4)
        return known[kind]

    return of


@pytest.mark.parametrize(
    "kind", sampled({kind: (kind,) for kind in AVAILABLE}, {*AVAILABLE} - {*SLOW})
)
def test_a_run_that_crashes_and_resumes_ends_with_the_same_bits(
    kind, uninterrupted, crashed, tmp_path
):
    shutil.copytree(crashed(kind), tmp_path, dirs_exist_ok=True)
    if kind == "arrays":
        crash(kind, tmp_path, 5)
    (tmp_path / "epoch-000006.part").write_bytes(b"begun")  # An interrupted write.
    with warnings.catch_warnings():
        warnings.filterwarnings("error", ".*BackupAndRestore")
        ended = train(kind, tmp_path)
    assert ended == uninterrupted(kind)


def test_a_dataset_has_another_order_in_each_epoch(uninterrupted):
    record = uninterrupted("dataset")["record"]
    assert len({one["logs"]["order"] for one in record}) == len(record)


def test_each_epoch_has_different_dropout():
    keras.utils.set_random_seed(3)
    model = make_model(peak=0.0)  # The weights do not change.
    history = model.fit(X, Y, BATCH, epochs=4, shuffle=False, verbose=0).history
    assert len(set(history["loss"])) == 4


def test_fit_reshuffles_arrays_in_each_epoch_except_on_tensorflow(uninterrupted):
    # On TensorFlow, Keras repeats a seeded order in every epoch: see docs/callbacks.md.
    orders = {one["logs"]["order"] for one in uninterrupted("arrays")["record"]}
    assert len(orders) == (1 if BACKEND == "tensorflow" else 8)


class CrashAtTheEnd(keras.callbacks.Callback):
    """Raises when all epochs are saved, before the run has ended."""

    def on_train_end(self, logs=None):
        raise CrashError


@pytest.mark.parametrize("order", ["backup first", "backup last"])
def test_the_order_of_callbacks_does_not_matter(order, uninterrupted, tmp_path):
    names = ["averaging", "plateau", "logger", "stopping", "draws"]
    names.insert(0 if order == "backup first" else 5, "backup")
    for crashes in (Crash(4), CrashAtTheEnd()):
        with pytest.raises(CrashError):
            train("arrays", tmp_path, also=[crashes], order=names)
    assert train("arrays", tmp_path, order=names) == uninterrupted("arrays")


@pytest.fixture(scope="module")
def fresh():
    """The initial values of a run's variables, and the states of its generators."""
    keras.utils.set_random_seed(3)
    model = make_model()
    build_optimizer(model)
    return list(arrays_of(model).values()), random_states()


def leave_out(item, state, arrays, fresh):
    """Reset one item of a saved run to its initial state, as if it was not saved."""
    kind, _, name = item.partition(" ")
    values, generators = fresh
    if kind == "array":
        chosen = [key for key in arrays if name in key]
        at_start = dict(zip(_variables(arrays), values, strict=True))
        arrays.update({key: at_start[key] for key in chosen})
        return bool(chosen)
    if kind == "generator":
        state["random"][name] = generators[name]
    elif kind == "callback":
        del state["callbacks"][name]
    elif kind == "record":
        state["record"] = []
    elif kind == "data":
        state["data"] = [None]
    return True


def _variables(arrays):
    return [key for key in arrays if key.startswith(("model:", "optimizer:"))]


# The thorough tier also resets arrays that are saved in the same way as the kernel.
ITEMS = ["array kernel", "array iteration", "generator keras"]
ITEMS += [
    pytest.param(f"array {name}", marks=pytest.mark.slow) for name in ("bias", "gamma")
]
ITEMS += [
    pytest.param(f"array {name}", marks=[pytest.mark.slow] * (BACKEND == "tensorflow"))
    for name in ("moving_mean", "seed_generator_state", "momentum")
]
ITEMS += [f"generator {BACKEND}"] * (BACKEND != "jax")
ITEMS += ["data"]
OF_PYTHON = ["generator python", "generator numpy", "record", "callback History"]
OF_PYTHON += ["callback ReduceOnPlateau", "callback EarlyStopping"]
OF_PYTHON += ["callback WeightAveraging"]
ITEMS += [pytest.param(item, marks=pytest.mark.host) for item in OF_PYTHON]


@pytest.mark.parametrize("item", ITEMS)
def test_without_any_one_saved_item_the_result_differs(
    item, uninterrupted, crashed, fresh, tmp_path
):
    kind = "dataset" if item == "data" else "arrays"
    shutil.copytree(crashed(kind), tmp_path, dirs_exist_ok=True)
    newest = newest_file(tmp_path)
    state, arrays = read(newest)
    assert leave_out(item, state, arrays, fresh)
    with newest.open("wb") as file:
        write(file, state, arrays)
    assert train(kind, tmp_path) != uninterrupted(kind)


def newest_file(folder):
    files = RunFiles(folder)
    return files.path(files.epochs()[0])


@pytest.mark.host
def test_a_damaged_file_falls_back_to_the_previous_one(
    uninterrupted, crashed, tmp_path
):
    shutil.copytree(crashed("arrays"), tmp_path, dirs_exist_ok=True)
    newest = newest_file(tmp_path)
    content = bytearray(newest.read_bytes())
    content[len(content) // 2] ^= 1
    newest.write_bytes(content)
    with pytest.warns(UserWarning, match=f"{newest.name} is not whole"):
        ended = train("arrays", tmp_path)
    assert ended == uninterrupted("arrays")


@pytest.mark.host
def test_a_file_is_the_same_when_read_and_written(tmp_path):
    arrays = {
        "zeros": np.zeros((2, 3), "float32"),
        "negative zeros": -np.zeros(3),
        "scalar": np.array(3, "int32"),
        "none": np.zeros((0, 2)),
        "reversed": np.arange(6.0)[::-1],
        "big-endian": np.arange(3, dtype=">f4"),
        "strings": np.array(["a.png", "bc.png"]),
        "bytes": np.array([b"a", b"bcd"]),
        "dates": np.array(["2026-11-29"], "datetime64[D]"),
    }
    arrays["half"] = np.asarray(
        keras.ops.convert_to_numpy(keras.ops.ones(2, "bfloat16"))
    )
    buffer = io.BytesIO()
    write(buffer, {"a": [1, 0.1, None]}, arrays)
    path = tmp_path / "epoch-1.run"
    path.write_bytes(buffer.getvalue())
    state, found = read(path)
    assert state == {"a": [1, 0.1, None]}
    assert list(found) == list(arrays)
    for name, array in arrays.items():
        assert found[name].dtype == array.dtype
        assert found[name].tobytes() == array.tobytes()
        assert found[name].shape == array.shape
