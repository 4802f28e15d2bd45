"""The monitored metric's direction is inferred; a name that never appears raises."""

import re

import keras
import numpy as np
import pytest
from one_weight import sgd
from support import BACKEND

from kerasched.callbacks import ReduceOnPlateau

X = np.array([[0.0], [1.0]], "float32")
# On TensorFlow the first batch builds the metrics; elsewhere they are built earlier.
LATE = BACKEND == "tensorflow"
# A trace of TensorFlow takes longer than a fit. JAX traces its step in any case.
HOW = {"run_eagerly": BACKEND == "tensorflow", "jit_compile": BACKEND == "jax"}


class Subclassed(keras.Model):
    def __init__(self):
        super().__init__()
        self.dense = keras.layers.Dense(1)

    def call(self, inputs):
        return self.dense(inputs)


class Watching(keras.layers.Layer):
    """A layer with a metric, which Keras also logs."""

    def __init__(self):
        super().__init__()
        self.act = keras.metrics.Mean(name="act")

    def call(self, inputs):
        self.act.update_state(inputs)
        return inputs


class Extremes(keras.metrics.Mean):
    """A metric that returns a dict, whose keys Keras logs."""

    def update_state(self, y_true, y_pred, sample_weight=None):
        return super().update_state(y_pred)

    def result(self):
        return {"low": super().result(), "high": super().result()}


def functional(*layers):
    outputs = inputs = keras.Input((1,))
    for layer in (*layers, keras.layers.Dense(1, name="out")):
        outputs = layer(outputs)
    return keras.Model(inputs, outputs)


def of_two_outputs(*layers):
    outputs = inputs = keras.Input((1,))
    for layer in layers:
        outputs = layer(outputs)
    named = {name: keras.layers.Dense(1, name=name)(outputs) for name in "ab"}
    return keras.Model(inputs, named)


def fit(model, *callbacks, y=X, epochs=1, **compiled):
    model.compile(sgd(0.5), **HOW, **{"loss": "mse", **compiled})
    validation = {"validation_data": (X, y), "verbose": 0, "epochs": epochs}
    return model.fit(X, y, callbacks=callbacks, **validation).history


# Each case has a model and the `metrics` argument of compile.
KINDS = {
    "subclassed": (Subclassed, lambda metrics: metrics),
    "no input": (
        lambda: keras.Sequential([keras.layers.Dense(1)]),
        lambda metrics: metrics,
    ),
    "by output": (functional, lambda metrics: {"out": metrics}),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("monitor", "mode"),
    [("val_binary_accuracy", "max"), ("mean_absolute_error", "min")],
)
def test_the_direction_is_known_once_an_epoch_has_the_metric(kind, monitor, mode):
    make, given = KINDS[kind]
    callback = ReduceOnPlateau(monitor)
    metrics = given(["binary_accuracy", "mean_absolute_error"])
    history = fit(make(), callback, metrics=metrics)
    assert callback.rule.mode == mode
    assert callback.get_state()["best"] == history[monitor][0]


@pytest.mark.parametrize("monitor", ["val_loss", "val_mae"])
def test_a_validation_metric_without_data_raises_as_early_as_possible(monitor):
    model = functional()
    model.compile(sgd(0.5), "mse", metrics=["mae"], **HOW)
    text = (
        "Argument `monitor` of ReduceOnPlateau must be the name of a metric of "
        f"training, as fit has no validation data. Received: monitor={monitor!r}. "
        "Pass validation_data or validation_split to fit, or monitor "
        f"{monitor.removeprefix('val_')!r}"
    )
    with pytest.raises(ValueError, match=f"^{re.escape(text)}$"):
        model.fit(X, X, verbose=0, callbacks=[ReduceOnPlateau(monitor, mode="min")])
    is_late = LATE and monitor != "val_loss"
    assert int(model.optimizer.iterations) == (1 if is_late else 0)


@pytest.mark.parametrize(
    "validation", [{"validation_data": (X, X)}, {"validation_split": 0.5}]
)
def test_a_validation_metric_can_be_monitored(validation):
    model, callback = functional(), ReduceOnPlateau("val_loss")
    model.compile(sgd(0.5), "mse", **HOW)
    history = model.fit(X, X, verbose=0, callbacks=[callback], **validation).history
    assert [callback.get_state()["best"]] == history["val_loss"]


class Validates(keras.callbacks.Callback):
    """Runs its own validation and adds the metrics to the logs."""

    def on_epoch_end(self, epoch, logs=None):
        logs["val_loss"] = self.model.evaluate(X, X, verbose=0)


def test_a_validation_by_another_callback_is_accepted():
    model, callback = functional(), ReduceOnPlateau("val_loss")
    model.compile(sgd(0.5), "mse", **HOW)
    model.fit(X, X, verbose=0, callbacks=[Validates(), callback])
    assert callback.get_state()["best"] is not None


def test_a_training_metric_may_have_the_name_of_a_validation_metric():
    model, callback = functional(), ReduceOnPlateau("val_mine", mode="min")
    metric = keras.metrics.MeanSquaredError(name="val_mine")
    model.compile(sgd(0.5), "mse", metrics=[metric], **HOW)
    history = model.fit(X, X, verbose=0, callbacks=[callback]).history
    assert [callback.get_state()["best"]] == history["val_mine"]


def distance(y_true, y_pred):
    return keras.ops.mean(y_pred - y_true, axis=-1)


@pytest.mark.parametrize("kind", KINDS)
def test_an_unknown_direction_raises_as_early_as_possible(kind):
    make, given = KINDS[kind]
    model = make()
    text = (
        "Argument `mode` of ReduceOnPlateau must be 'min' or 'max', as the direction "
        "of 'distance' is not known. Received: mode='auto'"
    )
    with pytest.raises(ValueError, match=f"^{re.escape(text)}$"):
        fit(model, ReduceOnPlateau("distance"), epochs=2, metrics=given([distance]))
    assert int(model.optimizer.iterations) == (1 if LATE else 0)


def test_the_direction_is_unknown_if_keras_adds_the_output_to_a_name():
    given = {**TWO, "metrics": {"a": ["mae"], "b": ["mae"]}}
    with pytest.raises(ValueError, match="direction of 'val_a_mae' is not known"):
        fit(of_two_outputs(), ReduceOnPlateau("val_a_mae"), **given)
    callback = ReduceOnPlateau("val_a_mae", mode="min")
    history = fit(of_two_outputs(), callback, **given)
    assert [callback.get_state()["best"]] == history["val_a_mae"]


def test_a_reset_in_the_middle_of_a_run_keeps_the_direction():
    class Resets(ReduceOnPlateau):
        def on_epoch_begin(self, epoch, logs=None):
            self.reset()

    callback = Resets("binary_accuracy")
    fit(functional(), callback, metrics=["binary_accuracy"])
    assert callback.rule.mode == "max"


TWO = {"y": {"a": X, "b": X}, "loss": {"a": "mse", "b": "mse"}}
MAE = {"metrics": ["mae"], "weighted_metrics": ["mae", "mae", "mse"]}
# Each case has a model, the arguments of compile and fit, and the names in the logs.
NAMED = {
    "losses of outputs": (of_two_outputs, TWO, ["loss", "a_loss", "b_loss"]),
    "losses of outputs and a metric of a layer": (
        *(lambda: of_two_outputs(Watching()), TWO),
        ["loss", "a_loss", "b_loss", "act"],
    ),
    "weighted metrics of the same name": (
        *(functional, MAE),
        ["loss", "mae", "weighted_mae", "weighted_mae_1", "mse"],
    ),
    "metrics of one name": (
        *(functional, {"metrics": ["mae", "mse", "mae", "mae"]}),
        ["loss", "mae", "mse", "mae_1", "mae_2"],
    ),
    "a metric of a layer": (
        *(lambda: functional(Watching()), {"metrics": ["mae"]}),
        ["loss", "mae", "act"],
    ),
    "a metric of a layer alone": (
        *(lambda: functional(Watching()), {}),
        ["loss", "act"],
    ),
    "several losses of one output": (
        *(functional, {"loss": ["mse", "mae"]}),
        ["loss", "out_loss"],
    ),
    "a metric of several values": (
        *(functional, {"metrics": [Extremes()]}),
        ["loss", "low", "high"],
    ),
    "a loss that is a function": (
        *(functional, {"loss": lambda y, p: keras.ops.mean(p - y)}),
        ["loss"],
    ),
}


@pytest.mark.filterwarnings("error::UserWarning")
@pytest.mark.parametrize("kind", NAMED)
def test_each_name_that_keras_logs_can_be_monitored(kind):
    if BACKEND == "jax" and "of a layer" in kind:
        pytest.skip("on JAX a step of Keras fails if a layer has a metric")
    make, given, names = NAMED[kind]
    names = [*names, *(f"val_{name}" for name in names)]
    callbacks = [ReduceOnPlateau(name, mode="min") for name in names]
    history = fit(make(), *callbacks, **given)
    assert {c.monitor: [c.get_state()["best"]] for c in callbacks} == history


@pytest.mark.parametrize("kind", NAMED)
def test_a_name_that_keras_will_not_log_raises_as_early_as_possible(kind):
    make, given, names = NAMED[kind]
    model = make()
    listed = [*sorted(names), *(f"val_{name}" for name in sorted(names))]
    text = (
        f"Argument `monitor` of ReduceOnPlateau must be one of {', '.join(listed)}. "
        "Received: monitor='val_act_1'"
    )
    with pytest.raises(ValueError, match=f"^{re.escape(text)}$"):
        fit(model, ReduceOnPlateau("val_act_1", mode="min"), **given)
    assert int(model.optimizer.iterations) == (1 if LATE else 0)
