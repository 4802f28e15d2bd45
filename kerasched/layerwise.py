"""Layer-wise learning-rate decay: lower rates for lower layers.

Keras's own OptimizerMap identifies a variable by its path. The path may change when a
model is loaded, for instance in a Sequential that was built by its first call. Here a
variable is identified by its index among the trainable variables, which is stable.
"""

import itertools
import warnings
from collections.abc import Callable
from collections.abc import Hashable
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Sequence
from typing import Any

import keras
from keras.optimizers.schedules import LearningRateSchedule

from kerasched.errors import message
from kerasched.optimizers.values import hold_values
from kerasched.schedules.arguments import Positive
from kerasched.schedules.arguments import Rate
from kerasched.schedules.arguments import check_of
from kerasched.schedules.registry import PACKAGE
from kerasched.schedules.wrappers import Scale

# The package can be imported with an older Keras; using this raises an error.
_MultiOptimizer: Any = getattr(
    keras.optimizers, "MultiOptimizer", keras.optimizers.Optimizer
)
# A layer with a smaller factor on its rate hardly changes in any training.
SMALL = 1e-6


def layerwise(
    model: keras.Model,
    schedule: LearningRateSchedule | float,
    decay: float = 0.75,
    optimizer: Any = None,
    *,
    groups: Callable[[keras.layers.Layer], Hashable] | None = None,
) -> "keras.optimizers.MultiOptimizer":
    """Return an optimizer whose rate shrinks from each layer to the one below it.

    schedule(step) * decay**(number of depths above)

    Each layer with weights is a depth, in the order of `model.layers`. Layers of nested
    models count one by one, any other layer counts as one. Weights that belong to no
    layer get the schedule itself. Clipping by a global norm applies to each depth
    separately.

    Deep models need `groups`: MobileNetV2 has 105 layers with weights, and
    0.75**104 is 1e-13. Grouped by the prefixes of its layers' names it has 19 depths:
    the stem, expanded_conv, block_1 to block_16, and the head. For the names in the
    stem and the head the function below returns "": they are two depths all the same,
    because they are not neighbours.

        def block(layer):
            return re.match("expanded_conv|block_[0-9]+|", layer.name)[0]

        layerwise(keras.applications.MobileNetV2(), 1e-3, groups=block)

    Args:
        model: a model that is built. Freeze and unfreeze layers before.
        schedule: the rate of the last layer that has weights; a number or a schedule.
        decay: the factor from a depth to the one below it, above 0.
        optimizer: the optimizer of each depth: a function or class that takes a rate,
            an optimizer that is copied with other rates, or a name or config for
            `keras.optimizers.get`. None for keras.optimizers.AdamW.
        groups: a function that is called with each layer that has weights. Neighbours
            with equal return values are one depth; an equal value elsewhere is another
            depth. None to make each layer a depth.

    Returns:
        A keras.optimizers.MultiOptimizer, which is saved with the model. A UserWarning
        is issued if the lowest trainable weights get less than 1e-6 of the schedule.

    Raises:
        TypeError: an argument has the wrong type.
        ValueError: the model has no trainable weights, or a number is out of range.
        RuntimeError: the installed Keras is older than 3.15.
    """
    _require_multi_optimizer("layerwise")
    if not isinstance(model, keras.Model):
        raise TypeError(message("layerwise", "model", "a keras.Model", model))
    if not model.trainable_variables:
        fix = "Call it on data or give it an Input, and leave a layer trainable"
        what = "a model with trainable weights"
        raise ValueError(message("layerwise", "model", what, model, fix))
    if not isinstance(schedule, LearningRateSchedule):
        schedule = check_of(Rate)("layerwise", "schedule", schedule)
    decay = check_of(Positive)("layerwise", "decay", decay)
    make = _factory(optimizer)
    above = _depths_above(model, groups)
    counts = [above.get(id(variable), 0) for variable in model.trainable_variables]
    depths = sorted(set(counts))
    _warn_of_small_factors(depths, decay)
    members = [make(_scaled(schedule, decay**depth)) for depth in depths]
    places = [depths.index(count) for count in counts]
    combined = LayerwiseOptimizer(OptimizerByPlace(members, places))
    combined.build(model.trainable_variables)
    return combined


@keras.saving.register_keras_serializable(PACKAGE)
class OptimizerByPlace:
    """A map from trainable variables to optimizers, by the index of the variable.

    Args:
        optimizers: the optimizers.
        places: for each trainable variable of the model, in the model's order, the
            index of its optimizer.
    """

    def __init__(
        self, optimizers: Iterable[keras.optimizers.Optimizer], places: Sequence[int]
    ) -> None:
        self.optimizers, self.places = list(optimizers), list(places)
        self._of_variable: dict[int, keras.optimizers.Optimizer] = {}

    def bind(self, variables: Sequence[Any]) -> None:
        """Assign an optimizer to each trainable variable of a model.

        Raises:
            ValueError: there are more or fewer variables than places.
        """
        if len(variables) != len(self.places):
            raise ValueError(
                f"The model must have {len(self.places)} trainable variables, as when "
                f"layerwise was called. Received: {len(variables)}. Freeze and "
                "unfreeze layers before calling layerwise."
            )
        self._of_variable = {
            id(variable): self.optimizers[place]
            for variable, place in zip(variables, self.places, strict=True)
        }

    def values(self) -> list[keras.optimizers.Optimizer]:
        """Return the optimizers. Keras calls this method to list them."""
        return self.optimizers

    def with_optimizers(
        self, optimizers: Iterable[keras.optimizers.Optimizer]
    ) -> "OptimizerByPlace":
        """Return a map to other optimizers, in the order of `values()`."""
        return OptimizerByPlace(optimizers, self.places)

    def __call__(self, variable: Any) -> keras.optimizers.Optimizer:
        """Return the optimizer of a variable."""
        return self._of_variable[id(variable)]

    def get_config(self) -> dict[str, Any]:
        """Return the arguments, the optimizers serialised."""
        serialize = keras.saving.serialize_keras_object
        return {
            "optimizers": [serialize(optimizer) for optimizer in self.optimizers],
            "places": self.places,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "OptimizerByPlace":
        """Return the map that `get_config` described."""
        deserialize = keras.saving.deserialize_keras_object
        return cls(map(deserialize, config["optimizers"]), config["places"])


@keras.saving.register_keras_serializable(PACKAGE)
class LayerwiseOptimizer(_MultiOptimizer):
    """Several optimizers, each for the variables that an OptimizerByPlace assigns."""

    def __init__(
        self,
        optimizer_map: OptimizerByPlace,
        loss_scale_factor: float | None = None,
        name: str | None = None,
    ) -> None:
        _require_multi_optimizer("LayerwiseOptimizer")
        super().__init__(optimizer_map, loss_scale_factor, name)
        self._by_place = optimizer_map

    def build(self, var_list: Sequence[Any]) -> None:
        """Create the optimizers' variables for the trainable variables of a model."""
        if not self.built:
            self._by_place.bind(var_list)
        super().build(var_list)

    def finalize_variable_values(self, var_list: Sequence[Any]) -> None:
        """Assign the moving averages to the weights, if there are any."""
        if hold_values(self.variables):  # On JAX not after a step that raised.
            super().finalize_variable_values(var_list)


def _require_multi_optimizer(owner: str) -> None:
    """Raise RuntimeError if the installed Keras has no MultiOptimizer."""
    if not hasattr(keras.optimizers, "MultiOptimizer"):
        raise RuntimeError(
            f"{owner} needs Keras 3.15 or later, which has MultiOptimizer. "
            f"Installed: Keras {keras.__version__}. Upgrade keras."
        )


def _factory(optimizer: Any) -> Callable[[Any], keras.optimizers.Optimizer]:
    """Return a function that makes an optimizer with a rate."""
    if optimizer is None:
        return keras.optimizers.AdamW
    if callable(optimizer):
        return optimizer
    pattern = keras.optimizers.get(optimizer)
    config = pattern.get_config()
    return lambda rate: type(pattern).from_config({**config, "learning_rate": rate})


def _scaled(schedule: Any, factor: float) -> Any:
    if factor == 1.0:
        return schedule
    if isinstance(schedule, LearningRateSchedule):
        return Scale(schedule, factor)
    return schedule * factor


def _warn_of_small_factors(depths: Sequence[int], decay: float) -> None:
    smallest = min(decay**depth for depth in depths)
    if smallest < SMALL:
        warnings.warn(
            f"layerwise finds {max(depths) + 1} depths in the model: with "
            f"decay={decay:g} the smallest factor on the learning rate is "
            f"{smallest:.1e}. Count several layers as one depth with `groups`, or use "
            "a `decay` nearer to 1.",
            stacklevel=3,
        )


def _depths_above(model: keras.Model, groups: Any) -> dict[int, int]:
    """Return the number of depths above each variable, by the variable's id."""
    layers = [layer for layer in _flattened(model) if layer.weights]
    return {
        id(variable): above
        # A layer that occurs twice gets the value of its lower position, set last.
        for above, depth in enumerate(reversed(_depths(layers, groups)))
        for layer in depth
        for variable in layer.weights
    }


def _depths(layers: list[keras.layers.Layer], groups: Any) -> list[list[Any]]:
    """Return the layers of each depth, lowest first."""
    if groups is None:
        return [[layer] for layer in layers]
    what = "None or a function of a layer that returns a hashable value"
    if not callable(groups):
        raise TypeError(message("layerwise", "groups", what, groups))
    keys = [groups(layer) for layer in layers]
    for layer, key in zip(layers, keys, strict=True):
        if not isinstance(key, Hashable):
            fix = f"For layer {layer.name!r} it returned {key!r}"
            raise TypeError(message("layerwise", "groups", what, groups, fix))
    pairs = itertools.groupby(zip(keys, layers, strict=True), lambda pair: pair[0])
    return [[layer for _, layer in members] for _, members in pairs]


def _flattened(model: keras.Model) -> Iterator[keras.layers.Layer]:
    """Return the layers of a model and of nested models, lowest first."""
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            yield from _flattened(layer)
        else:
            yield layer
