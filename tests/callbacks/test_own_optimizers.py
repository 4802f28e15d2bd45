"""Callbacks with a model that has its own optimizers and train step."""

import json
import zipfile

import keras
import numpy as np
import pytest
from own_step import Two
from own_step import X
from own_step import Y
from own_step import fit
from own_step import new_model
from own_step import sgd
from own_step import updates
from own_step import values_of
from support import BACKEND

import kerasched
from kerasched import CosineDecay
from kerasched import StepDecay
from kerasched.callbacks import BackupAndRestore
from kerasched.callbacks import EpochSchedule
from kerasched.callbacks import LearningRateFinder
from kerasched.callbacks import LearningRateLogger
from kerasched.callbacks import ReduceOnPlateau
from kerasched.training.model_contents import every_variable


class Plain:
    """An object whose attributes Keras does not track."""

    def __init__(self):
        self.counts = {"epochs": keras.Variable(0.0, trainable=False)}
        self.metric = keras.metrics.Sum()
        self.seeds = keras.random.SeedGenerator(3)


class Furnished(Two):
    def __init__(self):
        super().__init__()
        self.plain = Plain()
        self.seen = [keras.Variable(0, dtype="int32", trainable=False)]


class Counts(keras.callbacks.Callback):
    """Changes all state of a Furnished model."""

    def on_epoch_end(self, epoch, logs=None):
        plain = self.model.plain
        plain.counts["epochs"].assign_add(1.0)
        plain.metric.update_state(float(epoch))
        self.model.seen[0].assign_add(1)
        keras.random.normal((2,), seed=plain.seeds)


def several(rate):
    return keras.optimizers.MultiOptimizer(
        keras.optimizers.OptimizerMap(sgd(rate), {".*kernel": sgd(rate / 2)})
    )


def scaled(optimizer):
    return keras.optimizers.LossScaleOptimizer(optimizer, 1.0)


PAIRS = {
    "schedules": lambda: (sgd(StepDecay(0.05, 6)), sgd(CosineDecay(0.02, 16))),
    "ours": lambda: (kerasched.SGD(0.05, momentum=0.9), keras.optimizers.Adam(0.01)),
    "one": lambda: (sgd(StepDecay(0.05, 6)),),
    "several": lambda: (several(0.05), several(0.02)),
    "scaled": lambda: (scaled(sgd(0.05)), sgd(0.02)),
}


def all_of(model):
    """Return the values of all variables except Keras's unused default optimizer's."""
    unused = {id(v) for v in model.optimizer.variables}
    every = [v for v in every_variable(model) if id(v) not in unused]
    return [keras.ops.convert_to_numpy(v.value) for v in every]


def restarted(pair, folder, built=(True, True), **options):
    """Return the final state of a run that was restarted after two epochs."""
    for build, epochs in zip(built, (2, 4), strict=True):
        model = new_model(*PAIRS[pair](), kind=Furnished, build=build, **options)
        back = BackupAndRestore(folder, delete_checkpoint=False)
        fit(model, Counts(), back, epochs=epochs)
    return model


def unbroken(pair, **options):
    model = new_model(*PAIRS[pair](), kind=Furnished, **options)
    fit(model, Counts(), epochs=4)
    return model


def assert_same(one, other):
    first, second = all_of(one), all_of(other)
    assert len(first) == len(second)
    for a, b in zip(first, second, strict=True):
        np.testing.assert_array_equal(a, b)
    counts = [[updates(o) for _, o in each.pairs()] for each in (one, other)]
    assert counts[0] == counts[1]


@pytest.mark.parametrize("pair", PAIRS)
def test_a_run_resumes_with_all_state_of_its_model(pair, tmp_path):
    model = restarted(pair, tmp_path)
    assert_same(model, unbroken(pair))
    assert float(model.plain.counts["epochs"].value) == 4.0
    assert float(model.plain.metric.result()) == 0 + 1 + 2 + 3
    assert int(model.seen[0].value) == 4


@pytest.mark.skipif(
    BACKEND == "jax", reason="JAX needs optimizers that are built before the step"
)
@pytest.mark.parametrize(
    ("pair", "built"),
    [
        ("schedules", (False, False)),
        ("schedules", (True, False)),
        ("schedules", (False, True)),
        ("several", (False, False)),
    ],
)
def test_restored_optimizers_are_built_as_before(pair, built, tmp_path):
    assert_same(restarted(pair, tmp_path, built), unbroken(pair))


def test_the_optimizer_of_compile_may_train_with_others(tmp_path):
    given = {"optimizer": "adam"}
    model = restarted("schedules", tmp_path, **given)
    assert_same(model, unbroken("schedules", **given))


def test_a_file_contains_no_variable_twice(tmp_path):
    model = restarted("several", tmp_path)
    (newest, _) = sorted(tmp_path.iterdir(), reverse=True)
    with zipfile.ZipFile(newest) as archive:
        names = json.loads(archive.read("state.json"))["arrays"]
    owners = ("model:", "optimizer", "metric:", "variable:")
    found = sum(name.startswith(owners) for name in names)
    loss = [v for v in every_variable(model) if v.path.startswith("loss/")]
    # Without the variables of the loss, which fit resets.
    assert found == len(every_variable(model)) - len(loss)


def rewritten(path, change):
    """Change the JSON in a backup file."""
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    content = json.loads(members["state.json"])
    change(content)
    members["state.json"] = json.dumps(content)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for name, member in members.items():
            archive.writestr(name, member)


def as_earlier(content):
    content["state"].pop("built_on")
    for name in [n for n in content["arrays"] if n.startswith("optimizer ")]:
        del content["arrays"][name]


@pytest.mark.parametrize("pretrained", [False, True])
def test_a_file_of_an_earlier_version_is_read(pretrained, tmp_path):
    def compiled():
        keras.utils.set_random_seed(0)
        inner = keras.Sequential([keras.layers.Input((3,)), keras.layers.Dense(1)])
        model = keras.Sequential([keras.layers.Input((3,)), inner])
        model.compile(sgd(0.05), "mse")
        if pretrained:
            inner.compile("adam", "mse")
        return model

    whole, first, second = compiled(), compiled(), compiled()
    fit(whole, epochs=4)
    fit(first, BackupAndRestore(tmp_path, delete_checkpoint=False), epochs=2)
    for path in tmp_path.iterdir():
        rewritten(path, as_earlier)
    fit(second, BackupAndRestore(tmp_path), epochs=4)
    ends = (values_of(model.optimizer) for model in (whole, second))
    for a, b in zip(*ends, strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_missing_optimizer_raises(tmp_path):
    fit(new_model(), BackupAndRestore(tmp_path, delete_checkpoint=False), epochs=2)
    text = "not the one that was saved: optimizer b_opt:.* is not there in the model"
    with pytest.raises(ValueError, match=text):
        fit(new_model(sgd(0.05)), BackupAndRestore(tmp_path), epochs=4)


def test_an_optimizer_without_steps_causes_a_warning(tmp_path):
    model = new_model()
    with pytest.warns(UserWarning, match="begins at epoch 1, which is step 4, but sgd"):
        fit(model, BackupAndRestore(tmp_path), initial_epoch=1, epochs=2)


AMBIGUOUS = {
    "ReduceOnPlateau": lambda: ReduceOnPlateau("loss"),
    "EpochSchedule": lambda: EpochSchedule(lambda epoch: 0.1),
    "LearningRateFinder": lambda: LearningRateFinder(X, Y),
    "find_learning_rate": lambda: LearningRateFinder(X, Y, update=False),
}


@pytest.mark.parametrize("owner", AMBIGUOUS)
def test_an_ambiguous_rate_is_refused_before_the_first_epoch(owner):
    model = new_model()
    text = (
        rf"Argument `optimizer` of {owner} must be the only one .*optimizer=\['a_opt', "
        r"'b_opt'\].*set_schedule\(model, {'a_opt': rate, 'b_opt': rate}\)"
    )
    with pytest.raises(ValueError, match=text):
        fit(model, AMBIGUOUS[owner]())
    assert updates(model.a_opt) == 0


def test_the_rate_of_the_only_custom_optimizer_is_reduced():
    model = new_model(keras.optimizers.SGD(0.5), jit_compile=False)
    fit(model, ReduceOnPlateau("loss", 0.5, 1, min_delta=1e9), epochs=3)
    # Reduced after the second and the third epoch.
    assert float(model.a_opt.learning_rate) == 0.125


def test_restoring_the_best_epoch_includes_the_momentum():
    model = new_model(sgd(0.05))
    seen = []

    class Note(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            _ = self.model
            seen.append([model.a.get_weights(), values_of(model.a_opt)[2:]])
            logs["score"] = -float(epoch)

    plateau = ReduceOnPlateau("score", 0.5, 1, mode="max", restore_best_weights=True)
    fit(model, Note(), plateau, epochs=2)
    now = [model.a.get_weights(), values_of(model.a_opt)[2:]]
    for best, last, found in zip(seen[0][1], seen[1][1], now[1], strict=True):
        np.testing.assert_array_equal(best, found)
        assert not np.array_equal(best, last)


def test_the_rate_of_the_only_custom_optimizer_follows_the_epochs():
    model = new_model(sgd(0.05))
    fit(model, EpochSchedule(lambda epoch: 0.5 / (epoch + 1)), epochs=2)
    assert float(model.a_opt.learning_rate) == 0.25


def test_a_rate_is_found_for_the_only_custom_optimizer():
    model = new_model(sgd(0.05))
    finder = LearningRateFinder(X, Y, batch_size=8, verbose=0)
    fit(model, finder)
    assert finder.result.suggestion is not None
    found = float(keras.ops.convert_to_numpy(model.a_opt.learning_rate))
    assert found == pytest.approx(finder.result.suggestion)


NAMES = {
    "one": ["learning_rate"],
    "schedules": ["learning_rate_a_opt", "learning_rate_b_opt"],
    "scaled": ["learning_rate_a_opt", "learning_rate_b_opt"],
}


@pytest.mark.parametrize("pair", NAMES)
def test_each_rate_is_logged_by_its_attribute(pair):
    model = new_model(*PAIRS[pair]())
    logs = fit(model, LearningRateLogger(every=1), epochs=2).history
    assert [name for name in logs if name.startswith("learning_rate")] == NAMES[pair]


def test_a_logged_rate_is_that_of_its_optimizer():
    logs = fit(new_model(*PAIRS["schedules"]()), LearningRateLogger(), epochs=2).history
    # With epochs of 4 steps, the last steps are 3 and 7.
    a, b = StepDecay(0.05, 6), CosineDecay(0.02, 16)
    for name, schedule in (("a_opt", a), ("b_opt", b)):
        expected = [float(schedule.evaluate(step)) for step in (3, 7)]
        assert logs[f"learning_rate_{name}"] == expected


def test_rates_inside_a_custom_optimizer_have_names_of_two_parts():
    logs = fit(new_model(*PAIRS["several"]()), LearningRateLogger()).history
    names = [name for name in logs if name.startswith("learning_rate")]
    assert len(set(names)) == 4
    assert [name[:19] for name in names] == ["learning_rate_a_opt"] * 2 + [
        "learning_rate_b_opt"
    ] * 2
