"""A run that dies anywhere and is started again ends with the same bits."""

import io
import shutil
import warnings

import keras
import numpy as np
import pytest
from support import BACKEND

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

# TensorFlow draws batches of a dataset ahead, while the end of an epoch changes it.
LEFT_OUT = {"tensorflow": ("dataset by steps",)}.get(BACKEND, ("tf.data",))
AVAILABLE = [kind for kind in (*KINDS, *WITHIN_DATA) if not kind.startswith(LEFT_OUT)]
# JAX runs the first. "tf.data by steps" is resumed within the dataset as well.
SLOW = ("arrays by steps", "tf.data") if BACKEND == "tensorflow" else ()


class CrashError(Exception):
    pass


class Crash(keras.callbacks.Callback):
    """Die in the middle of an epoch."""

    def __init__(self, epoch):
        super().__init__()
        self.at = epoch

    def on_epoch_begin(self, epoch, logs=None):
        self.now = epoch

    def on_train_batch_end(self, batch, logs=None):
        if self.now == self.at and batch == 1:
            raise CrashError


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """What comes out of a run that does not die, by the kind of its data."""
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
def died(tmp_path_factory):
    """The folder of a run that died in its fifth epoch, by the kind of its data."""
    known = {}

    def of(kind):
        if kind not in known:
            known[kind] = tmp_path_factory.mktemp("died")
            crash(kind, known[kind], 4)
        return known[kind]

    return of


@pytest.mark.parametrize(
    "kind",
    [
        pytest.param(kind, marks=[pytest.mark.slow] * (kind in SLOW))
        for kind in AVAILABLE
    ],
)
def test_a_run_that_dies_and_goes_on_ends_with_the_same_bits(
    kind, whole, died, tmp_path
):
    shutil.copytree(died(kind), tmp_path, dirs_exist_ok=True)
    if kind == "arrays":
        crash(kind, tmp_path, 5)
    (tmp_path / "epoch-000006.part").write_bytes(b"begun")  # A write that was cut off.
    with warnings.catch_warnings():
        warnings.filterwarnings("error", ".*BackupAndRestore")
        ended = train(kind, tmp_path)
    assert ended == whole(kind)


def test_a_dataset_has_another_order_in_each_epoch(whole):
    record = whole("dataset")["record"]
    assert len({one["logs"]["order"] for one in record}) == len(record)


def test_each_epoch_drops_something_else():
    keras.utils.set_random_seed(3)
    model = make_model(peak=0.0)  # So that nothing else changes.
    history = model.fit(X, Y, BATCH, epochs=4, shuffle=False, verbose=0).history
    assert len(set(history["loss"])) == 4


def test_fit_shuffles_arrays_anew_in_each_epoch_but_on_tensorflow(whole):
    # With a seed Keras's order is the same in every epoch there: docs/callbacks.md.
    orders = {one["logs"]["order"] for one in whole("arrays")["record"]}
    assert len(orders) == (1 if BACKEND == "tensorflow" else 8)


class CrashAtTheEnd(keras.callbacks.Callback):
    """Die when all epochs are saved, before the run has ended."""

    def on_train_end(self, logs=None):
        raise CrashError


@pytest.mark.parametrize("order", ["backup first", "backup last"])
def test_the_place_in_the_list_does_not_matter_in_an_epoch_and_at_the_end(
    order, whole, tmp_path
):
    names = ["averaging", "plateau", "logger", "stopping", "draws"]
    names.insert(0 if order == "backup first" else 5, "backup")
    for crashes in (Crash(4), CrashAtTheEnd()):
        with pytest.raises(CrashError):
            train("arrays", tmp_path, also=[crashes], order=names)
    assert train("arrays", tmp_path, order=names) == whole("arrays")


@pytest.fixture(scope="module")
def fresh():
    """What a run has at its beginning: variables and generators."""
    keras.utils.set_random_seed(3)
    model = make_model()
    build_optimizer(model)
    return list(arrays_of(model).values()), random_states()


def leave_out(item, state, arrays, fresh):
    """Take one item out of a saved run, as if it had not been saved."""
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


# The long run alone leaves out what is saved in the same way as the kernel.
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
def test_to_leave_out_any_saved_item_shows(item, whole, died, fresh, tmp_path):
    kind = "dataset" if item == "data" else "arrays"
    shutil.copytree(died(kind), tmp_path, dirs_exist_ok=True)
    newest = RunFiles(tmp_path).all()[0]
    state, arrays = read(newest)
    assert leave_out(item, state, arrays, fresh)
    with newest.open("wb") as file:
        write(file, state, arrays)
    assert train(kind, tmp_path) != whole(kind)


@pytest.mark.host
def test_a_damaged_file_falls_back_to_the_one_before(whole, died, tmp_path):
    shutil.copytree(died("arrays"), tmp_path, dirs_exist_ok=True)
    newest = RunFiles(tmp_path).all()[0]
    content = bytearray(newest.read_bytes())
    content[len(content) // 2] ^= 1
    newest.write_bytes(content)
    with pytest.warns(UserWarning, match=f"{newest.name} is not whole"):
        ended = train("arrays", tmp_path)
    assert ended == whole("arrays")


@pytest.mark.host
def test_a_file_is_the_same_when_read_and_written(tmp_path):
    arrays = {
        "zeros": np.zeros((2, 3), "float32"),
        "negative zeros": -np.zeros(3),
        "scalar": np.array(3, "int32"),
        "none": np.zeros((0, 2)),
        "reversed": np.arange(6.0)[::-1],
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
